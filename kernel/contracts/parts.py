"""Records that several messages share."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from kernel.contracts.base import Finite, Percent, Record, Usd, UsdNonNegative, UsdPositive, UtcTime
from kernel.domain.options import Direction, Strategy

Ticker = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9.]{0,9}$")]


class Side(StrEnum):
    """Side of a leg."""

    BUY = "buy"
    SELL = "sell"


class Structure(StrEnum):
    """Shape of a position."""

    SINGLE = "single"


class Action(StrEnum):
    """What an order does to the position."""

    BUY_TO_OPEN = "buy_to_open"
    SELL_TO_OPEN = "sell_to_open"
    BUY_TO_CLOSE = "buy_to_close"
    SELL_TO_CLOSE = "sell_to_close"


class BoundBy(StrEnum):
    """What kept a size from being larger."""

    RISK_BUDGET = "risk_budget"
    MAX_CONTRACTS = "max_contracts"
    BUYING_POWER = "buying_power"


class VolumeBasis(StrEnum):
    """Where a day's volume came from."""

    DAY_BAR = "day_bar"
    PREVIOUS_DAY_BAR = "previous_day_bar"
    LATEST_TRADE = "latest_trade"
    NONE = "none"


class TradeIdea(Record):
    """What a signal proposes; handed on unchanged by every stage. Prices are the underlying's, USD per share."""

    underlying: Ticker
    direction: Direction
    strategy: Strategy
    expires_at: UtcTime
    reference_price: UsdPositive | None = None
    stop_price: UsdPositive | None = None
    target_price: UsdPositive | None = None
    atr: UsdPositive | None = None


class Leg(Record):
    """One option of a structure with the quote it was chosen on, USD per share."""

    occ_symbol: str
    side: Side
    ratio: int = Field(gt=0)
    bid: UsdNonNegative
    ask: UsdPositive
    quoted_at: UtcTime
    delta: Finite | None = None
    open_interest: int | None = None


class QualityScore(Record):
    """0-100 and its four parts."""

    total: Finite
    spread: Finite
    volume: Finite
    delta: Finite
    distance: Finite


class AccountView(Record):
    """The account as a decision saw it. `risk_pct` includes the strategy multiplier."""

    account_id: str
    equity_usd: Usd
    options_buying_power_usd: Usd
    tier: str
    risk_pct: Percent
    risk_budget_usd: UsdNonNegative
