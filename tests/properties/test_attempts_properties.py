"""The invariants of an order's attempts (services/executor/core/order_life.py and attempts.py).

A walk is told by its true history: attempts that are filled bit by bit, replaced or cancelled and sent anew, and a last
one that ends. Of what has happened so far any report may arrive at any time, again or never; only what the executor
itself waits for before it goes on (the order works, the order has ended) always does.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import OrderStatus
from kernel.testing.builders import NOW, a_leg, a_ticket
from services.executor.core.attempts import attempt_id_of
from services.executor.core.order_life import (
    ATTEMPT_TRANSITIONS,
    ENDED,
    TRANSITIONS,
    WORKING,
    Order,
    advance,
    apply,
    begin_attempt,
    new_order,
    send_attempt,
)
from services.executor.core.venue_reports import VenueReport

S = OrderStatus
Strays = Callable[[list[VenueReport]], list[VenueReport]]
CONTRACTS = 9
TICKET = a_ticket(legs=(a_leg(occ_symbol="SPY260612C00520000"),), contracts=CONTRACTS)


@dataclass(frozen=True)
class Told:
    """An attempt's true history: what it filled of its own, and whether it replaced the one before."""

    replaces: bool
    fills: tuple[int, ...]
    ending: OrderStatus


@st.composite
def walks(draw: st.DrawFn) -> list[Told]:
    left, told = CONTRACTS, []
    for number in range(draw(st.integers(1, 5))):
        fills = []
        while left and draw(st.booleans()):
            fills.append(draw(st.integers(1, left)))
            left -= fills[-1]
        replaces = bool(number) and draw(st.booleans())
        ending = S.CANCELED if left else S.FILLED
        told.append(Told(replaces, tuple(fills), ending))
        if not left:
            break
    if left:
        told[-1] = replace(told[-1], ending=draw(st.sampled_from([S.CANCELED, S.EXPIRED])))
    return told


def reports_of(number: int, told: Told, asked: int, carried: int) -> list[VenueReport]:
    """The reports of one attempt, oldest first; `carried` is what the ones it replaced had filled."""
    levels = [carried + sum(told.fills[:n]) for n in range(len(told.fills) + 1)]
    alive = [a_report(number, asked, told, n, S.PARTIALLY_FILLED if n else S.ACKNOWLEDGED) for n in levels]
    if told.ending is S.FILLED:
        alive.pop()
    return [*alive, a_report(number, asked, told, levels[-1], told.ending)]


def a_report(number: int, asked: int, told: Told, filled: int, status: OrderStatus) -> VenueReport:
    return VenueReport(
        client_order_id=attempt_id_of(TICKET.meta.id, number),
        venue_order_id=f"venue-{number}",
        occ_symbol=TICKET.legs[0].occ_symbol,
        side=TICKET.legs[0].side,
        contracts=asked,
        limit_price=TICKET.limit_price,
        status=status,
        word=status.value.lower(),
        filled_contracts=filled,
        average_fill_price=Decimal("2.50") if filled else None,
        updated_at=NOW + timedelta(seconds=filled),
        replaces=f"venue-{number - 1}" if told.replaces else None,
    )


def straight(walk: list[Told]) -> list[Order]:
    return list(_run(walk, lambda _past: []))


def _run(walk: list[Told], strays: Strays) -> Iterator[Order]:
    """The order after each step; `strays(past)` are reports that arrive besides those that are waited for."""
    order = advance(new_order(TICKET), S.SENDING)
    yield order
    past: list[VenueReport] = []
    asked, carried = CONTRACTS, 0
    for number, told in enumerate(walk, start=1):
        if number > 1:
            order = begin_attempt(order, Decimal("2.51"), NOW, "a step", replaces=told.replaces)
            yield order
        if number > 1 and not told.replaces:
            for report in [*strays(past), past[-1]]:
                if moved := apply(order, report):
                    order = moved
                    yield order
            if order.ended:
                return
            order = send_attempt(order)
            yield order
            asked, carried = asked - carried, 0
        history = reports_of(number, told, asked, carried)
        ended_before = [report for report in past if report.status in ENDED]
        past += history if number == len(walk) or not walk[number].replaces else history[:-1]
        must = [history[-1], *ended_before] if number == len(walk) else [history[0]]
        for report in [*strays(past), *must, *strays(past)]:
            if moved := apply(order, report):
                order = moved
                yield order
        if order.current.status in ENDED and number < len(walk):
            return
        past += history[-1:]
        carried = history[-1].filled_contracts


def settled(order: Order) -> tuple[object, ...]:
    return order.status, order.filled_contracts, order.average_fill_price


@given(walks(), st.data())
def test_whatever_arrives_when_the_end_is_the_same(walk: list[Told], data: st.DataObject) -> None:
    def strays(past: list[VenueReport]) -> list[VenueReport]:
        return data.draw(st.lists(st.sampled_from(past), max_size=4))

    steps = list(_run(walk, strays))

    true_fills = sum(sum(told.fills) for told in walk)
    assert steps[-1].filled_contracts <= true_fills
    if len(steps[-1].attempts) == len(walk):
        assert settled(steps[-1]) == (
            S.FILLED if true_fills == CONTRACTS else walk[-1].ending,
            true_fills,
            Decimal("2.50") if true_fills else None,
        )
    for before, after in pairwise(steps):
        assert after.sequence == before.sequence + 1
        assert after.status in TRANSITIONS[before.status]
        assert after.filled_contracts >= before.filled_contracts
        assert sum(a.status in WORKING for a in after.attempts) <= 1
        for was, became in zip(before.attempts, after.attempts, strict=False):
            assert was.status is became.status or became.status in ATTEMPT_TRANSITIONS[was.status]


@given(walks())
def test_a_walk_told_in_order_counts_every_fill_once(walk: list[Told]) -> None:
    end = straight(walk)[-1]

    assert end.filled_contracts == sum(sum(told.fills) for told in walk)
    assert end.ended


@given(walks())
def test_what_follows_a_cancelled_attempt_asks_for_the_unfilled_rest(walk: list[Told]) -> None:
    for before, after in pairwise(straight(walk)):
        if after.current.status is S.SENDING and not after.current.replaces:
            assert after.current.contracts == before.unfilled_contracts
            assert all(a.status in ENDED for a in after.attempts[:-1])
