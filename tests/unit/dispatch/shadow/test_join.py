"""When a decision is put together, and when it is given up."""

from datetime import timedelta

from dispatch.shadow.join import Join, Rules
from tests.fakes.shadow_log import ShadowLog, answer_of, at, enter, evidence_of, signal

RULES = Rules(settle=timedelta(seconds=3), patience=timedelta(seconds=60), bytes_max=1000)
SIGNALS, EVIDENCE, SELECTIONS = ("signals", 0), ("evidence", 0), ("selections", 0)
ASKED = signal(0)


def test_a_decision_is_ripe_when_all_is_there_and_nothing_more_came_of_it() -> None:
    join, log = Join(RULES), ShadowLog()
    enter(join, log.write(SIGNALS, 0, ASKED))
    enter(join, log.write(EVIDENCE, 1, evidence_of(ASKED, at(1))))
    enter(join, log.write(SELECTIONS, 2, answer_of(ASKED, at(1))))
    assert (join.ripe(at(4.9)), join.waiting) == ([], 1)
    (joined,) = join.ripe(at(5))
    assert joined.given.message == ASKED
    assert [e.message for e in joined.recorded] == [answer_of(ASKED, at(1))]
    assert joined.evidence == evidence_of(ASKED, at(1))
    assert (join.ripe(at(1000)), join.waiting) == ([], 0)


def test_how_long_it_is_quiet_counts_from_what_was_written_last_and_not_from_what_was_read_last() -> None:
    join, log = Join(RULES), ShadowLog()
    enter(join, log.write(SELECTIONS, 10, answer_of(ASKED, at(9))))
    enter(join, log.write(EVIDENCE, 9, evidence_of(ASKED, at(9))))
    enter(join, log.write(SIGNALS, 0, ASKED))
    assert join.ripe(at(12.9)) == []
    assert len(join.ripe(at(13))) == 1


def test_the_evidence_of_a_decision_nobody_took_is_not_the_answers() -> None:
    join, log = Join(RULES), ShadowLog()
    enter(join, log.write(SIGNALS, 0, ASKED))
    enter(join, log.write(EVIDENCE, 1, evidence_of(ASKED, at(1))))
    enter(join, log.write(EVIDENCE, 9, evidence_of(ASKED, at(9))))
    enter(join, log.write(SELECTIONS, 9, answer_of(ASKED, at(9))))
    (joined,) = join.ripe(at(12))
    assert joined.evidence == evidence_of(ASKED, at(9))
    assert len(joined.parts) == 3


def test_an_input_without_answer_is_given_up_when_patience_ends() -> None:
    join, log = Join(RULES), ShadowLog()
    enter(join, log.write(SIGNALS, 0, ASKED))
    enter(join, log.write(EVIDENCE, 5, evidence_of(ASKED, at(5))))
    assert join.ripe(at(64.9)) == []
    (joined,) = join.ripe(at(65))
    assert (joined.recorded, joined.evidence) == ((), evidence_of(ASKED, at(5)))
    late = log.write(SELECTIONS, 70, answer_of(ASKED, at(5)))
    enter(join, late)
    assert join.strays() == [late.place]


def test_an_answer_without_its_evidence_is_waited_for_with_patience_too() -> None:
    join, log = Join(RULES), ShadowLog()
    enter(join, log.write(SIGNALS, 0, ASKED))
    enter(join, log.write(EVIDENCE, 1, evidence_of(ASKED, at(1))))
    enter(join, log.write(SELECTIONS, 2, answer_of(ASKED, at(2))))
    assert join.ripe(at(61)) == []
    (joined,) = join.ripe(at(62))
    assert (len(joined.recorded), joined.evidence) == (1, None)


def test_what_belongs_to_an_input_of_before_our_time_is_a_stray() -> None:
    join, log = Join(RULES), ShadowLog()
    seen = log.write(EVIDENCE, 0, evidence_of(ASKED, at(0)))
    answer = log.write(SELECTIONS, 1, answer_of(ASKED, at(0)))
    enter(join, seen)
    enter(join, answer)
    assert (join.ripe(at(60)), join.strays()) == ([], [])
    assert (join.ripe(at(61)), join.strays(), join.strays()) == ([], [seen.place, answer.place], [])


def test_an_input_that_is_written_again_counts_once() -> None:
    join, log = Join(RULES), ShadowLog()
    first, again = log.write(SIGNALS, 0, ASKED), log.write(SIGNALS, 1, ASKED)
    enter(join, first)
    enter(join, again)
    (joined,) = join.ripe(at(61))
    assert joined.given.record == first.record
    assert joined.parts == (again.place,)
    third = log.write(SIGNALS, 100, ASKED)
    enter(join, third)
    assert (join.waiting, join.strays(), join.ripe(at(1000))) == (0, [third.place], [])


def test_beyond_what_may_be_held_the_oldest_is_judged_as_it_stands() -> None:
    join, log = Join(RULES), ShadowLog()
    asked = [signal(number) for number in range(3)]
    for number, each in enumerate(asked):
        enter(join, log.write(SIGNALS, number, each))
        enter(join, log.write(EVIDENCE, number, evidence_of(each, at(number)), size=400))
    (joined,) = join.ripe(at(3))
    assert (joined.given.message, joined.timely) == (asked[0], False)
    assert join.waiting == 2
    assert join.ripe(at(3)) == []


def test_a_decision_of_before_that_comes_again_with_its_input_is_no_news() -> None:
    join, log = Join(RULES), ShadowLog()
    join.knows(ASKED.meta.id, at(-3600))
    again = log.write(SIGNALS, 0, ASKED)
    answer = log.write(SELECTIONS, 1, answer_of(ASKED, at(-3600)))
    enter(join, again)
    enter(join, answer)
    assert (join.ripe(at(3.9)), join.strays()) == ([], [])
    assert join.ripe(at(4)) == []
    assert set(join.strays()) == {again.place, answer.place}


def test_an_input_of_before_that_is_decided_anew_is_judged_by_the_new_decision() -> None:
    join, log = Join(RULES), ShadowLog()
    join.knows(ASKED.meta.id, at(-3600))
    enter(join, log.write(SIGNALS, 0, ASKED))
    old = log.write(SELECTIONS, 0, answer_of(ASKED, at(-3600)))
    enter(join, old)
    enter(join, log.write(EVIDENCE, 1, evidence_of(ASKED, at(1))))
    enter(join, log.write(SELECTIONS, 1, answer_of(ASKED, at(1))))
    (joined,) = join.ripe(at(4))
    assert [e.message for e in joined.recorded] == [answer_of(ASKED, at(1))]
    assert old.place in joined.parts
