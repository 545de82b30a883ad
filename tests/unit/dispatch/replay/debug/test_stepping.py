"""`--step`, `--until` and `--break`: where a replay halts, what it shows there, how it goes on."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from rich.console import Console

from dispatch.replay.debug.debugging import Debugging
from dispatch.replay.debug.pacing import Pacing
from dispatch.replay.debug.stepping import Place, Stepper, parse_place
from dispatch.replay.deciding import replay_of
from dispatch.replay.observing import Taken
from dispatch.replay.report.step_view import show_decision
from dispatch.replay.results import StageResult
from kernel.domain.errors import ConfigError
from kernel.testing.builders import NOW, a_signal
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.replays import a_recording, replayed

REPLAY = {"selector": replay_of("selector", PARAMS, "replaying")}


class Person:
    """Types what it was told to, and notes what it was shown."""

    def __init__(self, *words: str) -> None:
        self.shown: list[tuple[str, int, int]] = []
        self._words = iter(words)

    def ask(self) -> str:
        return next(self._words)

    def show(self, taken: Taken, number: int, total: int) -> None:
        self.shown.append((taken.row.status.value, number, total))

    @property
    def numbers(self) -> list[int]:
        return [number for _, number, _ in self.shown]


async def stepped(
    log: MemoryLog, person: Person, debugging: Debugging, *settings: str
) -> tuple[StageResult, Stepper]:
    (stepper,) = debugging.observers(REPLAY, now=NOW, ask=person.ask, show=person.show)
    assert isinstance(stepper, Stepper)
    (result,) = await replayed(log, "selector", settings=settings, observers=[stepper])
    return result, stepper


async def test_a_person_goes_from_decision_to_decision_to_the_end() -> None:
    person = Person("", "\n", " ")
    result, _ = await stepped(await a_recording(), person, Debugging(step=True))
    assert person.shown == [("same", 1, 4), ("same", 2, 4), ("same", 3, 4), ("same", 4, 4)]
    assert (len(result.rows), result.left) == (4, 0)


async def test_q_stops_and_what_was_not_decided_is_counted() -> None:
    person = Person("", "q")
    result, _ = await stepped(await a_recording(), person, Debugging(step=True))
    assert person.numbers == [1, 2]
    assert (len(result.rows), result.left) == (2, 2)


async def test_what_is_no_answer_is_asked_again() -> None:
    person = Person("what", "next?", "Q")
    await stepped(await a_recording(), person, Debugging(step=True))
    assert person.numbers == [1]


async def test_c_goes_on_to_the_end_where_nothing_is_to_halt_at() -> None:
    person = Person("c")
    result, _ = await stepped(await a_recording(), person, Debugging(step=True))
    assert person.numbers == [1]
    assert result.left == 0


async def test_c_goes_on_to_where_the_condition_is_true_and_enter_to_the_next() -> None:
    person = Person("c", "", "q")
    debugging = Debugging(step=True, condition="status == 'changed'")
    await stepped(await a_recording(["SPY"] * 6), person, debugging, "selector.min_score=90")
    assert person.shown == [("changed", 2, 6), ("changed", 4, 6), ("same", 5, 6)]


async def test_without_a_terminal_the_first_place_is_the_end() -> None:
    person = Person()
    debugging = Debugging(condition="answer.code == 'SCORE_BELOW_MINIMUM'")
    result, stepper = await stepped(await a_recording(), person, debugging, "selector.min_score=90")
    assert person.shown == [("changed", 2, 4)]
    assert result.left == 2
    assert stepper.halted


async def test_a_condition_that_is_never_true_leaves_a_whole_replay() -> None:
    person = Person()
    result, stepper = await stepped(await a_recording(), person, Debugging(condition="status == 'missing'"))
    assert (person.shown, result.left, stepper.halted) == ([], 0, False)


@pytest.mark.parametrize(
    ("condition", "at"),
    [
        ("signal.idea.direction == 'bearish'", None),
        ("answer.score.total < 80", 2),
        ("then.score.total < 80 and answer == None", None),
        ("evidence.items[0].name == 'question' and answer.score.total > 70", 1),
        ("'score.total' in differing", 1),
        ("status == 'changed' and then.score.total < answer.score.total", None),
        ("then.score.total > answer.score.total", 1),
    ],
)
async def test_a_condition_sees_input_answers_evidence_and_differences(
    condition: str, at: int | None
) -> None:
    person = Person()
    debugging = Debugging(condition=condition)
    await stepped(await a_recording(), person, debugging, "selector.scoring.volume_points=20")
    assert person.numbers == ([] if at is None else [at])


async def test_it_runs_to_a_signal_and_steps_from_there() -> None:
    person = Person("", "q")
    third = a_signal("signal 2").meta.id
    await stepped(await a_recording(), person, Debugging(step=True, until=third[:8]))
    assert person.numbers == [3, 4]


async def test_it_runs_to_the_first_input_written_at_an_instant_or_after() -> None:
    log, person = await a_recording(), Person()
    at = log.signals()[1].written_at
    await stepped(log, person, Debugging(until=at.isoformat()))
    await stepped(log, person, Debugging(until=(at + timedelta(milliseconds=1)).isoformat()))
    assert person.numbers == [2, 3]


@pytest.mark.parametrize("until", ["ffffffff", "2099-01-01T00:00:00Z"])
async def test_a_place_that_is_not_in_the_range_is_refused_before_anything_is_decided(until: str) -> None:
    person = Person()
    with pytest.raises(ConfigError, match="none of the 4 inputs of the selector in this range is"):
        await stepped(await a_recording(), person, Debugging(until=until))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("3d20d222", Place(signal_id="3d20d222")),
        ("2026-06-05T10:00:00Z", Place(moment=NOW.replace(hour=10, minute=0, second=0))),
        ("30m", Place(moment=NOW - timedelta(minutes=30))),
    ],
)
def test_a_place_is_a_signal_an_instant_or_a_time_back(text: str, place: Place) -> None:
    assert parse_place(text, NOW) == place


@pytest.mark.parametrize("text", ["", "2026-06-05", "10:30", "2026-06-05T10:00:00"])
def test_a_time_without_a_zone_and_nothing_are_no_places(text: str) -> None:
    with pytest.raises(ConfigError, match="--until"):
        parse_place(text, NOW)


@pytest.mark.parametrize(
    ("debugging", "stages", "ask", "said"),
    [
        (Debugging(step=True), ("selector",), None, "--step asks at a terminal"),
        (Debugging(step=True, speed=2), ("selector",), lambda: "", "leave out --speed"),
        (Debugging(step=True), ("selector", "sizer"), lambda: "", "act on one stage"),
        (Debugging(speed=1), ("selector", "sizer"), None, "act on one stage"),
        (Debugging(condition="selection.mid > 1"), ("selector",), None, "there is no 'selection'"),
    ],
)
def test_options_that_cannot_be_are_refused(
    debugging: Debugging, stages: tuple[str, ...], ask: Callable[[], str] | None, said: str
) -> None:
    replays = {name: replay_of(name, PARAMS, "replaying") for name in stages}
    with pytest.raises(ConfigError, match=said):
        debugging.observers(replays, now=NOW, ask=ask, show=lambda *_: None)


def test_nobody_looks_on_unless_asked_and_a_pace_goes_with_places() -> None:
    def kinds(debugging: Debugging) -> list[type]:
        found = debugging.observers(REPLAY, now=NOW, ask=None, show=lambda *_: None)
        return [type(each) for each in found]

    assert kinds(Debugging()) == []
    assert kinds(Debugging(speed=4)) == [Pacing]
    assert kinds(Debugging(speed=4, condition="answer.mid > 1")) == [Pacing, Stepper]


async def test_a_halted_decision_is_told_with_its_arithmetic_now_and_then() -> None:
    out = io.StringIO()
    console = Console(file=out, soft_wrap=True, width=100)

    class Shown(Person):
        def show(self, taken: Taken, number: int, total: int) -> None:
            show_decision(console, taken, number, total)

    debugging = Debugging(condition="status == 'changed'")
    await stepped(await a_recording(), Shown(), debugging, "selector.min_score=90")
    told = out.getvalue()
    assert "2 of 4  SPY  changed" in told
    assert "given  signal: SPY bullish day_trade" in told
    assert "saw    evidence of the selector: question" in told
    assert "now    refused by the selector: SCORE_BELOW_MINIMUM" in told
    assert "then   selected SPY260612C00525000 with quality score 72.1/100" in told
    assert "volume 400 (day_bar) -> 20.0" in told


@pytest.mark.parametrize(
    ("debugging", "in_vain"),
    [
        (Debugging(condition="answer.score.total < 1"), True),
        (Debugging(condition="answer.score.total < 99"), False),
        (Debugging(speed=0, step=True), False),
    ],
)
async def test_only_a_condition_can_be_waited_for_in_vain(debugging: Debugging, in_vain: bool) -> None:
    person = Person("q")
    _, stepper = await stepped(await a_recording(), person, debugging)
    assert stepper.waited_in_vain is in_vain


def test_a_stepper_that_never_came_to_halt_waited_for_nothing_where_nothing_was_to_be_true() -> None:
    (stepper,) = Debugging(step=True).observers(REPLAY, now=NOW, ask=Person().ask, show=Person().show)
    assert isinstance(stepper, Stepper)
    assert not stepper.waited_in_vain
