"""Reads the venue's activities: each is one movement of contracts, shares or cash, with an id of the venue's own.

Entry point: `read_activity`.
1. A fill moves contracts by its side and quantity, and cash by quantity × price × 100 (× 1 for shares).
2. Of what is no trade, cash moves by `net_amount`; contracts or shares only where the type says that they move: a
   dividend's quantity is what was held.
3. An activity that was cancelled moves nothing. One that cannot be read raises ValueError: what it did then shows as
   a difference that nothing explains.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE, require_utc
from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol

FILL = "FILL"


class Kind(StrEnum):
    """What moved, or what was found."""

    # The venue's activities.
    FILL = "FILL"
    FOREIGN_FILL = "FOREIGN_FILL"
    EXPIRY = "EXPIRY"
    EXERCISE = "EXERCISE"
    ASSIGNMENT = "ASSIGNMENT"
    DELIVERY = "DELIVERY"
    CASH_SETTLEMENT = "CASH_SETTLEMENT"
    CORPORATE_ACTION = "CORPORATE_ACTION"
    CASH_TRANSFER = "CASH_TRANSFER"
    FEE = "FEE"
    INCOME = "INCOME"
    OTHER_ACTIVITY = "OTHER_ACTIVITY"
    BEFORE_BASELINE = "BEFORE_BASELINE"
    # What has happened and will be told by an activity later.
    EXPIRY_PENDING = "EXPIRY_PENDING"
    EXERCISE_PENDING = "EXERCISE_PENDING"
    ASSIGNMENT_PENDING = "ASSIGNMENT_PENDING"
    CONTRACT_ADJUSTED = "CONTRACT_ADJUSTED"
    # Our own orders, found further on than the ledger had them.
    FILL_UNSEEN = "FILL_UNSEEN"
    PARTIAL_FILL_UNSEEN = "PARTIAL_FILL_UNSEEN"
    END_UNSEEN = "END_UNSEEN"
    UNKNOWN_FOUND = "UNKNOWN_FOUND"
    # Others.
    FOREIGN_ORDER = "FOREIGN_ORDER"
    ACCEPTED = "ACCEPTED"


_KINDS = {
    FILL: Kind.FILL,
    "OPEXP": Kind.EXPIRY,
    "OPEXC": Kind.EXERCISE,
    "OPXRC": Kind.EXERCISE,
    "OPEXR": Kind.EXERCISE,
    "OPASN": Kind.ASSIGNMENT,
    "OPTRD": Kind.DELIVERY,
    "OPCSH": Kind.CASH_SETTLEMENT,
    **dict.fromkeys(
        ("OPCA", "SPLIT", "SSP", "SSO", "SPIN", "REORG", "MA", "NC", "SC", "VOF", "CIL", "PTR"),
        Kind.CORPORATE_ACTION,
    ),
    **dict.fromkeys(
        ("JNL", "JNLC", "JNLS", "CSD", "CSW", "ACATC", "ACATS", "TRANS", "OCT", "SWP", "WH"),
        Kind.CASH_TRANSFER,
    ),
    **dict.fromkeys(("FEE", "CFEE", "PTC", "DIVFEE"), Kind.FEE),
    **dict.fromkeys(
        ("INT", "INTNRA", "INTTW", "DIV", "DIVCGL", "DIVCGS", "DIVNRA", "DIVROC", "DIVTW", "DIVTXEX"),
        Kind.INCOME,
    ),
}
#: Types other than fills whose quantity is a movement.
_MOVES = frozenset(
    {"OPEXP", "OPEXC", "OPXRC", "OPEXR", "OPASN", "OPTRD", "OPCSH", "OPCA", "SPLIT", "SSP", "SSO", "SPIN"}
    | {"REORG", "MA", "NC", "SC", "VOF", "PTR", "JNLS", "ACATS", "EXTRD"}
)
#: The venue's word of an activity that did not stand.
_VOID = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One movement: `quantity` is signed contracts or shares, `cash_usd` what it added to cash.

    `client_order_id` is that of our order, once it is known that the fill is of one.
    """

    id: str
    type: str
    kind: Kind
    symbol: str | None
    quantity: Decimal
    cash_usd: Decimal
    at: datetime
    day: date
    venue_order_id: str | None = None
    client_order_id: str | None = None

    @property
    def is_fill(self) -> bool:
        """Whether an order traded; everything else happened without one."""
        return self.type == FILL


def read_activity(row: object) -> Activity:
    """Read one row of GET /v2/account/activities; raises ValueError when it is no whole activity."""
    if not isinstance(row, Mapping):
        msg = f"the venue's activity is no object: {row!r:.100}"
        raise ValueError(msg)  # noqa: TRY004 - every way of not being an activity is one kind of failure
    return _fill(row) if _text(row, "activity_type") == FILL else _non_trade(row)


def multiplier(symbol: str) -> int:
    """Return how many shares one unit of `symbol` stands for: 100 for an option, else 1."""
    return 1 if option_of(symbol) is None else CONTRACT_MULTIPLIER


def option_of(symbol: str) -> OptionSymbol | None:
    """Return the contract a symbol names, or None."""
    try:
        return OptionSymbol.parse(symbol)
    except ValueError:
        return None


def _fill(row: Mapping[object, object]) -> Activity:
    symbol, side = _text(row, "symbol"), _text(row, "side")
    if side not in ("buy", "sell", "sell_short"):
        msg = f"side of the venue's fill was {side!r}"
        raise ValueError(msg)
    quantity = _number(row, "qty") * (1 if side == "buy" else -1)
    at = require_utc(datetime.fromisoformat(_text(row, "transaction_time")))
    return Activity(
        id=_text(row, "id"),
        type=FILL,
        kind=Kind.FILL,
        symbol=symbol,
        quantity=quantity,
        cash_usd=-quantity * _number(row, "price") * multiplier(symbol),
        at=at,
        day=market_day(at),
        venue_order_id=_text(row, "order_id"),
    )


def _non_trade(row: Mapping[object, object]) -> Activity:
    name, symbol = _text(row, "activity_type"), row.get("symbol") or None
    stands = row.get("status") != _VOID
    day = date.fromisoformat(_text(row, "date")[:10])
    created = row.get("created_at")
    at = (
        datetime.fromisoformat(str(created))
        if created
        else datetime(*day.timetuple()[:3], tzinfo=MARKET_ZONE)
    )
    moves = stands and name in _MOVES and symbol is not None
    return Activity(
        id=_text(row, "id"),
        type=name,
        kind=_KINDS.get(name, Kind.OTHER_ACTIVITY),
        symbol=None if symbol is None else str(symbol),
        quantity=_number(row, "qty") if moves and row.get("qty") else Decimal(0),
        cash_usd=_number(row, "net_amount") if stands and row.get("net_amount") else Decimal(0),
        at=require_utc(at),
        day=day,
    )


def _text(row: Mapping[object, object], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        msg = f"{name} of the venue's activity was {value!r}"
        raise ValueError(msg)
    return value


def _number(row: Mapping[object, object], name: str) -> Decimal:
    try:
        number = Decimal(str(row.get(name)))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        msg = f"{name} of the venue's activity was {row.get(name)!r}"
        raise ValueError(msg)
    return number
