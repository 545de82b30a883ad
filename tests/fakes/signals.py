"""The outside of the signals stage: time, calendar, bars and alerts, each keeping what it was asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from kernel.contracts.messages import Signal
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.errors import TradingError
from kernel.testing.clock import FixedClock
from services.signals.core.bars import DailyBar, MinuteBar
from services.signals.ports import KeptAlert


class FakeMarketTime:
    """The time of a FixedClock; each answer may move it on, as waiting for a venue does."""

    def __init__(self, clock: FixedClock) -> None:
        self.clock = clock
        self.fails_with: TradingError | None = None

    async def now(self) -> datetime:
        if self.fails_with is not None:
            raise self.fails_with
        return self.clock.now()


class FakeCalendars:
    """Knows the sessions it was given."""

    def __init__(self, *sessions: Session) -> None:
        self._calendar = TradingCalendar(sessions)
        self.asked: list[date] = []

    async def around(self, day: date) -> TradingCalendar:
        self.asked.append(day)
        return self._calendar


class FakeBars:
    """Answers with `minute` and `daily` as they are set; `fails_with` is raised once, `takes` is called meanwhile."""

    def __init__(self) -> None:
        self.minute: dict[str, Sequence[MinuteBar]] = {}
        self.daily: dict[str, Sequence[DailyBar]] = {}
        self.asked: list[tuple[str, ...]] = []
        self.fails_with: TradingError | None = None
        self.takes: Callable[[], None] = lambda: None

    async def minute_bars(
        self, underlyings: Sequence[str], session: Session
    ) -> Mapping[str, Sequence[MinuteBar]]:
        self.asked.append(tuple(underlyings))
        self.takes()
        if self.fails_with is not None:
            error, self.fails_with = self.fails_with, None
            raise error
        return self.minute

    async def daily_bars(self, underlyings: Sequence[str], day: date) -> Mapping[str, Sequence[DailyBar]]:
        return self.daily


class FakeAlerts:
    """Keeps alerts in memory, as the table does: the first of an id stays."""

    def __init__(self) -> None:
        self.kept: dict[str, KeptAlert] = {}
        self.fails_with: TradingError | None = None

    async def keep(self, external_id: str, content_hash: str, signal: Signal, body: bytes) -> KeptAlert:
        if self.fails_with is not None:
            raise self.fails_with
        new = KeptAlert(content_hash=content_hash, signal=signal, body=body, published=False)
        return self.kept.setdefault(external_id, new)

    async def mark_published(self, external_id: str) -> None:
        self.kept[external_id] = replace(self.kept[external_id], body=None, published=True)

    async def unpublished(self) -> Sequence[KeptAlert]:
        return [kept for kept in self.kept.values() if not kept.published]
