"""The signals stage over fakes: an alert desk and a scanner, each with everything around it in reach."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SIGNALS
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher
from services.signals.core.alerts import Accepted, Alert, Conflicting
from services.signals.core.bars import DailyBar, MinuteBar
from services.signals.stage import AlertDesk, Scanner
from tests.fakes.signals import FakeAlerts, FakeBars, FakeCalendars, FakeMarketTime
from tests.fakes.signals_market import OPENS_AT, PARAMS, SESSION

ORIGIN = Origin("signals", "rev", "hash")


def an_alert(**values: Any) -> Alert:
    defaults = {"id": "tv-1", "ticker": "SPY", "direction": "buy", "strategy": "swing"}
    return Alert.model_validate(defaults | values)


class Desk:
    """An AlertDesk with everything around it in reach."""

    def __init__(self) -> None:
        self.clock = FixedClock(OPENS_AT)
        self.time = FakeMarketTime(self.clock)
        self.alerts = FakeAlerts()
        self.publisher = RecordingPublisher()
        self.desk = AlertDesk(
            time=self.time, alerts=self.alerts, publisher=self.publisher, origin=ORIGIN, params=PARAMS
        )

    async def accept(self, alert: Alert) -> Accepted | Conflicting:
        return await self.desk.accept(alert, body_of(alert))

    @property
    def signals(self) -> list[Signal]:
        return signals_of(self.publisher)


class Scene:
    """A Scanner over SPY with everything around it in reach."""

    def __init__(
        self,
        minute_bars: Sequence[MinuteBar] = (),
        daily_bars: Sequence[DailyBar] = (),
        *,
        underlyings: Sequence[str] = ("SPY",),
    ) -> None:
        self.clock = FixedClock(OPENS_AT + timedelta(minutes=16))
        self.calendars = FakeCalendars(SESSION)
        self.bars = FakeBars()
        self.bars.minute = {"SPY": minute_bars}
        self.bars.daily = {"SPY": daily_bars}
        self.publisher = RecordingPublisher()
        self.underlyings = underlyings
        self.scanner = self.another_scanner()

    def another_scanner(self) -> Scanner:
        return Scanner(
            time=FakeMarketTime(self.clock),
            calendars=self.calendars,
            bars=self.bars,
            publisher=self.publisher,
            origin=ORIGIN,
            params=PARAMS,
            underlyings=self.underlyings,
        )

    @property
    def signals(self) -> list[Signal]:
        return signals_of(self.publisher)


def body_of(alert: Alert) -> bytes:
    return alert.model_dump_json(exclude_none=True, indent=1).encode()


def signals_of(publisher: RecordingPublisher) -> list[Signal]:
    return [e.message for e in publisher.published if e.topic is SIGNALS]
