"""The one place where a Signal is put together, whichever way it came in.

1. The id follows from `cause` alone: the same cause asks for the same trade, and is traded once.
2. A signal always expires: after `expires_in_s`, or after its strategy's `expiry_s`.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from kernel.contracts.messages import Signal, SignalSource
from kernel.contracts.origin import Origin
from kernel.contracts.parts import TradeIdea
from kernel.domain.options import Direction, Strategy
from kernel.domain.params import SignalsParams
from services.signals.core.setups import Setup

_STEP = "signal"


def build_signal(
    origin: Origin,
    params: SignalsParams,
    *,
    cause: str,
    underlying: str,
    direction: Direction,
    strategy: Strategy,
    now: datetime,
    source: SignalSource = SignalSource.OPERATOR,
    setup: str = "manual",
    external_id: str | None = None,
    expires_in_s: float | None = None,
    reference_price: Decimal | None = None,
    stop_price: Decimal | None = None,
    target_price: Decimal | None = None,
    atr: Decimal | None = None,
) -> Signal:
    """Return the signal of one request. `now` is the venue's time; prices are the underlying's, USD per share.

    `cause` names the request itself (for an operator: something that differs between two wishes, such as the instant
    and a number). Raises pydantic's ValidationError, a ValueError, when the underlying or a price is none.
    """
    lives_s = params.expiry_s[strategy] if expires_in_s is None else expires_in_s
    idea = TradeIdea(
        underlying=underlying,
        direction=direction,
        strategy=strategy,
        expires_at=now + timedelta(seconds=lives_s),
        reference_price=reference_price,
        stop_price=stop_price,
        target_price=target_price,
        atr=atr,
    )
    meta = origin.root_meta(cause, _STEP, now)
    return Signal(meta=meta, idea=idea, source=source, setup=setup, external_id=external_id)


def signal_from_setup(origin: Origin, setup: Setup, now: datetime) -> Signal:
    """Return the signal of what a strategy found; it lives from the bar that showed it, not from when it was seen."""
    idea = TradeIdea(
        underlying=setup.underlying,
        direction=setup.direction,
        strategy=setup.strategy,
        expires_at=setup.expires_at,
        reference_price=setup.reference_price,
        stop_price=setup.stop_price,
        target_price=setup.target_price,
        atr=setup.atr,
    )
    meta = origin.root_meta(setup.cause, _STEP, now)
    return Signal(meta=meta, idea=idea, source=SignalSource.SCANNER, setup=setup.rule)
