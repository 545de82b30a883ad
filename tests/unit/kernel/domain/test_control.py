"""The switch that stops trading: what each state lets through, and who may change it."""

from datetime import timedelta

import pytest

from kernel.domain.control import EVERYTHING, ControlState, Switch, resumed, sends, tightened
from kernel.testing.builders import NOW

S = ControlState
LATER = NOW + timedelta(minutes=5)


def a_switch(state: ControlState = S.ACTIVE, *, cancel_orders: bool = False) -> Switch:
    return Switch(
        scope=EVERYTHING,
        state=state,
        reason="first",
        by="ada",
        since=NOW,
        version=3,
        counts_from=NOW,
        cancel_orders=cancel_orders,
    )


@pytest.mark.parametrize(
    ("state", "opening", "closing"),
    [(S.ACTIVE, True, True), (S.REDUCING, False, True), (S.HALTED, False, False)],
)
def test_each_state_lets_less_through(state: ControlState, opening: bool, closing: bool) -> None:
    assert sends(state, opens=True) is opening
    assert sends(state, opens=False) is closing


@pytest.mark.parametrize(
    ("standing", "asked"), [(S.ACTIVE, S.REDUCING), (S.ACTIVE, S.HALTED), (S.REDUCING, S.HALTED)]
)
def test_tightening_is_a_new_version_with_its_own_why(standing: ControlState, asked: ControlState) -> None:
    changed = tightened(a_switch(standing), asked, reason="second", by="bob", now=LATER)

    assert (changed.state, changed.reason, changed.by, changed.since, changed.version) == (
        asked,
        "second",
        "bob",
        LATER,
        4,
    )
    assert changed.counts_from == NOW, "breakers go on counting"


@pytest.mark.parametrize(
    ("standing", "asked"),
    [
        (S.HALTED, S.REDUCING),
        (S.HALTED, S.HALTED),
        (S.REDUCING, S.REDUCING),
        (S.REDUCING, S.ACTIVE),
        (S.ACTIVE,) * 2,
    ],
)
def test_asking_for_no_more_than_stands_returns_what_stands(
    standing: ControlState, asked: ControlState
) -> None:
    switch = a_switch(standing)

    assert tightened(switch, asked, reason="second", by="bob", now=LATER) is switch


def test_halting_again_can_add_that_orders_are_cancelled() -> None:
    changed = tightened(a_switch(S.HALTED), S.HALTED, reason="all", by="bob", now=LATER, cancel_orders=True)

    assert (changed.state, changed.cancel_orders, changed.version) == (S.HALTED, True, 4)
    assert tightened(changed, S.HALTED, reason="x", by="eve", now=LATER, cancel_orders=True) is changed


def test_reducing_and_cancelling_what_is_halted_keeps_why_it_was_halted() -> None:
    changed = tightened(
        a_switch(S.HALTED), S.REDUCING, reason="second", by="bob", now=LATER, cancel_orders=True
    )

    assert (changed.state, changed.cancel_orders, changed.by) == (S.HALTED, True, "ada")
    assert changed.reason == "first; orders cancelled by bob: second"


def test_a_breaker_that_halts_while_orders_are_being_cancelled_does_not_stop_that() -> None:
    switch = a_switch(S.REDUCING, cancel_orders=True)

    assert tightened(switch, S.HALTED, reason="wire", by="executor", now=LATER).cancel_orders


@pytest.mark.parametrize("standing", [S.REDUCING, S.HALTED])
def test_resuming_lets_everything_through_and_counts_afresh(standing: ControlState) -> None:
    changed = resumed(a_switch(standing, cancel_orders=True), reason="mended", by="bob", now=LATER)

    assert (changed.state, changed.cancel_orders, changed.counts_from) == (S.ACTIVE, False, LATER)


def test_resuming_what_is_active_is_no_change() -> None:
    switch = a_switch()

    assert resumed(switch, reason="again", by="bob", now=LATER) is switch


def test_asking_an_active_switch_to_cancel_without_stopping_changes_nothing() -> None:
    switch = a_switch()

    assert tightened(switch, S.ACTIVE, reason="x", by="bob", now=LATER, cancel_orders=True) is switch
