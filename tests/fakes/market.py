"""A market whose prices a test sets by hand: two expirations of SPY calls and puts, prices that stand still."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import numpy as np

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE, microseconds
from kernel.domain.options import OptionSymbol, Right
from simulator.markets.columns import (
    BarColumns,
    ChainColumns,
    GreekColumns,
    ListingColumns,
    QuoteColumns,
    TradeColumns,
    no_bars,
    no_chain,
)
from simulator.markets.market import Bar, ListedContract, OptionSnapshot, Quote, StockSnapshot, Trade
from simulator.markets.rows import SnapshotRows

#: Wednesday.
TODAY = date(2026, 6, 10)
THIS_FRIDAY = date(2026, 6, 12)
NEXT_FRIDAY = date(2026, 6, 19)
STRIKES = tuple(range(500, 541, 10))


def at_eastern(clock: str, day: date = TODAY) -> datetime:
    """Return `day` at "HH:MM" in New York, in UTC."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=MARKET_ZONE).astimezone(UTC)


def spy(strike: int = 520, expiration: date = THIS_FRIDAY, right: Right = Right.CALL) -> str:
    """Return a contract's symbol."""
    return str(OptionSymbol("SPY", expiration, right, Decimal(strike)))


class FakeMarket:
    """Every contract quotes 2.40 × 2.60 until `quotes` says otherwise; it records the instants it was asked for."""

    def __init__(
        self, *, expirations: Sequence[date] = (THIS_FRIDAY, NEXT_FRIDAY), holidays: Sequence[date] = ()
    ) -> None:
        self.name = "fake"
        self.calendar = _weekdays(date(2026, 6, 1), date(2026, 7, 31), holidays)
        self.starts_at = at_eastern("10:00")
        self.quote_interval_s = 1
        #: (bid, ask) by contract; 0.0 is a side nobody quotes, an absent contract has the default.
        self.quotes: dict[str, tuple[float, float]] = {}
        self.chain_asked: list[tuple[str, datetime]] = []
        self._options = [
            OptionSymbol("SPY", expiration, right, Decimal(strike))
            for expiration in expirations
            for right in Right
            for strike in STRIKES
        ]

    def underlyings(self) -> Sequence[str]:
        return ["SPY"]

    def indexes(self) -> Sequence[str]:
        return []

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        if underlying != "SPY":
            return []
        yesterday = TODAY - timedelta(days=1)
        return [
            ListedContract(
                symbol=option,
                open_interest=1234,
                open_interest_date=yesterday,
                close_price=Decimal("2.45"),
                close_price_date=yesterday,
            )
            for option in self._live(at)
        ]

    def chain(self, underlying: str, at: datetime) -> Sequence[OptionSnapshot]:
        return SnapshotRows(self.chain_columns(underlying, at))

    def chain_columns(self, underlying: str, at: datetime) -> ChainColumns:
        self.chain_asked.append((underlying, at))
        return self._columns(at) if underlying == "SPY" else no_chain()

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        if symbol not in {str(option) for option in self._live(at)}:
            return None
        bid, ask = self._quote(symbol)
        return Quote(at=at, bid=bid, bid_size=10, ask=ask, ask_size=10)

    def stock(self, symbol: str, at: datetime) -> StockSnapshot | None:
        if symbol != "SPY":
            return None
        return StockSnapshot(
            symbol="SPY",
            quote=Quote(at=at, bid=519.99, bid_size=100, ask=520.01, ask_size=200),
            trade=Trade(at=at, price=520.0, size=50),
            minute_bar=_bar(at - timedelta(minutes=1)),
            day_bar=_bar(at_eastern("00:00")),
            previous_day_bar=None,
        )

    def official_close(self, symbol: str, day: date) -> float | None:
        return 520.0 if symbol == "SPY" and self.calendar.session_on(day) else None

    def stock_bars(
        self, symbol: str, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        if symbol != "SPY":
            return []
        step = timedelta(minutes=minutes)
        opens_at = at_eastern("09:30")
        starts = [opens_at + step * n for n in range(390 // minutes)]
        return [_bar(moment) for moment in starts if start <= moment <= end and moment + step <= at]

    def _quote(self, symbol: str) -> tuple[float, float]:
        return self.quotes.get(symbol, (2.40, 2.60))

    def _live(self, at: datetime) -> list[OptionSymbol]:
        day = at.astimezone(MARKET_ZONE).date()
        return sorted((o for o in self._options if o.expiration >= day), key=str)

    def _columns(self, at: datetime) -> ChainColumns:
        options = self._live(at)
        symbols = tuple(str(option) for option in options)
        quotes = [self._quote(symbol) for symbol in symbols]
        count, now_us = len(options), microseconds(at)
        known = np.full(count, now_us)
        sizes = np.full(count, 10)
        return ChainColumns(
            listing=ListingColumns(
                symbols=symbols,
                strike=np.array([float(option.strike) for option in options]),
                is_call=np.array([option.right is Right.CALL for option in options]),
                expiration=np.array([option.expiration for option in options], "datetime64[D]"),
            ),
            quote=QuoteColumns(
                at_us=known,
                bid=np.array([bid for bid, _ in quotes]),
                bid_size=sizes,
                ask=np.array([ask for _, ask in quotes]),
                ask_size=sizes,
            ),
            trade=TradeColumns(at_us=known, price=np.full(count, 2.5), size=np.full(count, 2)),
            day_bar=_bars(known),
            minute_bar=no_bars(count),
            previous_day_bar=no_bars(count),
            implied_volatility=np.full(count, 0.2),
            greeks=GreekColumns(
                delta=np.full(count, 0.5),
                gamma=np.full(count, 0.02),
                theta=np.full(count, -0.1),
                vega=np.full(count, 0.3),
                rho=np.full(count, 0.1),
            ),
        )


def _weekdays(first: date, last: date, holidays: Sequence[date]) -> TradingCalendar:
    days = (first + timedelta(days=n) for n in range((last - first).days + 1))
    sessions = [
        Session(day, at_eastern("09:30", day), at_eastern("16:00", day))
        for day in days
        if day.weekday() < 5 and day not in holidays
    ]
    return TradingCalendar(sessions, covers_to=last)


def _bar(at: datetime) -> Bar:
    return Bar(at=at, open=519.0, high=521.0, low=518.5, close=520.0, volume=1000, trades=40, vwap=519.8)


def _bars(at_us: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> BarColumns:
    count = len(at_us)
    return BarColumns(
        at_us=at_us,
        open=np.full(count, 2.4),
        high=np.full(count, 2.7),
        low=np.full(count, 2.3),
        close=np.full(count, 2.5),
        volume=np.full(count, 850),
        trades=np.full(count, 61),
        vwap=np.full(count, 2.48),
    )
