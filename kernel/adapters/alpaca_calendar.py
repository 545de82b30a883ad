"""The venue's sessions, asked for once a day."""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from alpaca.trading.requests import GetCalendarRequest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import VenueUnavailable

#: Beyond the longest run of days without a session, so that "no later session" is never for want of asking.
_DAYS_AHEAD = 14


class AlpacaCalendars:
    """Calendars over the process's gateway, each from `days_back` before its day to `days_ahead` after it.

    An answer without a single session counts as unusable: the span is longer than any run of holidays.
    """

    def __init__(self, gateway: AlpacaGateway, *, days_back: int = 0, days_ahead: int = _DAYS_AHEAD) -> None:
        self._gateway = gateway
        self._back, self._ahead = timedelta(days=days_back), timedelta(days=days_ahead)
        self._latest: tuple[date, TradingCalendar] | None = None

    async def around(self, day: date) -> TradingCalendar:
        """Return the calendar around `day`; raises VenueUnavailable."""
        if self._latest is None or self._latest[0] != day:
            self._latest = (day, await self._ask(day))
        return self._latest[1]

    async def _ask(self, day: date) -> TradingCalendar:
        request = GetCalendarRequest(start=day - self._back, end=day + self._ahead)
        try:
            answer: Any = await self._gateway.call(self._gateway.trading.get_calendar, request)
            sessions = [_session(row) for row in answer]
        except (VenueRefused, KeyError, TypeError, ValueError) as e:
            msg = f"the venue's calendar answer is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e
        if not sessions:  # kept for the day, it would close the market for as long
            msg = f"the venue's calendar answer is unusable: no session from {request.start} to {request.end}"
            raise VenueUnavailable(msg)
        return TradingCalendar(sessions, covers_to=day + self._ahead)


def _session(row: Mapping[str, str]) -> Session:
    """Read one row; its times are the exchange's, without a zone."""
    day = date.fromisoformat(row["date"])
    opens, closes = (
        datetime.combine(day, time.fromisoformat(row[key]), MARKET_ZONE) for key in ("open", "close")
    )
    return Session(day, opens, closes)
