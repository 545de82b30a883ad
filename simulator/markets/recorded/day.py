"""One recorded day in memory: what its files say, each figure with the instant from which it is known."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds
from kernel.domain.errors import ConfigError
from kernel.domain.options import OptionSymbol, Right
from simulator.markets.columns import Ints, ListingColumns
from simulator.markets.recorded.archive import Recording, RootFiles
from simulator.markets.recorded.daytime import MINUTE_MS, DayTime
from simulator.markets.recorded.files import (
    DECI_CENTS,
    Progress,
    Rows,
    Unit,
    deci_cents,
    hour_stamp,
    joined,
    minute_stamp,
    no_rows,
    read_options,
    read_stock,
)
from simulator.markets.recorded.series import QuoteSeries, TradeSeries, quote_series, trade_series

#: Columns of the files: closes and sizes of a quote; prices and volume of a trade; contracts of open interest.
_QUOTE_FIELDS = (4, 5, 9, 10)
_TRADE_FIELDS = (1, 2, 3, 4, 5)
_INTEREST_FIELDS = (1,)
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
    """A day; `boundaries_ms` are the instants at which something becomes known, ascending.

    `row_of` finds a contract by its OCC symbol.
    """

    recording: Recording
    session: Session
    time: DayTime
    options: RecordedOptions
    stock: RecordedStock
    boundaries_ms: Ints
    row_of: Mapping[str, int]

    def boundary(self, at: datetime) -> int:
        """Return the last instant, in milliseconds of the day, at which something became known by `at`."""
        return int(
            self.boundaries_ms[np.searchsorted(self.boundaries_ms, self.time.ms(at), side="right") - 1]
        )


def load_day(recording: Recording, calendar: TradingCalendar, progress: Progress) -> RecordedDay:
    """Read a day's files; `calendar` has its session and reaches to every expiration.

    Raises ConfigError when a file cannot be read or holds nothing.
    """
    session = calendar.last_session_on_or_before(recording.day)
    quotes, trades, interest = _read_options(recording, progress)
    contracts = _contracts(quotes, trades, interest)
    time = DayTime.of(recording.day)
    options = _options(
        recording, contracts=contracts, calendar=calendar, quotes=quotes, trades=trades, interest=interest
    )
    stock = _stock(recording, session)
    known = [options.quotes.series, options.trades.series, stock.quotes.series, stock.trades.series]
    boundaries = np.unique(np.concatenate([series.known_ms for series in known]))
    row_of = {symbol: row for row, symbol in enumerate(options.listing.symbols)}
    return RecordedDay(recording, session, time, options, stock, boundaries, row_of)


def unit_of(recording: Recording) -> Unit:
    """Return how the underlying's prices are read: an index is told in dollars."""
    return deci_cents if recording.is_index else int


def _read_options(recording: Recording, progress: Progress) -> tuple[Rows, Rows, Rows]:
    stamp = minute_stamp if recording.interval_ms == MINUTE_MS else hour_stamp(recording.day)

    def read(kind: Callable[[RootFiles], Path], fields: tuple[int, ...]) -> Rows:
        there = [files for files in recording.roots if kind(files).is_file()]
        found = [read_options(kind(files), files.root, stamp, fields, progress) for files in there]
        return joined(found) if found else no_rows(len(fields))

    quotes = read(lambda files: files.quotes, _QUOTE_FIELDS)
    if not quotes.owner.size:
        msg = f"{recording.roots[0].quotes} holds no quote of {recording.day}; choose another recorded day"
        raise ConfigError(msg)
    trades = read(lambda files: files.trades, _TRADE_FIELDS)
    return quotes, trades, read(lambda files: files.open_interest, _INTEREST_FIELDS)


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
    trades = read_stock(recording.stock_trades, _TRADE_FIELDS, unit=unit_of(recording))
    if recording.is_index:
        trades.fields[:, -1] //= DECI_CENTS
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
