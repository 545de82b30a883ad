"""The market as the venue shows it: at most one picture per market second, the same for data and fills.

1. Whatever is shown at an instant is the market's state at the start of that second, so that a quote read over
   HTTP is the quote an order trades against, and a chain or a quote is computed once.
2. A price that is not positive and finite is nobody's quote.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, time
from decimal import Decimal
from functools import cached_property, lru_cache
from math import isfinite

from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import ChainColumns
from simulator.markets.market import ListedContract, Market
from simulator.venue.fills import Nbbo
from simulator.venue.rules import Hours

_REGULAR_CLOSE = time(16)


@lru_cache(maxsize=65536)
def parse_option(symbol: str) -> OptionSymbol:
    """Return the parts of an OCC symbol; raises ValueError."""
    return OptionSymbol.parse(symbol)


def market_second(at: datetime) -> datetime:
    """Return the instant whose picture is shown at `at`."""
    return at.replace(microsecond=0)


class ChainPicture:
    """One underlying's chain at one second, and what was derived from it."""

    def __init__(self, second: datetime, columns: ChainColumns) -> None:
        self.second = second
        self.columns = columns
        #: Encoded answers by what they were asked for.
        self.encoded: dict[object, bytes] = {}

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each contract."""
        return {symbol: row for row, symbol in enumerate(self.columns.listing.symbols)}


class MarketView:
    """Reads a Market for the venue."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self._pictures: dict[str, ChainPicture] = {}
        self._quoted_second: datetime | None = None
        self._quotes: dict[str, Nbbo] = {}
        self._listed: dict[str, tuple[Sequence[ListedContract], Mapping[str, ListedContract]]] = {}

    def chain(self, underlying: str, at: datetime) -> ChainPicture:
        """Return the chain's picture of this second."""
        second = market_second(at)
        picture = self._pictures.get(underlying)
        if picture is None or picture.second != second:
            picture = ChainPicture(second, self.market.chain_columns(underlying, second))
            self._pictures[underlying] = picture
        return picture

    def contracts(self, underlying: str, at: datetime) -> Mapping[str, ListedContract]:
        """Return the contracts listed now, by symbol."""
        rows = self.market.contracts(underlying, market_second(at))
        kept = self._listed.get(underlying)
        if kept is None or kept[0] is not rows:
            # A market that answers with the same object means the same listing.
            kept = self._listed[underlying] = (rows, {str(row.symbol): row for row in rows})
        return kept[1]

    def contract(self, symbol: str, at: datetime) -> ListedContract | None:
        """Return one listed contract, or None."""
        underlying = self.underlying_of(symbol)
        return None if underlying is None else self.contracts(underlying, at).get(symbol)

    def underlying_of(self, symbol: str) -> str | None:
        """Return the underlying of an OCC symbol, or None when it is not traded here."""
        try:
            root = parse_option(symbol).root
        except ValueError:
            return None
        return root if root in self.market.underlyings() else None

    def nbbo(self, symbol: str, at: datetime) -> Nbbo:
        """Return a contract's best bid and ask."""
        second = market_second(at)
        if second != self._quoted_second:
            # Every account answer asks for every position, and every tick for every open order.
            self._quoted_second = second
            self._quotes.clear()
        if symbol not in self._quotes:
            self._quotes[symbol] = self._ask(symbol, second)
        return self._quotes[symbol]

    def session_from(self, at: datetime) -> Session:
        """Return the session that runs at `at` or comes next; raises LookupError beyond the calendar."""
        today = market_day(at)
        for session in self.market.calendar.sessions:
            if session.day >= today and session.closes_at > at:
                return session
        msg = f"the market's calendar ends before {at.isoformat()}"
        raise LookupError(msg)

    def hours(self, option: OptionSymbol, at: datetime) -> Hours:
        """Return the session's hours at `at` and the end of the contract's last session."""
        session = self.session_from(at)
        return Hours(
            is_open=session.opens_at <= at,
            opens_at=session.opens_at,
            closes_at=session.closes_at,
            last_close=self._last_close(option),
        )

    def _ask(self, symbol: str, second: datetime) -> Nbbo:
        quote = self.market.option_quote(symbol, second)
        if quote is None:
            return Nbbo(bid=None, ask=None)
        return Nbbo(bid=as_price(quote.bid), ask=as_price(quote.ask))

    def _last_close(self, option: OptionSymbol) -> datetime:
        try:
            return self.market.calendar.last_session_on_or_before(option.expiration).closes_at
        except LookupError:
            # Beyond the market's calendar no half day is known: assume the regular close.
            return datetime.combine(option.expiration, _REGULAR_CLOSE, tzinfo=MARKET_ZONE)


def as_price(quoted: float) -> Decimal | None:
    """Return a quoted price as Decimal, or None when nobody quotes."""
    return Decimal(str(quoted)) if isfinite(quoted) and quoted > 0 else None
