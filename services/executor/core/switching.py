"""What the switch means for an order, and which refusals trip it.

1. A breaker tightens to REDUCING: what is open can still be closed. An order that no decision stands behind is a defect
   of ours, so it stops everything.
2. A refusal by the switch is no breaker: what is stopped does not stop itself further.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kernel.contracts.messages import Evidence, Execution, Rejection, RejectionCode
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Action
from kernel.domain.control import ControlState, Switch, sends
from services.executor.core.gates import Refusal

OPENING = frozenset({Action.BUY_TO_OPEN, Action.SELL_TO_OPEN})
BREAKERS: Mapping[RejectionCode, ControlState] = {
    RejectionCode.ORDER_RATE_ABOVE_LIMIT: ControlState.REDUCING,
    RejectionCode.CONSECUTIVE_REJECTS: ControlState.REDUCING,
    RejectionCode.DAILY_LOSS_ABOVE_LIMIT: ControlState.REDUCING,
    RejectionCode.DRAWDOWN_ABOVE_LIMIT: ControlState.REDUCING,
    RejectionCode.ORDERS_ABOVE_DECISIONS: ControlState.HALTED,
}
_REFUSED_AS = {
    ControlState.REDUCING: (RejectionCode.REDUCING_ONLY, "only orders that close a position are sent"),
    ControlState.HALTED: (RejectionCode.TRADING_HALTED, "trading is halted"),
}


@dataclass(frozen=True, slots=True)
class Tripped:
    """What a breaker sets the switch to, why, and who says so."""

    state: ControlState
    reason: str
    origin: Origin


def refusal_by(switch: Switch, action: Action) -> Refusal | None:
    """Return the switch's no to an order of that action, or None where it lets it through."""
    if sends(switch.state, opens=action in OPENING):
        return None
    code, meaning = _REFUSED_AS[switch.state]
    return Refusal(
        code=code,
        message=f"{meaning}, by {switch.by} since {switch.since.isoformat(timespec='seconds')}: {switch.reason}",
        figures={
            "state": switch.state.value,
            "reason": switch.reason,
            "by": switch.by,
            "since": switch.since.isoformat(),
            "version": str(switch.version),
        },
    )


def tripped_by(messages: Iterable[Evidence | Execution | Rejection]) -> Tripped | None:
    """Return what a step's messages trip the switch to: the Rejection of a breaker does."""
    for message in messages:
        if isinstance(message, Rejection) and message.code in BREAKERS:
            meta = message.meta
            origin = Origin(meta.stage, meta.revision, meta.config_hash)
            return Tripped(BREAKERS[message.code], f"{message.code.value}: {message.message}", origin)
    return None
