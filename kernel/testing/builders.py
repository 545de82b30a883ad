"""Valid messages with one line; name what matters to the test, the rest is plausible.

All times hang on `NOW` (a Friday, 10:30 in New York); SPY trades at 520, the option at 2.49 x 2.51.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.contracts.base import Meta
from kernel.contracts.messages import Selection, Signal, SignalSource, Ticket
from kernel.contracts.parts import (
    AccountView,
    Action,
    BoundBy,
    Leg,
    QualityScore,
    Side,
    Structure,
    TradeIdea,
    VolumeBasis,
)
from kernel.domain.ids import derive_id
from kernel.domain.options import Direction, Strategy

NOW = datetime(2026, 6, 5, 14, 30, tzinfo=UTC)


def a_meta(cause: str = "test", stage: str = "test", **values: Any) -> Meta:
    """Return an origin derived from `cause`."""
    message_id = derive_id(cause, stage)
    defaults = {
        "id": message_id,
        "correlation_id": message_id,
        "causation_id": cause,
        "occurred_at": NOW,
        "stage": stage,
        "revision": "test",
        "config_hash": "test",
    }
    return Meta(**(defaults | values))


def an_idea(underlying: str = "SPY", **values: Any) -> TradeIdea:
    """Return a bullish day-trade idea that lives five minutes."""
    defaults: dict[str, Any] = {
        "underlying": underlying,
        "direction": Direction.BULLISH,
        "strategy": Strategy.DAY_TRADE,
        "expires_at": NOW + timedelta(minutes=5),
        "reference_price": Decimal("520.00"),
        "stop_price": Decimal("517.50"),
        "target_price": Decimal("525.00"),
        "atr": Decimal("2.50"),
    }
    return TradeIdea(**(defaults | values))


def a_signal(cause: str = "signal-1", *, idea: TradeIdea | None = None, **values: Any) -> Signal:
    """Return a signal of `idea`."""
    defaults: dict[str, Any] = {
        "meta": a_meta(cause, "signals"),
        "idea": idea or an_idea(),
        "source": SignalSource.OPERATOR,
        "setup": "manual",
    }
    return Signal(**(defaults | values))


def a_leg(**values: Any) -> Leg:
    """Return a long SPY call of the same day, 2.49 x 2.51."""
    defaults: dict[str, Any] = {
        "occ_symbol": "SPY260605C00520000",
        "side": Side.BUY,
        "ratio": 1,
        "bid": Decimal("2.49"),
        "ask": Decimal("2.51"),
        "quoted_at": NOW,
        "delta": 0.5,
        "open_interest": 1200,
    }
    return Leg(**(defaults | values))


def a_score(**values: float) -> QualityScore:
    """Return a good score."""
    defaults = {"total": 91.3, "spread": 35.2, "volume": 27.1, "delta": 20.0, "distance": 9.0}
    return QualityScore(**(defaults | values))


def an_account(**values: Any) -> AccountView:
    """Return a $100,000 account as a day trade sees it."""
    defaults: dict[str, Any] = {
        "account_id": "PA0000000001",
        "equity_usd": Decimal(100000),
        "options_buying_power_usd": Decimal(100000),
        "tier": "large",
        "risk_pct": Decimal(1),
        "risk_budget_usd": Decimal(1000),
    }
    return AccountView(**(defaults | values))


def a_selection(cause: str = "signal-1", **values: Any) -> Selection:
    """Return a selection of one SPY call at a mid of 2.50."""
    signal = a_signal(cause)
    defaults: dict[str, Any] = {
        "meta": a_meta(signal.meta.id, "selector", correlation_id=signal.meta.id),
        "idea": signal.idea,
        "structure": Structure.SINGLE,
        "legs": (a_leg(),),
        "mid": Decimal("2.50"),
        "spot": Decimal("520.00"),
        "score": a_score(),
        "spread_pct": 0.8,
        "delta": 0.5,
        "distance_pct": 0.0,
        "day_volume": 850,
        "volume_basis": VolumeBasis.DAY_BAR,
        "days_to_expiration": 0,
        "candidates": 40,
        "qualified": 12,
        "rejects": {"VOLUME_TOO_LOW": 28},
        "account": an_account(),
        "observed_at": NOW,
    }
    return Selection(**(defaults | values))


def a_ticket(cause: str = "signal-1", **values: Any) -> Ticket:
    """Return a ticket for four SPY calls at 2.50."""
    selection = a_selection(cause)
    defaults: dict[str, Any] = {
        "meta": a_meta(selection.meta.id, "sizer", correlation_id=selection.meta.correlation_id),
        "idea": selection.idea,
        "structure": Structure.SINGLE,
        "legs": selection.legs,
        "action": Action.BUY_TO_OPEN,
        "contracts": 4,
        "limit_price": Decimal("2.50"),
        "price_ceiling": Decimal("2.51"),
        "mid": Decimal("2.50"),
        "max_loss_per_contract_usd": Decimal(250),
        "total_risk_usd": Decimal(1000),
        "reserved_usd": Decimal(1004),
        "in_flight_usd": Decimal(0),
        "max_contracts": 10,
        "bound_by": BoundBy.RISK_BUDGET,
        "account": an_account(),
        "score": selection.score,
        "selection_id": selection.meta.id,
        "selected_at": NOW,
        "expires_at": NOW + timedelta(minutes=2),
    }
    return Ticket(**(defaults | values))
