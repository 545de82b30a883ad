"""Alpaca's calendar of sessions."""

from datetime import date, datetime, time
from typing import Any

from alpaca.trading.requests import GetCalendarRequest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.calendar import Session
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.errors import VenueUnavailable


class AlpacaCalendar:
    """A Calendar that asks once per day."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._known: tuple[date, Session | None] | None = None

    async def session_on(self, day: date) -> Session | None:
        """Return the session of `day`, None on a weekend or holiday."""
        if self._known is None or self._known[0] != day:
            answer: Any = await self._gateway.call(
                self._gateway.trading.get_calendar, GetCalendarRequest(start=day, end=day)
            )
            self._known = day, _session(answer, day)
        return self._known[1]


def _session(answer: Any, day: date) -> Session | None:
    try:
        for row in answer:
            if date.fromisoformat(row["date"]) == day:
                return Session(day, _at(day, row["open"]), _at(day, row["close"]))
    except (KeyError, ValueError, TypeError) as e:
        raise VenueUnavailable(f"the venue's calendar is unusable: {type(e).__name__}: {e}") from e
    return None


def _at(day: date, text: str) -> datetime:
    return datetime.combine(day, time.fromisoformat(text), tzinfo=MARKET_ZONE)
