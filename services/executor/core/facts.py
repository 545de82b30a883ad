"""What the gates see from outside, and how it is read out of the venue's words.

Entry points: `Facts`, `read_account`, `read_positions`, `read_quote`, `read_price`.
1. Reading never raises and never mends: what is missing or senseless is None, and whoever asks for it says no.
2. A fact that was not fetched is None too. Which facts a recorded decision had is told apart in `evidence`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from kernel.domain.account import blocks_in
from kernel.domain.calendar import TradingCalendar
from kernel.domain.clock import require_utc
from kernel.domain.options import OptionSymbol
from services.executor.core.readiness import Readiness
from services.executor.core.risk_book import RiskBook

_OTHER_ASSETS = frozenset({"us_equity", "crypto"})
#: Powers of ten a figure may have: more is no price and no amount, and arithmetic with it overflows.
_MAGNITUDE = 15


class Fact(StrEnum):
    """The parts of `Facts` that a gate may need."""

    CLOCK = "clock"
    CALENDAR = "calendar"
    VENUE = "venue"
    ACCOUNT = "account"
    POSITIONS = "positions"
    QUOTE = "quote"
    PRICE = "price"
    READINESS = "readiness"
    BOOK = "book"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFacts:
    """The account. Amounts in USD; `last_equity_usd` is the previous close's; `blocked_by` all that keeps it from buying."""

    account_id: str | None
    equity_usd: Decimal | None
    last_equity_usd: Decimal | None
    options_buying_power_usd: Decimal | None
    blocked_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A position in an option. `at_stake_usd`: what it cost or what it is worth, whichever is more; never negative."""

    occ_symbol: str
    at_stake_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An option's latest quote, USD per share."""

    bid: Decimal | None
    ask: Decimal | None
    quoted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the gates see. `clock_skew_s` is None where the venue runs a time of its own (a simulator).

    `venue_url`: where orders are really sent. `price_usd`: the underlying's, per share.
    """

    now: datetime
    calendar: TradingCalendar
    clock_skew_s: float | None
    venue_url: str | None = None
    account: AccountFacts | None = None
    positions: tuple[Position, ...] | None = None
    quote: Quote | None = None
    price_usd: Decimal | None = None
    readiness: Readiness | None = None
    book: RiskBook | None = None


def read_account(answer: object) -> AccountFacts | None:
    """Read the answer to GET /v2/account."""
    if not isinstance(answer, Mapping):
        return None
    number = answer.get("account_number")
    return AccountFacts(
        account_id=number if isinstance(number, str) and number else None,
        equity_usd=_figure(answer.get("equity")),
        last_equity_usd=_figure(answer.get("last_equity")),
        options_buying_power_usd=_figure(answer.get("options_buying_power")),
        blocked_by=_blocks(answer),
    )


def read_positions(answer: object) -> tuple[Position, ...] | None:
    """Read the options in the answer to GET /v2/positions; None if any of them cannot be read.

    Shares and coins are no premium of ours; what is neither, or says nothing, is to be an option.
    """
    if not isinstance(answer, Iterable) or isinstance(answer, str | Mapping):
        return None
    rows = list(answer)
    if not all(isinstance(row, Mapping) for row in rows):
        return None
    read = [_position(row) for row in rows if row.get("asset_class") not in _OTHER_ASSETS]
    whole = tuple(position for position in read if position is not None)
    return whole if len(whole) == len(read) else None


def read_quote(row: object) -> Quote | None:
    """Read one option's latest quote."""
    if not isinstance(row, Mapping):
        return None
    return Quote(bid=_figure(row.get("bp")), ask=_figure(row.get("ap")), quoted_at=_moment(row.get("t")))


def read_price(snapshot: object) -> Decimal | None:
    """Read a stock's snapshot: its latest trade, else the mid of its latest quote."""
    if not isinstance(snapshot, Mapping):
        return None
    trade, quote = snapshot.get("latestTrade"), read_quote(snapshot.get("latestQuote"))
    traded = _figure(trade.get("p")) if isinstance(trade, Mapping) else None
    if traded is not None and traded > 0:
        return traded
    if quote is None or quote.bid is None or quote.ask is None or not 0 < quote.bid <= quote.ask:
        return None
    return (quote.bid + quote.ask) / 2


def is_amount(value: Decimal | None) -> bool:
    """Tell whether a figure is there and is a number."""
    return value is not None and value.is_finite()


def _blocks(answer: Mapping[str, object]) -> tuple[str, ...]:
    try:
        return blocks_in(answer)
    except ValueError as e:
        return (str(e),)


def _position(row: Mapping[str, object]) -> Position | None:
    symbol, cost, value = row.get("symbol"), _figure(row.get("cost_basis")), _figure(row.get("market_value"))
    if not isinstance(symbol, str) or cost is None:
        return None
    try:
        OptionSymbol.parse(symbol)
    except ValueError:
        return None
    return Position(occ_symbol=symbol, at_stake_usd=max(abs(cost), abs(value or Decimal(0))))


def _figure(value: object) -> Decimal | None:
    """Return a number of sane size, else None; the venue writes numbers as text or as JSON numbers."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _MAGNITUDE else None


def _moment(value: object) -> datetime | None:
    try:
        return require_utc(datetime.fromisoformat(str(value)))
    except ValueError:
        return None
