"""The venue's sessions, asked for once a day."""

from datetime import date, datetime, time, timedelta
from typing import Any

from alpaca.trading.requests import GetCalendarRequest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import VenueUnavailable

#: Far enough back to hold the previous session over any holiday.
_BACK = timedelta(days=10)


class AlpacaCalendars:
    """Calendars over the process's gateway, each reaching `horizon_days` beyond its day."""

    def __init__(self, gateway: AlpacaGateway, horizon_days: int) -> None:
        self._gateway = gateway
        self._ahead = timedelta(days=horizon_days)
        self._latest: tuple[date, TradingCalendar] | None = None

    async def around(self, day: date) -> TradingCalendar:
        """Return the calendar around `day`; see `ports.Calendars`."""
        if self._latest is None or self._latest[0] != day:
            self._latest = (day, await self._ask(day))
        return self._latest[1]

    async def _ask(self, day: date) -> TradingCalendar:
        request = GetCalendarRequest(start=day - _BACK, end=day + self._ahead)
        answer: Any = await self._gateway.call(self._gateway.trading.get_calendar, request)
        try:
            sessions = [_session(row) for row in answer]
        except (KeyError, TypeError, ValueError) as e:
            msg = f"the venue's calendar answer is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e
        return TradingCalendar(sessions, covers_to=day + self._ahead)


def _session(row: Any) -> Session:
    """Read one row; its times are the exchange's, without a zone."""
    day = date.fromisoformat(row["date"])
    opens, closes = (
        datetime.combine(day, time.fromisoformat(row[key]), MARKET_ZONE) for key in ("open", "close")
    )
    return Session(day, opens, closes)
