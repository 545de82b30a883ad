from datetime import UTC, datetime, timedelta

from kernel.contracts.base import Message
from kernel.testing.builders import a_selection, a_signal
from tests.chaos.nemesis.facts import Written
from tests.chaos.nemesis.faults import Struck
from tests.chaos.nemesis.feed import Sent
from tests.chaos.nemesis.recovery import recoveries
from tests.chaos.nemesis.schedule import Fault, Kind

BEGAN = datetime(2026, 6, 5, 14, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def killed(kind: Kind = Kind.STAGE_KILL, target: str = "selector-2", began_s: float = 0.0) -> Struck:
    return Struck(Fault(kind, target, began_s, 1.0), at(began_s), at(began_s + 1))


def sent(name: str, due_s: float) -> Sent:
    return Sent(name, at(due_s), at(due_s), a_signal(name).meta.id)


def selected(name: str, at_s: float) -> Written:
    message: Message = a_selection(name)
    return Written("selections", message, at(at_s))


def test_a_stage_is_back_with_the_first_signal_that_was_due_after_its_end() -> None:
    log = [selected("before", 0.5), selected("next", 7.0), selected("quick", 4.0)]

    (found,) = recoveries([killed()], log, [sent("before", -1.0), sent("next", 2.0), sent("quick", 3.0)])

    assert (found.next_s, found.last_s) == (4.0, 7.0)
    assert found.alone
    assert found.in_time


def test_a_repeat_does_not_count_as_the_first_time() -> None:
    (found,) = recoveries([killed()], [selected("a", 9.0), selected("a", 3.0)], [sent("a", 1.0)])

    assert found.next_s == 3.0


def test_a_stage_that_never_came_back_has_no_figure_and_is_not_in_time() -> None:
    (found,) = recoveries([killed()], [], [sent("a", 1.0)])

    assert found.next_s is None
    assert not found.in_time


def test_a_fault_is_not_alone_when_another_stands_while_it_is_got_over() -> None:
    both = [killed(), killed(Kind.BROKER_KILL, "broker", began_s=0.5)]

    found = recoveries(both, [selected("a", 5.0)], [sent("a", 1.0)])

    assert [each.alone for each in found] == [False, False]


def test_faults_without_a_bound_are_not_measured() -> None:
    assert recoveries([killed(Kind.STAGE_PAUSE)], [], []) == []
