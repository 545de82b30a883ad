"""The switch that stops trading: its three states, and who may change what.

ACTIVE    orders are sent
REDUCING  only orders that close a position
HALTED    none; orders at the venue may still be cancelled

Entry points: `tightened`, `resumed` (the only two changes), `sends` (what a state lets through).
1. `tightened` never loosens: asked for less than what stands, it returns the switch as it stands.
2. Only `resumed` loosens, and only a person calls it: no breaker, restart or lapse of time does.
3. A change that changes nothing is no change: the same object comes back, with its first reason, time and version.
4. What breakers count, they count from `counts_from`: what tripped the switch before it was resumed trips it no more.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

#: Every account of one database. The switch must work while the venue is away, when nobody can say whose keys these are.
EVERYTHING = "*"


class ControlState(StrEnum):
    """What may be sent; each state allows less than the one before."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


_TIGHTNESS = {state: n for n, state in enumerate(ControlState)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The switch as it stands. Times are the database's. `by`: a person's name, or the stage whose breaker tripped it.

    `cancel_orders`: as long as it stands so, working orders are cancelled (in REDUCING only those that open).
    """

    scope: str
    state: ControlState
    reason: str
    by: str
    since: datetime
    version: int
    counts_from: datetime
    cancel_orders: bool = False

    @property
    def active(self) -> bool:
        """Whether every order may be sent."""
        return self.state is ControlState.ACTIVE


def sends(state: ControlState, *, opens: bool) -> bool:
    """Tell whether an order that `opens` a position (else: closes one) may be sent."""
    return state is ControlState.ACTIVE or (state is ControlState.REDUCING and not opens)


def tightened(
    switch: Switch, state: ControlState, *, reason: str, by: str, now: datetime, cancel_orders: bool = False
) -> Switch:
    """Return the switch set to `state`, or as it stands where that is as tight already and nothing is added."""
    if _TIGHTNESS[state] > _TIGHTNESS[switch.state]:
        return _changed(
            switch, state, reason=reason, by=by, now=now, cancel_orders=cancel_orders or switch.cancel_orders
        )
    if cancel_orders and not switch.cancel_orders and not switch.active:
        if state is not switch.state:  # what was asked for is not what stands: its own why stays in front
            reason, by = f"{switch.reason}; orders cancelled by {by}: {reason}", switch.by
        return _changed(switch, switch.state, reason=reason, by=by, now=now, cancel_orders=True)
    return switch


def resumed(switch: Switch, *, reason: str, by: str, now: datetime) -> Switch:
    """Return the switch set to ACTIVE by a person, breakers counting from now; as it stands where it is ACTIVE."""
    if switch.active:
        return switch
    changed = _changed(switch, ControlState.ACTIVE, reason=reason, by=by, now=now, cancel_orders=False)
    return replace(changed, counts_from=now)


def _changed(
    switch: Switch, state: ControlState, *, reason: str, by: str, now: datetime, cancel_orders: bool
) -> Switch:
    return replace(
        switch,
        state=state,
        reason=reason,
        by=by,
        since=now,
        version=switch.version + 1,
        cancel_orders=cancel_orders,
    )
