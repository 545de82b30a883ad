"""What the gates saw is read back as it was, and answers as it did."""

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.control import ControlState
from kernel.testing.builders import NOW, a_leg, a_meta, a_ticket, an_idea
from services.executor.core.evidence import evidence_of, seen_in
from services.executor.core.facts import AccountFacts, Fact, Facts, Position, Quote
from services.executor.core.gates import GATES, answerable, check
from services.executor.core.order_life import Order, new_order
from services.executor.core.readiness import Readiness
from services.executor.core.risk_book import LiveOrder, RiskBook
from tests.fakes.executor_facts import LIMITS, a_switch

instants = st.integers(-(10**12), 10**12).map(lambda us: NOW + timedelta(microseconds=us))
zoned = instants | instants.map(lambda at: at.astimezone(MARKET_ZONE))
_NO_CALENDAR = TradingCalendar([])
days = st.dates(date(2026, 6, 1), date(2026, 6, 20))
symbols = st.sampled_from(["SPY260605C00520000", "SPY260612C00520000", "QQQ260612P00450000", "no symbol"])
#: Money as it comes, and as it must not: NaN, infinite, zero, negative.
amounts = (
    st.decimals(-(10**6), 10**6, places=4)
    | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(0)])
    | st.sampled_from([Decimal("2.49"), Decimal("2.51"), Decimal(520), Decimal(100000)])
)
maybe = st.none() | amounts
positive = st.decimals("0.01", 10**5, places=2)


@st.composite
def calendars(draw: st.DrawFn) -> TradingCalendar:
    """Sessions of some days, around their middle; the venue's answer may be as odd as it likes."""
    sessions = [Session(day, draw(zoned), draw(zoned)) for day in draw(st.sets(days, max_size=12))]
    return TradingCalendar(sessions, covers_to=draw(st.none() | days))


accounts = st.builds(
    AccountFacts,
    account_id=st.none() | st.just("PA0000000001"),
    equity_usd=maybe,
    last_equity_usd=maybe,
    options_buying_power_usd=maybe,
    blocked_by=st.sampled_from([(), ("trading_blocked",)]),
)
books = st.builds(
    RiskBook,
    orders=st.lists(
        st.builds(
            LiveOrder,
            underlying=st.just("SPY"),
            occ_symbol=symbols,
            contracts=st.integers(1, 1000),
            price_ceiling=positive,
            at_venue=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    day_premium_usd=amounts,
    begun_last_minute=st.integers(0, 20),
    rejected_at=st.lists(instants, max_size=4).map(tuple),
    same_order_at=st.none() | instants,
    equity_high_usd=maybe,
    equity_high_at=st.none() | instants,
    switch=st.none() | st.sampled_from(ControlState).map(a_switch),
)
facts = st.builds(
    Facts,
    now=instants,
    calendar=calendars(),
    clock_skew_s=st.none() | st.floats(),
    venue_url=st.none() | st.sampled_from(["http://127.0.0.1:1", "https://api.alpaca.markets", "", "paper"]),
    account=st.none() | accounts,
    positions=st.none()
    | st.lists(st.builds(Position, occ_symbol=symbols, at_stake_usd=positive), max_size=3).map(tuple),
    quote=st.none() | st.builds(Quote, bid=maybe, ask=maybe, quoted_at=st.none() | instants),
    price_usd=maybe,
    readiness=st.none()
    | st.builds(
        Readiness,
        stream_ready=st.booleans(),
        reconciled=st.booleans(),
        drift=st.sampled_from([(), ("a position nobody ordered",)]),
    ),
    book=st.none() | books,
)


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
