"""One recorded day in memory: what its files say, each figure with the instant from which it is known."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds
from kernel.domain.errors import ConfigError
from kernel.domain.options import OptionSymbol, Right
from simulator.markets.columns import Ints, ListingColumns
from simulator.markets.recorded.archive import Recording
from simulator.markets.recorded.daytime import MINUTE_MS, DayTime
from simulator.markets.recorded.files import (
    Progress,
    Rows,
    hour_stamp,
    minute_stamp,
    no_rows,
    read_options,
    read_stock,
)
from simulator.markets.recorded.series import QuoteSeries, TradeSeries, quote_series, trade_series
from simulator.markets.sessions import exchange_calendar

#: Columns of the files: closes and sizes of a quote; prices and volume of a trade; contracts of open interest.
_QUOTE_FIELDS = (4, 5, 9, 10)
_TRADE_FIELDS = (1, 2, 3, 4, 5)
_INTEREST_FIELDS = (1,)
_CALENDAR_DAYS_AROUND = 60
UNKNOWN = -1


@dataclass(frozen=True, slots=True, eq=False)
class RecordedOptions:
    """The contracts of the day, by symbol, and their series.

    `last_days` are the last sessions on or before each expiration and `expires_us` their closes; `interest` is
    `UNKNOWN` where the files say nothing, and nobody knew it before `interest_known_ms`.
    """

    contracts: tuple[OptionSymbol, ...]
    listing: ListingColumns
    last_days: tuple[date, ...]
    expires_us: Ints
    quotes: QuoteSeries
    trades: TradeSeries
    interest: Ints
    interest_known_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class RecordedStock:
    """The underlying's minutes, extended hours included; `regular` holds those of the session alone."""

    quotes: QuoteSeries
    trades: TradeSeries
    regular: TradeSeries


@dataclass(frozen=True, slots=True, eq=False)
class RecordedDay:
    """A day; `boundaries_ms` are the instants at which something becomes known, ascending."""

    recording: Recording
    calendar: TradingCalendar
    session: Session
    time: DayTime
    options: RecordedOptions
    stock: RecordedStock
    boundaries_ms: Ints


def load_day(recording: Recording, progress: Progress) -> RecordedDay:
    """Read a day's files; raises ConfigError when one cannot be read, holds nothing, or the exchange was closed."""
    quotes, trades, interest = _read_options(recording, progress)
    contracts = _contracts(quotes, trades, interest)
    around = timedelta(days=_CALENDAR_DAYS_AROUND)
    last = max(contract.expiration for contract in contracts)
    calendar = exchange_calendar(recording.day - around, last + around)
    session = calendar.session_on(recording.day)
    if session is None:
        msg = f"the exchange was closed on {recording.day}; choose another recorded day"
        raise ConfigError(msg)
    time = DayTime.of(recording.day)
    options = _options(
        recording, contracts=contracts, calendar=calendar, quotes=quotes, trades=trades, interest=interest
    )
    stock = _stock(recording, session)
    known = [options.quotes.series, options.trades.series, stock.quotes.series, stock.trades.series]
    boundaries = np.unique(np.concatenate([series.known_ms for series in known]))
    return RecordedDay(recording, calendar, session, time, options, stock, boundaries)


def _read_options(recording: Recording, progress: Progress) -> tuple[Rows, Rows, Rows]:
    stamp = minute_stamp if recording.interval_ms == MINUTE_MS else hour_stamp(recording.day)
    symbol = recording.symbol
    quotes = read_options(recording.quotes, symbol, stamp, _QUOTE_FIELDS, progress)
    if not quotes.owner.size:
        msg = f"{recording.quotes} holds no quote of {recording.day}; choose another recorded day"
        raise ConfigError(msg)
    trades = read_options(recording.trades, symbol, stamp, _TRADE_FIELDS, progress)
    if not recording.open_interest.is_file():
        return quotes, trades, no_rows(len(_INTEREST_FIELDS))
    return quotes, trades, read_options(recording.open_interest, symbol, stamp, _INTEREST_FIELDS, progress)


def _contracts(*archives: Rows) -> tuple[OptionSymbol, ...]:
    """Return every contract that an archive has a row of, by symbol."""
    named = {str(rows.owners[i]): rows.owners[i] for rows in archives for i in np.unique(rows.owner)}
    return tuple(named[symbol] for symbol in sorted(named))


def _options(
    recording: Recording,
    *,
    contracts: tuple[OptionSymbol, ...],
    calendar: TradingCalendar,
    quotes: Rows,
    trades: Rows,
    interest: Rows,
) -> RecordedOptions:
    row_of = {contract: row for row, contract in enumerate(contracts)}
    last_sessions = [calendar.last_session_on_or_before(contract.expiration) for contract in contracts]
    time, interval_ms = DayTime.of(recording.day), recording.interval_ms
    open_interest = np.full(len(contracts), UNKNOWN, dtype=np.int64)
    open_interest[_rows(interest, row_of)] = interest.fields[:, 0]
    return RecordedOptions(
        contracts=contracts,
        listing=_listing(contracts),
        last_days=tuple(session.day for session in last_sessions),
        expires_us=np.array([microseconds(session.closes_at) for session in last_sessions], dtype=np.int64),
        quotes=quote_series(
            _rows(quotes, row_of), quotes.starts_ms, quotes.fields, interval_ms=interval_ms, time=time
        ),
        trades=trade_series(
            _rows(trades, row_of), trades.starts_ms, trades.fields, interval_ms=interval_ms, time=time
        ),
        interest=open_interest,
        interest_known_ms=int(interest.starts_ms.max(initial=0)),
    )


def _stock(recording: Recording, session: Session) -> RecordedStock:
    time = DayTime.of(recording.day)
    trades = read_stock(recording.stock_trades, _TRADE_FIELDS)
    quotes = no_rows(len(_QUOTE_FIELDS))
    if recording.stock_quotes.is_file():
        quotes = read_stock(recording.stock_quotes, _QUOTE_FIELDS)
    regular = (trades.starts_ms >= time.ms(session.opens_at)) & (
        trades.starts_ms < time.ms(session.closes_at)
    )
    return RecordedStock(
        quotes=quote_series(quotes.owner, quotes.starts_ms, quotes.fields, interval_ms=MINUTE_MS, time=time),
        trades=trade_series(trades.owner, trades.starts_ms, trades.fields, interval_ms=MINUTE_MS, time=time),
        regular=trade_series(
            trades.owner[regular],
            trades.starts_ms[regular],
            trades.fields[regular],
            interval_ms=MINUTE_MS,
            time=time,
        ),
    )


def _rows(archive: Rows, row_of: dict[OptionSymbol, int]) -> Ints:
    """Return the owners of an archive's rows as rows of the day's listing."""
    named = np.array([row_of.get(contract, UNKNOWN) for contract in archive.owners], dtype=np.int64)
    return np.asarray(named[archive.owner])


def _listing(contracts: tuple[OptionSymbol, ...]) -> ListingColumns:
    return ListingColumns(
        symbols=tuple(str(contract) for contract in contracts),
        strike=np.array([float(contract.strike) for contract in contracts]),
        is_call=np.array([contract.right is Right.CALL for contract in contracts], dtype=np.bool_),
        expiration=np.array([contract.expiration for contract in contracts], dtype="datetime64[D]"),
    )
