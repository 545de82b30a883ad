"""Latched: whatever happens to the switch, only a person's `resume` loosens it."""

from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kernel.domain.control import EVERYTHING, ControlState, Switch, resumed, sends, tightened
from kernel.testing.builders import NOW

STATES = list(ControlState)
START = Switch(
    scope=EVERYTHING,
    state=ControlState.ACTIVE,
    reason="never stopped",
    by="migration",
    since=NOW,
    version=1,
    counts_from=NOW,
)
#: What breakers and people ask for; None: a person resumes.
asked = st.tuples(st.sampled_from(STATES), st.booleans())
events = st.lists(st.none() | asked, max_size=30)


def play(switch: Switch, happened: list[tuple[ControlState, bool] | None]) -> list[Switch]:
    seen = [switch]
    for n, event in enumerate(happened, start=1):
        now = NOW + timedelta(seconds=n)
        if event is None:
            seen.append(resumed(seen[-1], reason=f"r{n}", by="ada", now=now))
        else:
            state, cancel = event
            seen.append(
                tightened(seen[-1], state, reason=f"t{n}", by="executor", now=now, cancel_orders=cancel)
            )
    return seen


@given(st.lists(asked, max_size=30))
def test_no_sequence_of_breakers_loosens(happened: list[tuple[ControlState, bool] | None]) -> None:
    seen = play(START, happened)

    tightness = [STATES.index(switch.state) for switch in seen]
    assert tightness == sorted(tightness)
    assert all(switch.counts_from == NOW for switch in seen)
    for before, after in pairwise(seen):
        for opens in (True, False):
            assert sends(before.state, opens=opens) or not sends(after.state, opens=opens)
        assert after.cancel_orders or not before.cancel_orders


@given(events)
def test_every_change_is_one_version_and_no_change_is_none(
    happened: list[tuple[ControlState, bool] | None],
) -> None:
    seen = play(START, happened)

    for before, after in pairwise(seen):
        assert after.version - before.version == (0 if after is before else 1)
        assert after is before or (after.state, after.cancel_orders) != (before.state, before.cancel_orders)


@given(events)
def test_only_a_resume_makes_it_active_and_it_counts_from_the_last_that_did(
    happened: list[tuple[ControlState, bool] | None],
) -> None:
    seen = play(START, happened)

    for event, before, after in zip(happened, seen, seen[1:], strict=False):
        if after.active and not before.active:
            assert event is None
            assert after.counts_from == after.since
        else:
            assert after.counts_from == before.counts_from
        assert not (after.active and after.cancel_orders)
