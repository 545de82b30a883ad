"""The six messages in the order of a signal's life, and the one that tells of the switch."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kernel.contracts.base import Finite, Message, Record, Usd, UsdNonNegative, UsdPositive, UtcTime
from kernel.contracts.parts import (
    AccountView,
    Action,
    BoundBy,
    Leg,
    QualityScore,
    Structure,
    TradeIdea,
    VolumeBasis,
)
from kernel.domain.control import ControlState

Legs = Annotated[tuple[Leg, ...], Field(min_length=1, max_length=4)]
Contracts = Annotated[int, Field(gt=0)]


class SignalSource(StrEnum):
    """Which way a signal came in."""

    OPERATOR = "operator"
    WEBHOOK = "webhook"
    SCANNER = "scanner"


class Signal(Message):
    """A proposal to trade an underlying."""

    idea: TradeIdea
    source: SignalSource
    setup: str
    external_id: str | None = None


class Selection(Message):
    """The best contract of the chain for a signal."""

    idea: TradeIdea
    structure: Structure
    legs: Legs
    mid: UsdPositive
    spot: UsdPositive
    score: QualityScore
    spread_pct: Finite
    delta: Finite
    distance_pct: Finite
    day_volume: int = Field(ge=0)
    volume_basis: VolumeBasis
    days_to_expiration: int = Field(ge=0)
    candidates: int
    qualified: int
    rejects: Mapping[str, int]
    account: AccountView
    observed_at: UtcTime


class Ticket(Message):
    """A sized order, ready to send. `contracts` counts units of the structure."""

    idea: TradeIdea
    structure: Structure
    legs: Legs
    action: Action
    contracts: Contracts
    limit_price: UsdPositive
    price_ceiling: UsdPositive
    mid: UsdPositive
    max_loss_per_contract_usd: UsdPositive
    total_risk_usd: UsdPositive
    reserved_usd: UsdNonNegative
    in_flight_usd: UsdNonNegative
    max_contracts: Contracts
    bound_by: BoundBy
    account: AccountView
    score: QualityScore
    selection_id: str
    selected_at: UtcTime
    expires_at: UtcTime


class OrderStatus(StrEnum):
    """State of an order; UNKNOWN means the venue has not said, and nothing may be assumed."""

    NEW = "NEW"
    SENDING = "SENDING"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


class Execution(Message):
    """One step in the life of an order. Prices are USD per share."""

    idea: TradeIdea
    ticket_id: str
    client_order_id: str
    venue_order_id: str | None = None
    sequence: int = Field(gt=0)
    status: OrderStatus
    action: Action
    legs: Legs
    contracts: Contracts
    filled_contracts: int = Field(ge=0)
    limit_price: UsdPositive
    average_fill_price: UsdPositive | None = None
    notional_usd: Usd
    venue_at: UtcTime | None = None
    reason: str | None = None
    decision_mid: UsdPositive | None = None
    attempt: int | None = None
    slippage_usd: Usd | None = None


class RejectionCode(StrEnum):
    """Why a signal was not traded."""

    SIGNAL_EXPIRED = "SIGNAL_EXPIRED"
    MARKET_CLOSED = "MARKET_CLOSED"
    UNDERLYING_UNKNOWN = "UNDERLYING_UNKNOWN"
    CHAIN_EMPTY = "CHAIN_EMPTY"
    NO_CONTRACT_QUALIFIES = "NO_CONTRACT_QUALIFIES"
    SCORE_BELOW_MINIMUM = "SCORE_BELOW_MINIMUM"
    STRUCTURE_NOT_AVAILABLE = "STRUCTURE_NOT_AVAILABLE"
    ACCOUNT_BLOCKED = "ACCOUNT_BLOCKED"
    RISK_BUDGET_TOO_SMALL = "RISK_BUDGET_TOO_SMALL"
    BUYING_POWER_TOO_SMALL = "BUYING_POWER_TOO_SMALL"
    TICKET_EXPIRED = "TICKET_EXPIRED"
    EXPIRY_DAY_CUTOFF = "EXPIRY_DAY_CUTOFF"
    VENUE_REJECTED = "VENUE_REJECTED"
    CLOCK_SKEW = "CLOCK_SKEW"
    LIMIT_ABOVE_CEILING = "LIMIT_ABOVE_CEILING"
    CONTRACTS_ABOVE_MAXIMUM = "CONTRACTS_ABOVE_MAXIMUM"
    CONTRACTS_ABOVE_LIMIT = "CONTRACTS_ABOVE_LIMIT"
    PREMIUM_ABOVE_LIMIT = "PREMIUM_ABOVE_LIMIT"
    DAY_PREMIUM_ABOVE_LIMIT = "DAY_PREMIUM_ABOVE_LIMIT"
    RISK_ABOVE_LIMIT = "RISK_ABOVE_LIMIT"
    UNDERLYING_EXPOSURE_ABOVE_LIMIT = "UNDERLYING_EXPOSURE_ABOVE_LIMIT"
    OPEN_POSITIONS_ABOVE_LIMIT = "OPEN_POSITIONS_ABOVE_LIMIT"
    LIMIT_NOT_POSITIVE = "LIMIT_NOT_POSITIVE"
    PRICE_ABOVE_COLLAR = "PRICE_ABOVE_COLLAR"
    PRICE_BELOW_COLLAR = "PRICE_BELOW_COLLAR"
    PRICE_BELOW_INTRINSIC = "PRICE_BELOW_INTRINSIC"
    QUOTE_NOT_USABLE = "QUOTE_NOT_USABLE"
    QUOTE_TOO_OLD = "QUOTE_TOO_OLD"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    UNDERLYING_NOT_ALLOWED = "UNDERLYING_NOT_ALLOWED"
    SAME_ORDER_AGAIN = "SAME_ORDER_AGAIN"
    ORDER_RATE_ABOVE_LIMIT = "ORDER_RATE_ABOVE_LIMIT"
    CONSECUTIVE_REJECTS = "CONSECUTIVE_REJECTS"
    DAILY_LOSS_ABOVE_LIMIT = "DAILY_LOSS_ABOVE_LIMIT"
    DRAWDOWN_ABOVE_LIMIT = "DRAWDOWN_ABOVE_LIMIT"
    ACCOUNT_NOT_USABLE = "ACCOUNT_NOT_USABLE"
    STREAM_NOT_READY = "STREAM_NOT_READY"
    RECONCILING = "RECONCILING"
    DRIFT_UNEXPLAINED = "DRIFT_UNEXPLAINED"
    HOST_NOT_ALLOWED = "HOST_NOT_ALLOWED"
    ORDERS_ABOVE_DECISIONS = "ORDERS_ABOVE_DECISIONS"
    TRADING_HALTED = "TRADING_HALTED"
    REDUCING_ONLY = "REDUCING_ONLY"
    UNKNOWN = "UNKNOWN"


class Rejection(Message):
    """A typed no, with its figures; `meta.stage` says who refused."""

    idea: TradeIdea
    code: RejectionCode
    message: str
    figures: Mapping[str, str] = Field(default_factory=dict)
    rejects: Mapping[str, int] = Field(default_factory=dict)
    account: AccountView | None = None
    observed_at: UtcTime | None = None


class EvidenceItem(Record):
    """One answer from outside, written as `encoding` says."""

    name: str
    observed_at: UtcTime
    encoding: str
    body: bytes


class Evidence(Message):
    """What a decision saw from outside, complete enough to decide again."""

    input_id: str
    decided_at: UtcTime
    items: tuple[EvidenceItem, ...]


class Control(Message):
    """A change of the switch that stops trading; `meta.occurred_at` is the database's time, for the venue may be away."""

    scope: str = Field(min_length=1)
    state: ControlState
    reason: str
    changed_by: str
    version: int = Field(gt=0)
    cancel_orders: bool
