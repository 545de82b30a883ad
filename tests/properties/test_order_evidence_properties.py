"""What the gates saw is read back as it was, and answers as it did."""

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.domain.calendar import TradingCalendar
from kernel.testing.builders import NOW, a_leg, a_meta, a_ticket, an_idea
from services.executor.core.evidence import evidence_of, seen_in
from services.executor.core.facts import Fact, Facts
from services.executor.core.gates import GATES, answerable, check
from services.executor.core.order_life import Order, new_order
from tests.fakes.executor_facts import LIMITS
from tests.fakes.executor_strategies import facts, symbols

_NO_CALENDAR = TradingCalendar([])


def an_order(
    status: OrderStatus = OrderStatus.NEW, sequence: int = 0, symbol: str = "SPY260612C00520000"
) -> Order:
    end = NOW + timedelta(days=1)
    ticket = a_ticket(legs=(a_leg(occ_symbol=symbol),), idea=an_idea(expires_at=end), expires_at=end)
    return replace(new_order(ticket), status=status, sequence=sequence)


@given(facts=facts, status=st.sampled_from(OrderStatus), sequence=st.integers(0, 10_000))
def test_what_the_gates_saw_is_read_back_exactly(facts: Facts, status: OrderStatus, sequence: int) -> None:
    seen = seen_in(evidence_of(a_meta(), an_order(status, sequence), facts))

    assert (seen.status, seen.sequence, seen.known) == (status, sequence, frozenset(Fact))
    assert (seen.facts.calendar.sessions, seen.facts.calendar.covers_to) == (
        facts.calendar.sessions,
        facts.calendar.covers_to,
    )
    assert _same(seen.facts.clock_skew_s, facts.clock_skew_s)
    # repr tells two NaN alike.
    assert repr(_comparable(seen.facts)) == repr(_comparable(facts))


@given(facts=facts, symbol=symbols)
def test_the_gates_answer_the_same_on_what_is_read_back(facts: Facts, symbol: str) -> None:
    order = an_order(symbol=symbol)

    seen = seen_in(evidence_of(a_meta(), order, facts))

    assert check(order.ticket, seen.facts, LIMITS) == check(order.ticket, facts, LIMITS)


@given(facts=facts, symbol=symbols, without=st.sets(st.sampled_from(sorted(Fact))))
def test_gates_are_asked_again_for_no_more_than_was_recorded(
    facts: Facts, symbol: str, without: set[Fact]
) -> None:
    """Evidence of a time before some facts were recorded decides as the gates of that time did."""
    order, without = an_order(symbol=symbol), without - {Fact.CLOCK, Fact.CALENDAR}
    evidence = evidence_of(a_meta(), order, facts)
    older = evidence.model_copy(
        update={"items": tuple(i for i in evidence.items if i.name not in {fact.value for fact in without})}
    )

    seen = seen_in(older)

    gates = answerable(seen.known)
    assert {gate.code for gate in GATES} - {gate.code for gate in gates} == {
        gate.code for gate in GATES if gate.needs & without
    }
    assert check(order.ticket, seen.facts, LIMITS, gates) == check(order.ticket, facts, LIMITS, gates)


def _comparable(facts: Facts) -> Facts:
    return replace(facts, calendar=_NO_CALENDAR, clock_skew_s=None)


def _same(one: float | None, other: float | None) -> bool:
    both = one is not None and other is not None
    return one == other or (both and math.isnan(one or 0.0) and math.isnan(other or 0.0))
