"""The market as the venue shows it: at most one picture per market second, the same for data and fills.

1. Whatever is shown at an instant is the market's state at the start of that second, so that a quote read over
   HTTP is the quote an order trades against, and a chain or a quote is computed once.
2. A price that is not positive and finite is nobody's quote.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cached_property, lru_cache
from math import isfinite

from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import ChainColumns
from simulator.markets.market import ListedContract, Market
from simulator.venue.instruments import Instrument, instrument_of, is_index, underlying_of_root
from simulator.venue.quotes import NO_QUOTE, Nbbo
from simulator.venue.rules import LATE_CLOSE, Hours

_REGULAR_CLOSE = time(16)


@lru_cache(maxsize=65536)
def parse_option(symbol: str) -> OptionSymbol:
    """Return the parts of an OCC symbol; raises ValueError."""
    return OptionSymbol.parse(symbol)


def market_second(at: datetime) -> datetime:
    """Return the instant whose picture is shown at `at`."""
    return at.replace(microsecond=0)


#: Answers of one chain that are kept within a second.
ENCODED_MAX = 64


class ChainPicture:
    """One underlying's chain at one second, and what was derived from it."""

    def __init__(self, second: datetime, columns: ChainColumns) -> None:
        self.second = second
        self.columns = columns
        self._encoded: dict[object, bytes] = {}

    def encoded(self, asked: object, encode: Callable[[], bytes]) -> bytes:
        """Return the encoded answer to what was asked, made once; only the latest few are kept."""
        text = self._encoded.get(asked)
        if text is None:
            if len(self._encoded) >= ENCODED_MAX:
                del self._encoded[next(iter(self._encoded))]
            text = self._encoded[asked] = encode()
        return text

    @cached_property
    def row_of(self) -> Mapping[str, int]:
        """The row of each contract."""
        return {symbol: row for row, symbol in enumerate(self.columns.listing.symbols)}


class MarketView:
    """Reads a Market for the venue."""

    def __init__(self, market: Market, late_closing: frozenset[str] = frozenset()) -> None:
        """`late_closing` are underlyings whose options trade 15 minutes longer, beside those that the market names."""
        self.market = market
        self._asked_late_closing = late_closing
        self._pictures: dict[str, ChainPicture] = {}
        self._quoted_second: datetime | None = None
        self._quotes: dict[str, Nbbo] = {}
        self._listed: dict[str, tuple[Sequence[ListedContract], Mapping[str, ListedContract]]] = {}

    def forget(self) -> None:
        """Look at the market anew, although the second is the same: a fault changed it."""
        self._pictures.clear()
        self._quotes.clear()

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
            underlying = underlying_of_root(parse_option(symbol).root)
        except ValueError:
            return None
        return underlying if underlying in self.market.underlyings() else None

    def nbbo(self, symbol: str, at: datetime) -> Nbbo:
        """Return a contract's or a stock's best bid and ask."""
        second = market_second(at)
        if second != self._quoted_second:
            # Every account answer asks for every position, and every tick for every open order.
            self._quoted_second = second
            self._quotes.clear()
        if symbol not in self._quotes:
            self._quotes[symbol] = self._ask(symbol, second)
        return self._quotes[symbol]

    def is_listed(self, instrument: Instrument, at: datetime) -> bool:
        """Tell whether it can be traded: a listed contract, or a stock that options are written on."""
        if instrument.option is not None:
            return self.contract(instrument.symbol, at) is not None
        return instrument.symbol in self.market.underlyings() and not is_index(instrument.symbol)

    def spot(self, underlying: str, at: datetime) -> Decimal | None:
        """Return an underlying's price: its latest trade, else the middle of its quote; None when nothing is known."""
        snapshot = self.market.stock(underlying, market_second(at))
        if snapshot is None:
            return None
        traded = as_price(snapshot.trade.price) if snapshot.trade else None
        return traded or self.nbbo(underlying, at).mid

    def settlement_price(self, underlying: str, close: datetime) -> Decimal | None:
        """Return what contracts that end at `close` are settled by, or None when nothing is known of their underlying."""
        official = self.market.official_close(underlying, market_day(close))
        return self.spot(underlying, close) if official is None else as_price(official)

    def session_from(self, at: datetime, *, closes_later: timedelta = timedelta(0)) -> Session:
        """Return the session that runs at `at` or comes next; raises LookupError beyond the calendar."""
        today = market_day(at)
        for session in self.market.calendar.sessions:
            if session.day >= today and session.closes_at + closes_later > at:
                return session
        msg = f"the market's calendar ends before {at.isoformat()}"
        raise LookupError(msg)

    def closes_between(self, after: datetime, until: datetime) -> list[datetime]:
        """Return the closes of sessions in (after, until], the late ones of some options included."""
        closes = (session.closes_at for session in self.market.calendar.sessions)
        late = LATE_CLOSE if self.late_closing else timedelta(0)
        return sorted({at for close in closes for at in (close, close + late) if after < at <= until})

    def is_session_close(self, at: datetime) -> bool:
        """Tell whether a session ends at this instant."""
        session = self.market.calendar.session_on(market_day(at))
        return session is not None and session.closes_at == at

    def is_after_close(self, at: datetime) -> bool:
        """Tell whether today's session has ended; from midnight on it is a new day."""
        session = self.market.calendar.session_on(market_day(at))
        return session is not None and at >= session.closes_at

    def hours(self, instrument: Instrument, at: datetime) -> Hours:
        """Return the session's hours at `at` and the end of a contract's last session."""
        later = self._closes_later(instrument)
        session = self.session_from(at, closes_later=later)
        return Hours(
            is_open=session.opens_at <= at,
            opens_at=session.opens_at,
            closes_at=session.closes_at + later,
            last_close=self.last_close(instrument),
        )

    def is_open(self, symbol: str, at: datetime) -> bool:
        """Tell whether the symbol's session is running."""
        session = self.market.calendar.session_on(market_day(at))
        later = self._closes_later(instrument_of(symbol))
        return session is not None and session.opens_at <= at < session.closes_at + later

    def last_close(self, instrument: Instrument) -> datetime | None:
        """Return when a contract stops trading; None for a stock."""
        if instrument.option is None:
            return None
        return self._last_close(instrument.option) + self._closes_later(instrument)

    @property
    def late_closing(self) -> frozenset[str]:
        """Underlyings whose options trade 15 minutes longer."""
        named: frozenset[str] = getattr(self.market, "late_closing", frozenset())
        return self._asked_late_closing | named

    def _closes_later(self, instrument: Instrument) -> timedelta:
        late = instrument.option is not None and instrument.underlying in self.late_closing
        return LATE_CLOSE if late else timedelta(0)

    def _ask(self, symbol: str, second: datetime) -> Nbbo:
        if instrument_of(symbol).option is None:
            stock = self.market.stock(symbol, second)
            quote = stock.quote if stock else None
        else:
            quote = self.market.option_quote(symbol, second)
        if quote is None:
            return NO_QUOTE
        return Nbbo(
            bid=as_price(quote.bid),
            ask=as_price(quote.ask),
            bid_size=quote.bid_size,
            ask_size=quote.ask_size,
        )

    def _last_close(self, option: OptionSymbol) -> datetime:
        try:
            return self.market.calendar.last_session_on_or_before(option.expiration).closes_at
        except LookupError:
            # Beyond the market's calendar no half day is known: assume the regular close.
            return datetime.combine(option.expiration, _REGULAR_CLOSE, tzinfo=MARKET_ZONE)


def as_price(quoted: float) -> Decimal | None:
    """Return a quoted price as Decimal, or None when nobody quotes."""
    return Decimal(str(quoted)) if isfinite(quoted) and quoted > 0 else None
