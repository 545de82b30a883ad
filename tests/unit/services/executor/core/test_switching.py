"""What the switch means for an order, and which refusals trip it."""

import pytest

from kernel.contracts.messages import RejectionCode
from kernel.contracts.parts import Action
from kernel.domain.control import ControlState
from kernel.testing.builders import NOW
from services.executor.core.switching import BREAKERS, refusal_by, tripped_by
from tests.contracts.samples import a_rejection, an_execution
from tests.unit.kernel.domain.test_control import a_switch

S, A, C = ControlState, Action, RejectionCode


@pytest.mark.parametrize("action", list(Action))
def test_an_active_switch_refuses_nothing(action: Action) -> None:
    assert refusal_by(a_switch(S.ACTIVE), action) is None


@pytest.mark.parametrize("action", list(Action))
def test_a_halted_switch_refuses_everything_and_says_who_and_why(action: Action) -> None:
    refusal = refusal_by(a_switch(S.HALTED), action)

    assert refusal is not None
    assert refusal.code is C.TRADING_HALTED
    assert refusal.figures == {
        "state": "HALTED",
        "reason": "first",
        "by": "ada",
        "since": NOW.isoformat(),
        "version": "3",
    }


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (A.BUY_TO_OPEN, C.REDUCING_ONLY),
        (A.SELL_TO_OPEN, C.REDUCING_ONLY),
        (A.BUY_TO_CLOSE, None),
        (A.SELL_TO_CLOSE, None),
    ],
)
def test_a_reducing_switch_lets_through_what_closes(action: Action, code: RejectionCode | None) -> None:
    refusal = refusal_by(a_switch(S.REDUCING), action)

    assert (refusal.code if refusal else None) == code


@pytest.mark.parametrize("code", list(RejectionCode))
def test_only_breakers_trip_the_switch(code: RejectionCode) -> None:
    tripped = tripped_by([an_execution(), a_rejection(code=code)])

    assert (tripped.state if tripped else None) == BREAKERS.get(code)
    assert tripped is None or tripped.reason.startswith(code.value)


def test_the_switchs_own_refusals_are_no_breakers() -> None:
    assert not BREAKERS.keys() & {C.TRADING_HALTED, C.REDUCING_ONLY}
