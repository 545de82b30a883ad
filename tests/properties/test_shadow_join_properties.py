"""A shadow's join: whatever order the partitions are read in, the decisions it puts together are the same."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dispatch.shadow.join import Join, Joined, Rules
from tests.fakes.shadow_log import PARTITIONS, ShadowLog, answer_of, at, evidence_of, followed, signal

#: What came of one signal: is it in the log, how many decisions were begun, was the last one told, and told twice.
STORIES = st.tuples(
    st.booleans(), st.integers(0, 2), st.booleans(), st.booleans(), st.floats(0, 5), st.floats(0.1, 20)
)
TURNS = st.lists(st.lists(st.sampled_from(PARTITIONS), max_size=6), max_size=25)
Key = tuple[str, tuple[str, ...], datetime | None]


def write(stories: Sequence[tuple[bool, int, bool, bool, float, float]]) -> ShadowLog:
    records: list[tuple[float, tuple[str, int], Any]] = []
    for number, (is_given, decisions, told, twice, begins, takes) in enumerate(stories):
        asked, where = signal(number), number % 2
        if is_given:
            records.append((begins, ("signals", where), asked))
        for i in range(decisions):
            decided = begins + takes * (i + 1)
            records.append((decided, ("evidence", (number + i) % 2), evidence_of(asked, at(decided))))
        if told and decisions:
            at_s = begins + takes * decisions
            answer = answer_of(asked, at(at_s))
            records += [(at_s + 0.1, ("selections", 0), answer)] * (2 if twice else 1)
    log = ShadowLog()
    for seconds, partition, message in sorted(records, key=lambda record: record[0]):
        log.write(partition, seconds, message)
    return log


def key(joined: Joined) -> Key:
    seen = joined.evidence
    return (
        joined.given.id,
        tuple(e.message.meta.id for e in joined.recorded),
        None if seen is None else seen.decided_at,
    )


@given(st.lists(STORIES, max_size=6), TURNS)
def test_any_interleaving_of_the_partitions_gives_the_same_decisions(
    stories: Sequence[tuple[bool, int, bool, bool, float, float]], turns: list[list[tuple[str, int]]]
) -> None:
    log = write(stories)
    in_turn, _ = followed(Join(Rules()), log, [])
    joined, left_over = followed(Join(Rules()), log, turns)
    assert sorted(map(key, joined)) == sorted(map(key, in_turn))
    expected = {
        signal(n).meta.id: (told and decisions > 0, decisions)
        for n, (is_given, decisions, told, *_) in enumerate(stories)
        if is_given
    }
    assert {each.given.id: (bool(each.recorded), each.evidence is not None) for each in joined} == {
        input_id: (told, decisions > 0) for input_id, (told, decisions) in expected.items()
    }
    accounted = [*left_over, *(place for each in joined for place in each.parts)]
    accounted += [w.place for part in (0, 1) for w in log.written["signals", part]]
    everything = [w.place for each in log.written.values() for w in each]
    assert sorted(accounted) == sorted(everything), "each record is done with once"
