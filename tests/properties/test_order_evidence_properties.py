"""What the gates saw is read back as it was, and answers as it did."""

import math
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE
from kernel.testing.builders import NOW, a_leg, a_meta, a_ticket, an_idea
from services.executor.core.evidence import evidence_of, seen_in
from services.executor.core.gates import Facts, Limits, check
from services.executor.core.order_life import Order, new_order

instants = st.integers(-(10**12), 10**12).map(lambda us: NOW + timedelta(microseconds=us))
zoned = instants | instants.map(lambda at: at.astimezone(MARKET_ZONE))
days = st.dates(date(2026, 6, 1), date(2026, 6, 20))


@st.composite
def calendars(draw: st.DrawFn) -> TradingCalendar:
    """Sessions of some days, around their middle; the venue's answer may be as odd as it likes."""
    sessions = [Session(day, draw(zoned), draw(zoned)) for day in draw(st.sets(days, max_size=12))]
    return TradingCalendar(sessions, covers_to=draw(st.none() | days))


facts = st.builds(
    Facts,
    now=instants,
    calendar=calendars(),
    clock_skew_s=st.none() | st.floats(),
)


def an_order(status: OrderStatus, sequence: int, symbol: str = "SPY260612C00520000") -> Order:
    end = NOW + timedelta(days=1)
    ticket = a_ticket(legs=(a_leg(occ_symbol=symbol),), idea=an_idea(expires_at=end), expires_at=end)
    return replace(new_order(ticket), status=status, sequence=sequence)


@given(facts=facts, status=st.sampled_from(OrderStatus), sequence=st.integers(0, 10_000))
def test_what_the_gates_saw_is_read_back_exactly(facts: Facts, status: OrderStatus, sequence: int) -> None:
    order = an_order(status, sequence)

    seen = seen_in(evidence_of(a_meta(), order, facts))

    assert (seen.status, seen.sequence, seen.facts.now) == (status, sequence, facts.now)
    assert seen.facts.calendar.sessions == facts.calendar.sessions
    assert seen.facts.calendar.covers_to == facts.calendar.covers_to
    assert _same(seen.facts.clock_skew_s, facts.clock_skew_s)


@given(facts=facts, symbol=st.sampled_from(["SPY260605C00520000", "SPY260612C00520000", "no symbol"]))
def test_the_gates_answer_the_same_on_what_is_read_back(facts: Facts, symbol: str) -> None:
    limits = Limits(expiry_day_cutoff_min=60, clock_skew_s_max=2)
    order = an_order(OrderStatus.NEW, 0, symbol)

    seen = seen_in(evidence_of(a_meta(), order, facts))

    assert check(order.ticket, seen.facts, limits) == check(order.ticket, facts, limits)


def _same(one: float | None, other: float | None) -> bool:
    both = one is not None and other is not None
    return one == other or (both and math.isnan(one or 0.0) and math.isnan(other or 0.0))
