"""Every gate at its very bound and one tick to either side; the edges are in tests/fakes/gate_edges*.py."""

from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import RejectionCode as C
from services.executor.core.gates import GATES, check
from tests.fakes import gate_edges, gate_edges_of_stake
from tests.fakes.executor_facts import LIMITS, long_lived, some_facts
from tests.fakes.gate_scenes import Edge, scene

D = Decimal
EDGES = [*gate_edges.EDGES, *gate_edges_of_stake.EDGES]
GATE = {gate.code: gate for gate in GATES}
SIDES = [
    pytest.param(edge, value, passes, id=f"{edge.code.value}-{edge.figure}-{value}")
    for edge in EDGES
    for values, passes in ((edge.passes, True), (edge.refused, False))
    for value in values
]


def test_on_good_facts_a_good_ticket_passes_every_gate() -> None:
    good = scene()

    assert check(good.ticket, good.facts, good.limits) is None


@pytest.mark.parametrize(("edge", "value", "passes"), SIDES)
def test_a_gate_says_no_beyond_its_bound_and_not_before(edge: Edge, value: Any, *, passes: bool) -> None:
    asked = edge.scene(value)

    refusal = GATE[edge.code].refusal(asked.ticket, asked.facts, asked.limits)

    assert (refusal is None) is passes


@pytest.mark.parametrize(("edge", "value", "passes"), SIDES)
def test_what_one_gate_refuses_no_other_lets_through(edge: Edge, value: Any, *, passes: bool) -> None:
    asked = edge.scene(value)

    refusal = check(asked.ticket, asked.facts, asked.limits)

    assert passes or refusal is not None


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.code.value}-{edge.figure}")
def test_every_no_has_its_own_code_a_sentence_and_figures(edge: Edge) -> None:
    asked = edge.scene(edge.refused[0])

    refusal = GATE[edge.code].refusal(asked.ticket, asked.facts, asked.limits)

    assert refusal is not None
    assert refusal.code is edge.code
    assert refusal.message
    assert refusal.figures
    assert all(isinstance(text, str) and text for text in refusal.figures.values())


def test_every_gate_has_a_boundary_test_and_a_code_of_its_own() -> None:
    codes = [gate.code for gate in GATES]

    assert len(set(codes)) == len(codes)
    assert {edge.code for edge in EDGES} == set(codes)


def test_no_order_a_hundred_times_too_large_passes_whatever_its_ticket_claims() -> None:
    claim = long_lived(contracts=400, max_contracts=1000, reserved_usd=D(100400), price_ceiling=D("2.51"))

    refusal = check(claim, some_facts(), LIMITS)

    assert refusal is not None
    assert refusal.code is C.CONTRACTS_ABOVE_LIMIT


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"limit_price": D("0")}, C.LIMIT_NOT_POSITIVE),
        ({"limit_price": D("1.00"), "price_ceiling": D("1.00")}, C.PRICE_BELOW_COLLAR),
        ({"limit_price": D("25.00"), "price_ceiling": D("25.00")}, C.PREMIUM_ABOVE_LIMIT),
        ({"limit_price": D("25.00"), "price_ceiling": D("25.00"), "contracts": 1}, C.PRICE_ABOVE_COLLAR),
    ],
)
def test_senseless_limits_are_told_apart(values: dict[str, Any], code: C) -> None:
    refusal = check(long_lived().model_copy(update=values), some_facts(), LIMITS)

    assert refusal is not None
    assert refusal.code is code
