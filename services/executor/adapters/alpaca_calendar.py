"""The venue's calendar, asked once a day."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.calendar import Session, TradingCalendar, market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import VenueUnavailable

#: Beyond the longest run of days without a session, so that "no later session" is never for want of asking.
_AHEAD = timedelta(days=14)


class AlpacaSessions:
    """Sessions over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._known: tuple[date, TradingCalendar] | None = None

    async def around(self, now: datetime) -> TradingCalendar:
        """Return today's session, if there is one, and those of the two weeks after."""
        today = market_day(now)
        if self._known is None or self._known[0] != today:
            self._known = (today, await self._ask(today))
        return self._known[1]

    async def _ask(self, today: date) -> TradingCalendar:
        params = {"start": today.isoformat(), "end": (today + _AHEAD).isoformat()}
        try:
            rows: Any = await self._gateway.call(self._gateway.trading.get, "/calendar", params)
            sessions = [read_session(row) for row in rows]
        except (VenueRefused, KeyError, TypeError, ValueError) as e:
            msg = f"the venue's calendar is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e
        if not sessions:  # kept for the day, it would close the market for as long
            raise VenueUnavailable("the venue's calendar is unusable: no session in two weeks")
        return TradingCalendar(sessions, covers_to=today + _AHEAD)


def read_session(row: Mapping[str, str]) -> Session:
    """Read a row of GET /v2/calendar: its times are New York's; raises KeyError, TypeError or ValueError."""
    opens_at = datetime.fromisoformat(f"{row['date']}T{row['open']}").replace(tzinfo=MARKET_ZONE)
    closes_at = datetime.fromisoformat(f"{row['date']}T{row['close']}").replace(tzinfo=MARKET_ZONE)
    return Session(opens_at.date(), opens_at, closes_at)
