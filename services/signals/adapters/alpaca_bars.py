"""Alpaca's price bars of the watchlist, one request for all of it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any, TypeVar

from alpaca.data.enums import Adjustment, DataFeed
from alpaca.data.requests import StockBarsRequest
from alpaca.data.timeframe import TimeFrame, TimeFrameUnit

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE, require_utc
from kernel.domain.money import MICRO
from kernel.domain.params import SignalsParams
from kernel.runtime.logging import get_logger
from services.signals.core.bars import DailyBar, MinuteBar

B = TypeVar("B")
_log = get_logger()
_MINUTE = TimeFrame(1, TimeFrameUnit.Minute)
_DAY = TimeFrame(1, TimeFrameUnit.Day)
#: An exponential average forgets its beginning: after three lengths it carries some 0.2 % of it.
_WARM_UP_LENGTHS = 3
#: Calendar days per session, with room for holidays.
_DAYS_PER_SESSION = 1.6


class AlpacaBars:
    """Bars over the process's gateway. Daily bars of past sessions are kept for the day."""

    def __init__(self, gateway: AlpacaGateway, *, feed: str, params: SignalsParams) -> None:
        self._gateway = gateway
        self._feed = DataFeed(feed)
        sessions = _WARM_UP_LENGTHS * max(params.pullback_slow_ema, params.pullback_fast_ema, params.atr_bars)
        self._history = timedelta(days=int(sessions * _DAYS_PER_SESSION))
        self._daily: tuple[date, dict[str, Sequence[DailyBar]]] | None = None

    async def minute_bars(
        self, underlyings: Sequence[str], session: Session
    ) -> Mapping[str, Sequence[MinuteBar]]:
        """Return the session's minutes so far."""
        return await self._read(underlyings, _MINUTE, session.opens_at, _minute_bar)

    async def daily_bars(self, underlyings: Sequence[str], day: date) -> Mapping[str, Sequence[DailyBar]]:
        """Return the sessions up to `day`; asks again only for underlyings without an answer today."""
        known = self._daily[1] if self._daily is not None and self._daily[0] == day else {}
        missing = [name for name in underlyings if name not in known]
        if missing:
            start = datetime.combine(day - self._history, time_of_day(), tzinfo=MARKET_ZONE)
            known |= await self._read(missing, _DAY, start, _daily_bar)
        self._daily = day, known
        return known

    async def _read(
        self,
        underlyings: Sequence[str],
        timeframe: TimeFrame,
        start: datetime,
        parse: Callable[[Mapping[str, Any]], B],
    ) -> dict[str, Sequence[B]]:
        request = StockBarsRequest(
            symbol_or_symbols=list(underlyings),
            timeframe=timeframe,
            start=start,
            feed=self._feed,
            adjustment=Adjustment.SPLIT,  # a split in the history would look like a crash
        )
        answer: Any = await self._gateway.call(self._gateway.stocks.get_stock_bars, request)
        return {name: _usable(name, rows, parse) for name, rows in answer.items() if rows}


def _usable(underlying: str, rows: Sequence[Any], parse: Callable[[Mapping[str, Any]], B]) -> list[B]:
    bars = []
    for row in rows:
        try:
            bars.append(parse(row))
        except (KeyError, ValueError, TypeError, ArithmeticError) as e:
            _log.warning(
                "a bar was unusable", underlying=underlying, bar=str(row)[:200], reason=type(e).__name__
            )
    return bars


def _minute_bar(row: Mapping[str, Any]) -> MinuteBar:
    return MinuteBar(starts_at=require_utc(datetime.fromisoformat(row["t"])), **_prices(row))


def _daily_bar(row: Mapping[str, Any]) -> DailyBar:
    return DailyBar(day=market_day(datetime.fromisoformat(row["t"])), **_prices(row))


def _prices(row: Mapping[str, Any]) -> dict[str, Any]:
    low, high = _price(row["l"]), _price(row["h"])
    open_, close = _price(row["o"]), _price(row["c"])
    if not 0 < low <= min(open_, close) <= max(open_, close) <= high:
        raise ValueError(f"prices out of order: {row}")
    return {"open": open_, "high": high, "low": low, "close": close, "volume": int(row["v"])}


def _price(number: float | str) -> Decimal:
    # The shortest text of the float is the number as the venue wrote it; `quantize` refuses what is not finite.
    price = Decimal(str(number))
    rounded = price.quantize(MICRO)
    return price if price == rounded else rounded
