"""The signals stage decides again what it decided live, on evidence as it comes from the topic."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Signal
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded, Replay
from kernel.testing.builders import a_signal
from kernel.testing.driver import RecordingPublisher
from services.signals.core.alerts import read_alert
from services.signals.replay import SignalsReplay
from tests.fakes.params import PARAMS
from tests.fakes.signals_desk import Desk, Scene
from tests.fakes.signals_market import OPENS_AT, SESSION, a_breakout_day, a_pullback_history

REPLAY: Replay[Signal] = SignalsReplay(PARAMS, "another revision")
BODY = b'{"id": "tv-1", "ticker": "SPY", "direction": "buy", "strategy": "swing", "price": 520.100}'
Story = tuple[Evidence, Signal]


def with_signals(**values: Any) -> TradingParams:
    return PARAMS.model_copy(update={"signals": PARAMS.signals.model_copy(update=values)})


def recorded(publisher: RecordingPublisher) -> list[Story]:
    """Return each signal with the evidence before it, as they travel."""
    codec = Codec()
    messages = [codec.decode(e.topic, codec.encode(e.topic, e.message)) for e in publisher.published]
    return list(zip(messages[::2], messages[1::2], strict=True))


async def scanned(*, seconds: float = 0) -> list[Story]:
    """Scan a day on which both strategies speak; the venue takes `seconds` to answer."""
    scene = Scene(a_breakout_day(), a_pullback_history())
    scene.bars.takes = lambda: scene.clock.advance(timedelta(seconds=seconds))
    await scene.scanner.scan()
    stories = recorded(scene.publisher)
    assert {s.setup for _, s in stories} == {"opening_range_breakout", "trend_pullback"}
    return stories


async def alerted(body: bytes = BODY) -> Story:
    world, alert = Desk(), read_alert(body)
    await world.desk.accept(alert, body)  # type: ignore[arg-type]  # a refused one has no id, and raises here
    (story,) = recorded(world.publisher)
    return story


async def again(
    signal: Signal, evidence: Evidence | None, params: TradingParams = PARAMS
) -> Sequence[Signal]:
    emissions = await SignalsReplay(params, "another revision").decide(signal, evidence)
    assert all(e.topic is SIGNALS for e in emissions)
    return [e.message for e in emissions]


def signed_alike(message: Message) -> Message:
    signature = {"revision": "", "config_hash": ""}
    return message.model_copy(update={"meta": message.meta.model_copy(update=signature)})


async def test_an_alert_becomes_the_same_signal_again() -> None:
    evidence, signal = await alerted()

    (replayed,) = await again(signal, evidence)

    assert signed_alike(replayed) == signed_alike(signal)


@pytest.mark.parametrize("seconds", [0, 3])
async def test_every_setup_of_a_scan_becomes_the_same_signal_again(seconds: float) -> None:
    for evidence, signal in await scanned(seconds=seconds):
        (replayed,) = await again(signal, evidence)
        assert signed_alike(replayed) == signed_alike(signal)


async def test_a_signal_decided_as_the_session_closed_is_decided_again() -> None:
    """The scanner looked while the session ran, and had its answers when it was over."""
    minutes = a_breakout_day()
    shift = SESSION.closes_at - timedelta(minutes=1) - minutes[-1].ends_at
    late = [replace(bar, starts_at=bar.starts_at + shift) for bar in minutes]
    scene = Scene(late, a_pullback_history())
    scene.clock.set(SESSION.closes_at - timedelta(seconds=1))
    scene.bars.takes = lambda: scene.clock.advance(timedelta(seconds=5))
    await scene.scanner.scan()

    ((evidence, signal),) = recorded(scene.publisher)
    assert evidence.decided_at > SESSION.closes_at
    (replayed,) = await again(signal, evidence)
    assert signed_alike(replayed) == signed_alike(signal)


async def test_another_stop_changes_the_pullback_and_nothing_else() -> None:
    params = with_signals(pullback_atr_stop=PARAMS.signals.pullback_atr_stop * 2)

    changed = {
        signal.setup: [set_apart(signal, s) for s in await again(signal, evidence, params)]
        for evidence, signal in await scanned()
    }

    assert changed == {"opening_range_breakout": [set()], "trend_pullback": [{"stop_price"}]}


def set_apart(one: Signal, other: Signal) -> set[str]:
    """Return the fields of the idea in which two signals differ; everything else is the same."""
    assert signed_alike(one.model_copy(update={"idea": other.idea})) == signed_alike(other)
    fields = type(one.idea).model_fields
    return {name for name in fields if getattr(one.idea, name) != getattr(other.idea, name)}


async def test_a_stricter_volume_makes_the_breakout_vanish_and_nothing_else() -> None:
    params = with_signals(opening_range_volume_ratio_min=100.0)

    left = [signal.setup for e, signal in await scanned() if await again(signal, e, params)]

    assert left == ["trend_pullback"]


async def test_another_life_changes_an_alerts_expiry() -> None:
    evidence, signal = await alerted()
    longer = {strategy: 2 * s for strategy, s in PARAMS.signals.expiry_s.items()}

    (replayed,) = await again(signal, evidence, with_signals(expiry_s=longer))

    assert set_apart(signal, replayed) == {"expires_at"}


async def test_a_longer_average_than_the_bars_were_asked_for_is_not_recorded() -> None:
    (evidence, signal), *_ = await scanned()

    with pytest.raises(NotRecorded, match="an average over 90 sessions"):
        await again(signal, evidence, with_signals(pullback_slow_ema=90))


async def test_an_operators_signal_is_nobodys_decision() -> None:
    signal = a_signal()

    assert not REPLAY.decided(signal)
    assert await again(signal, None) == []


async def test_alerts_and_setups_are_decisions() -> None:
    _, alert = await alerted()

    assert [REPLAY.decided(signal) for signal in (alert, *(s for _, s in await scanned()))] == [True] * 3


# Evidence that is not what it was


async def test_without_evidence_nothing_is_decided() -> None:
    _, signal = await alerted()

    with pytest.raises(NotRecorded, match=signal.meta.id):
        await again(signal, None)


async def test_an_altered_alert_shows() -> None:
    evidence, signal = await alerted()
    (item,) = evidence.items
    body = BODY.replace(b"520.100", b"520.101")
    altered = evidence.model_copy(update={"items": (item.model_copy(update={"body": body}),)})

    (replayed,) = await again(signal, altered)

    assert set_apart(signal, replayed) == {"reference_price"}


@pytest.mark.parametrize("name", ["session", "minute_bars", "daily_bars"])
@pytest.mark.parametrize("body", [b"", b"{}", b"x\x9c\xff"])
async def test_bars_that_cannot_be_read_are_not_made_up_for(name: str, body: bytes) -> None:
    (evidence, signal), *_ = await scanned()
    items = tuple(i.model_copy(update={"body": body}) if i.name == name else i for i in evidence.items)

    with pytest.raises(NotRecorded, match="cannot be read"):
        await again(signal, evidence.model_copy(update={"items": items}))


async def test_bars_of_another_moment_show() -> None:
    stories = await scanned()
    evidence, signal = next((e, s) for e, s in stories if s.setup == "opening_range_breakout")

    assert await again(signal, evidence.model_copy(update={"decided_at": OPENS_AT})) == []


async def test_what_a_scan_found_before_is_not_found_a_second_time() -> None:
    """The evidence of the later of two setups shows the earlier one too, which has its own."""
    for evidence, signal in await scanned():
        assert [s.meta.id for s in await again(signal, evidence)] == [signal.meta.id]


async def test_evidence_lies_on_its_topic_under_the_signals_id() -> None:
    evidence, signal = await alerted()

    assert EVIDENCE.key(evidence) == signal.meta.id
