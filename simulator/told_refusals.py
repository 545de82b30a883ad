"""Refusals of the catalogue that hang on what this venue has no state for: they are given when a fault asks for them.

An account's standing with the broker, a contract that was taken off the list, an assignment that takes its time, a switch
of the broker's own: none of them follows from orders and prices. `REFUSE` with a `reason` brings each about, for what it
is limited to.
"""

from dataclasses import dataclass
from enum import StrEnum

from simulator.venue.refusals import FORBIDDEN, NOT_FOUND, UNPROCESSABLE, Refusal


class Request(StrEnum):
    """What is refused."""

    SUBMIT = "submit"
    CANCEL = "cancel"
    REPLACE = "replace"
    EXERCISE = "exercise"


class Reason(StrEnum):
    """Why, in a word; the whole sentence is in `_TOLD`."""

    SYMBOL_NOT_ELIGIBLE = "symbol_not_eligible"
    LEVEL_2_NOT_ELIGIBLE = "level_2_not_eligible"
    CONTRACT_NOT_ACTIVE = "contract_not_active"
    CONTRACT_NOT_TRADABLE = "contract_not_tradable"
    CONTRACT_NOT_FOUND = "contract_not_found"
    INVALID_CONTRACT = "invalid_contract"
    INVALID_ORDER_TYPE = "invalid_order_type"
    INVALID_TIME_IN_FORCE = "invalid_time_in_force"
    ASSIGNMENT_LOCK = "assignment_lock"
    ROLLING_AMBIGUITY = "rolling_ambiguity"
    SUBMIT_MLEG_DISABLED = "submit_mleg_disabled"
    CANCEL_MLEG_DISABLED = "cancel_mleg_disabled"
    REPLACE_MLEG_DISABLED = "replace_mleg_disabled"
    ORDER_NOT_FOUND = "order_not_found"
    NO_POSITION_TO_EXERCISE = "no_position_to_exercise"
    REGT_POWER_TO_EXERCISE = "regt_power_to_exercise"


@dataclass(frozen=True, slots=True)
class _Told:
    code: int
    text: str
    request: Request = Request.SUBMIT
    is_of_legs: bool = False


_TOLD = {
    Reason.SYMBOL_NOT_ELIGIBLE: _Told(FORBIDDEN, "account not eligible to trade options: {symbol}"),
    Reason.LEVEL_2_NOT_ELIGIBLE: _Told(FORBIDDEN, "account not eligible for level2 options trading"),
    Reason.CONTRACT_NOT_ACTIVE: _Told(UNPROCESSABLE, 'contract "{symbol}" is not active'),
    Reason.CONTRACT_NOT_TRADABLE: _Told(UNPROCESSABLE, 'contract "{symbol}" is not tradable'),
    Reason.CONTRACT_NOT_FOUND: _Told(UNPROCESSABLE, 'contract "{symbol}" not found'),
    Reason.INVALID_CONTRACT: _Told(UNPROCESSABLE, "invalid contract"),
    Reason.INVALID_ORDER_TYPE: _Told(UNPROCESSABLE, "invalid option order_type"),
    Reason.INVALID_TIME_IN_FORCE: _Told(UNPROCESSABLE, "invalid option time_in_force"),
    Reason.ASSIGNMENT_LOCK: _Told(
        FORBIDDEN, "active assignment lock on {symbol}, cannot close all long options"
    ),
    Reason.ROLLING_AMBIGUITY: _Told(UNPROCESSABLE, "rolling contracts ambiguity", is_of_legs=True),
    Reason.SUBMIT_MLEG_DISABLED: _Told(FORBIDDEN, "submit mleg order is disabled", is_of_legs=True),
    Reason.CANCEL_MLEG_DISABLED: _Told(
        FORBIDDEN, "cancel mleg order is disabled", Request.CANCEL, is_of_legs=True
    ),
    Reason.REPLACE_MLEG_DISABLED: _Told(
        FORBIDDEN, "replace mleg order is disabled", Request.REPLACE, is_of_legs=True
    ),
    Reason.ORDER_NOT_FOUND: _Told(NOT_FOUND, "order not found", Request.CANCEL),
    Reason.NO_POSITION_TO_EXERCISE: _Told(
        FORBIDDEN, "no available position for the specified contract", Request.EXERCISE
    ),
    Reason.REGT_POWER_TO_EXERCISE: _Told(
        FORBIDDEN,
        "insufficient regt buying power (required: {required}, available: {available})",
        Request.EXERCISE,
    ),
}


def reasons_for(request: Request, *, has_legs: bool) -> frozenset[str]:
    """Return the reasons that such a request can be refused for."""
    return frozenset(
        reason
        for reason, told in _TOLD.items()
        if told.request is request and (has_legs or not told.is_of_legs)
    )


def refusal_for(reason: Reason, symbol: str, *, required: str = "", available: str = "") -> Refusal:
    """Return the refusal, about a contract; the figures are USD."""
    told = _TOLD[reason]
    text = told.text.format(symbol=symbol, required=required, available=available)
    return Refusal(http_status=told.code // 100_000, code=told.code, message=text)
