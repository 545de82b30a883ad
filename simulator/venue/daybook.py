"""What each day ended with: equity at the closes, and the marks that the next day's gains count from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from kernel.domain.calendar import market_day
from simulator.venue.portfolio import Portfolio
from simulator.venue.positions import Position

#: Tells what a position is worth per share.
PriceOf = Callable[[Position], Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityMark:
    """The account's worth at an instant, USD."""

    at: datetime
    equity_usd: Decimal
    cash_usd: Decimal


class Daybook:
    """Marks in order of time."""

    def __init__(self) -> None:
        #: At every close, by the session's day.
        self.closes: dict[date, EquityMark] = {}
        #: As often as the venue looked, for intraday histories.
        self.marks: list[EquityMark] = []
        #: The instant up to which time has passed for the account.
        self.seen_to: datetime | None = None
        #: What was held was worth at the last close, per share.
        self.closing_prices: dict[str, Decimal] = {}

    def mark(self, portfolio: Portfolio, at: datetime, price_of: PriceOf) -> None:
        """Keep what the account is worth at `at`."""
        equity = equity_usd(portfolio, price_of)
        self.marks.append(EquityMark(at=at, equity_usd=equity, cash_usd=portfolio.cash_usd))

    def close(self, portfolio: Portfolio, at: datetime, price_of: PriceOf) -> None:
        """Keep what the account and each position are worth at a session's close."""
        self.mark(portfolio, at, price_of)
        self.closes[market_day(at)] = self.marks[-1]
        self.closing_prices = {symbol: price_of(held) for symbol, held in portfolio.positions.items()}

    def start(self, portfolio: Portfolio) -> None:
        """Begin a day: gains count from the last close of what was held then."""
        for symbol, held in list(portfolio.positions.items()):
            price = self.closing_prices.get(symbol)
            if price is not None:
                portfolio.replace(held.rolled(price))
        self.closing_prices = {}

    def last_equity_usd(self, day: date) -> Decimal | None:
        """Return the equity at the last close before `day`, or None when there was none."""
        before = [mark for session, mark in self.closes.items() if session < day]
        return before[-1].equity_usd if before else None


def equity_usd(portfolio: Portfolio, price_of: PriceOf) -> Decimal:
    """Return cash plus what is held long less what is owed short."""
    return portfolio.cash_usd + sum(
        (held.value_usd(price_of(held)) for held in portfolio.positions.values()), Decimal(0)
    )
