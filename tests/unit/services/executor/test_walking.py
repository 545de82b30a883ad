"""What the walk does with working orders: attempts, replacements, cancellations, and what it does when nobody answers."""

from collections import deque
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import OrderStatus, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Action, Side
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.control import ControlState
from kernel.domain.errors import DatabaseUnavailable
from kernel.testing.builders import NOW, a_leg, a_ticket, an_idea
from kernel.testing.clock import FixedClock
from services.executor.core.attempts import attempt_id_of
from services.executor.core.order_life import Order, advance, new_order
from services.executor.core.orders import request_of
from services.executor.core.steps import Steps
from services.executor.walk_conditions import WalkConditions
from services.executor.walking import OrderWalker
from tests.fakes.executor import Crash, FakeBroker, FakeOrders, FakePause, FakeQuotes, FakeSwitch, Outcome
from tests.fakes.executor_facts import READY, FakeReadiness
from tests.fakes.executor_sessions import FakeSessions
from tests.fakes.params import PARAMS

S = OrderStatus
STEPS = Steps(Origin("executor", "test", "test"))
END = NOW + timedelta(seconds=120)


def a_walk(closes: bool = False, **leg: str) -> Ticket:
    """Three contracts at a mid of 2.50, to be bought up to 2.60 or sold down to 2.40."""
    return a_ticket(
        idea=an_idea(expires_at=END),
        action=Action.SELL_TO_CLOSE if closes else Action.BUY_TO_OPEN,
        legs=(a_leg(side=Side.SELL if closes else Side.BUY, **leg),),
        contracts=3,
        limit_price=Decimal("2.50"),
        mid=Decimal("2.50"),
        price_ceiling=Decimal("2.40" if closes else "2.60"),
        expires_at=END,
    )


TICKET, CLOSING = a_walk(), a_walk(closes=True)


class Desk:
    """A walker over fakes, and one order of three that the venue has just taken."""

    def __init__(self, ticket: Ticket = TICKET) -> None:
        self.ticket = ticket
        self.clock = FixedClock()
        self.broker = FakeBroker(self.clock)
        self.orders = FakeOrders()
        self.quotes = FakeQuotes(self.clock)
        self.pause = FakePause()
        self.switch = FakeSwitch(self.clock)
        self.sessions = FakeSessions()
        self.readiness = FakeReadiness()
        self.restart()
        sending = advance(new_order(ticket), S.SENDING)
        step = STEPS.report(sending, self.broker.accept(request_of(ticket)), NOW)
        assert step is not None
        self.orders.orders[step.order.client_order_id] = step.order

    @property
    def order(self) -> Order:
        (order,) = self.orders.orders.values()
        return order

    def id(self, number: int) -> str:
        return attempt_id_of(self.ticket.meta.id, number)

    def restart(self) -> None:
        """Let a worker that remembers nothing go on."""
        self.walker = OrderWalker(
            broker=self.broker,
            orders=self.orders,
            conditions=WalkConditions(
                switch=self.switch,
                readiness=self.readiness,
                sessions=self.sessions,
                quotes=self.quotes,
                clock=self.clock,
                params=PARAMS,
            ),
            clock=self.clock,
            pause=self.pause,
            params=PARAMS,
            steps=STEPS,
        )

    async def at(self, seconds: float) -> Order:
        """Let the walk look at this market time."""
        self.clock.set(NOW + timedelta(seconds=seconds))
        try:
            await self.walker.walk()
        except ExceptionGroup as group:
            self.restart()
            _, others = group.split(Crash)
            if others is not None:
                raise others from group
        return self.order

    def limits(self) -> list[str]:
        return [str(attempt.limit_price) for attempt in self.order.attempts]


@pytest.fixture
def desk() -> Desk:
    return Desk()


# The walk


async def test_an_unfilled_order_is_replaced_step_by_step_up_to_the_ask(desk: Desk) -> None:
    for seconds in (0, 5, 9.9, 10, 15, 20, 30, 40, 45, 50, 99):
        await desk.at(seconds)

    assert desk.limits() == ["2.50", "2.52", "2.55", "2.57", "2.60"]
    assert [request.contracts for _, request in desk.broker.patches] == [3, 3, 3, 3]
    assert len(desk.broker.posts) == 0


async def test_what_is_not_filled_at_the_end_of_the_rest_is_cancelled(desk: Desk) -> None:
    for seconds in (10, 20, 30, 40, 99.9):
        assert (await desk.at(seconds)).status is S.ACKNOWLEDGED

    order = await desk.at(100)

    assert order.status is S.CANCELED
    assert order.reason == "not filled after 4 steps and 60 s of rest"
    assert desk.broker.cancelled == [desk.broker.orders[desk.id(5)].venue_order_id]


async def test_the_intent_is_committed_before_the_venue_hears_of_it(desk: Desk) -> None:
    seen: list[int] = []

    def trap(point: str) -> None:
        if point == "before the patch":
            seen.append(len(desk.order.attempts))

    desk.broker.trap = trap

    await desk.at(10)

    assert seen == [2]


async def test_an_execution_tells_attempt_limit_and_slippage(desk: Desk) -> None:
    await desk.at(10)
    desk.broker.fill(desk.id(2), 3, "2.52")
    step = STEPS.report(desk.order, desk.broker.orders[desk.id(2)], NOW)

    assert step is not None
    execution = step.messages[0]
    assert (execution.status, execution.attempt, execution.limit_price, execution.slippage_usd) == (  # type: ignore[union-attr]
        S.FILLED, 2, Decimal("2.52"), Decimal(6),
    )  # fmt: skip


async def test_an_order_with_fills_is_cancelled_and_only_the_rest_sent_anew(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)

    order = await desk.at(10)

    assert [(r.contracts, str(r.limit_price)) for r in desk.broker.posts] == [(2, "2.52")]
    assert desk.broker.patches == []
    assert (order.status, order.filled_contracts, order.current.status) == (
        S.PARTIALLY_FILLED, 1, S.ACKNOWLEDGED,
    )  # fmt: skip


async def test_a_fill_while_it_is_replaced_is_counted_once_and_never_asked_for_again(desk: Desk) -> None:
    desk.broker.fills_before_replace = 2

    order = await desk.at(10)
    desk.broker.fill(desk.id(2), 3)
    await follow(desk, 2)
    await follow(desk, 1)

    assert order.filled_contracts == 2
    assert (desk.order.status, desk.order.filled_contracts, desk.broker.traded) == (S.FILLED, 3, 3)


async def test_a_fill_while_it_is_cancelled_leaves_less_to_ask_for(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.fills_before_cancel = 2

    await desk.at(10)

    assert [r.contracts for r in desk.broker.posts] == [1]


async def test_what_fills_wholly_while_it_is_cancelled_has_no_next_attempt(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.fills_before_cancel = 3

    order = await desk.at(10)

    assert (order.status, order.filled_contracts) == (S.FILLED, 3)
    assert desk.broker.posts == []


async def test_a_market_that_never_offers_a_better_price_keeps_the_first_attempt(desk: Desk) -> None:
    desk.quotes.bid_ask = None
    for seconds in (10, 20, 30, 40):
        await desk.at(seconds)

    assert desk.limits() == ["2.50"]


async def test_the_ticket_s_ceiling_holds_in_a_market_that_runs_away(desk: Desk) -> None:
    desk.quotes.bid_ask = ("3.00", "3.20")
    for seconds in (10, 20, 30, 40):
        await desk.at(seconds)

    assert desk.limits() == ["2.50", "2.60"]


# The switch, and the end of the ticket


@pytest.mark.parametrize("state", [ControlState.REDUCING, ControlState.HALTED])
async def test_nothing_is_begun_while_trading_is_stopped_and_the_end_comes_all_the_same(
    desk: Desk, state: ControlState
) -> None:
    desk.switch.set(state)

    assert (await desk.at(10)).attempts == desk.order.attempts[:1]
    assert (await desk.at(100)).status is S.CANCELED


async def test_what_was_cancelled_for_its_next_attempt_is_not_sent_once_trading_is_stopped(
    desk: Desk,
) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    crash_once(desk, "before ACKNOWLEDGED is committed", "before PARTIALLY_FILLED is committed", nth=2)
    await desk.at(10)
    desk.switch.set(ControlState.HALTED)

    order = await desk.at(11)

    assert desk.broker.posts == []
    assert (order.status, order.filled_contracts) == (S.CANCELED, 1)


async def test_while_the_books_differ_from_the_venue_an_entry_rests_until_its_time_is_over(
    desk: Desk,
) -> None:
    desk.readiness.answers = [replace(READY, drift=("cash: ...",))]

    assert (await desk.at(30)).attempts == desk.order.attempts[:1]
    assert (await desk.at(100)).status is S.CANCELED


async def test_an_exit_walks_while_the_books_differ() -> None:
    desk = Desk(CLOSING)
    desk.readiness.answers = [replace(READY, drift=("cash: ...",))]

    assert len((await desk.at(10)).attempts) == 2


async def test_an_entry_is_not_sent_anew_once_the_books_differ(desk: Desk) -> None:
    def differ(point: str) -> None:
        if point == "before the cancellation":
            desk.readiness.answers = [replace(READY, drift=("cash: ...",))]

    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.trap = differ

    order = await desk.at(10)

    assert (order.status, order.filled_contracts, desk.broker.posts) == (S.CANCELED, 1, [])
    assert "differ" in (order.reason or "")


@pytest.mark.parametrize(("state", "walks"), [(ControlState.REDUCING, True), (ControlState.HALTED, False)])
async def test_an_order_that_closes_walks_while_trading_is_reduced(state: ControlState, walks: bool) -> None:
    desk = Desk(CLOSING)
    desk.switch.set(state)

    await desk.at(10)

    assert desk.limits() == (["2.50", "2.48"] if walks else ["2.50"])


@pytest.mark.parametrize(("state", "posts"), [(ControlState.REDUCING, [2]), (ControlState.HALTED, [])])
async def test_the_rest_of_an_order_that_closes_is_sent_while_trading_is_reduced(
    state: ControlState, posts: list[int]
) -> None:
    desk = Desk(CLOSING)
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.finds_before_cancelled = 8
    await desk.at(10)
    desk.switch.set(state)

    for _ in range(8):
        await desk.at(11)

    assert [r.contracts for r in desk.broker.posts] == posts


# The gates' hours, and their bounds on a quote


async def test_an_order_rests_on_a_quote_that_is_too_old(desk: Desk) -> None:
    desk.quotes.age_s = PARAMS.executor.gates.quote_age_s_max + 1
    assert len((await desk.at(10)).attempts) == 1

    desk.quotes.age_s -= 1
    assert len((await desk.at(20)).attempts) == 2


async def test_an_order_rests_on_a_quote_that_is_too_wide(desk: Desk) -> None:
    desk.quotes.bid_ask = ("2.30", "2.70")
    assert len((await desk.at(10)).attempts) == 1

    desk.quotes.bid_ask = ("2.32", "2.68")
    assert len((await desk.at(20)).attempts) == 2


@pytest.mark.parametrize(("before_s", "attempts"), [(0, 1), (1, 2)])
async def test_no_attempt_is_begun_outside_the_session(before_s: float, attempts: int) -> None:
    desk = Desk(a_walk(occ_symbol="SPY260612C00520000"))
    desk.sessions.closes = market_time(NOW + timedelta(seconds=10 + before_s))

    order = await desk.at(10)

    assert (len(order.attempts), order.alive is not None) == (attempts, True)


async def test_what_was_cancelled_for_its_next_attempt_is_not_sent_past_the_close() -> None:
    """The venue would queue it for the next session."""
    desk = Desk(a_walk(occ_symbol="SPY260612C00520000"))
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.finds_before_cancelled = 8
    desk.sessions.closes = market_time(NOW + timedelta(seconds=11))
    await desk.at(10)

    for _ in range(8):
        await desk.at(11)

    assert (desk.order.status, desk.order.filled_contracts, desk.broker.posts) == (S.CANCELED, 1, [])


@pytest.mark.parametrize(("closes", "attempts"), [(False, 1), (True, 2)])
async def test_in_the_last_minutes_of_a_contract_only_what_closes_walks(closes: bool, attempts: int) -> None:
    today = f"SPY{NOW:%y%m%d}C00520000"
    desk = Desk(a_walk(closes, occ_symbol=today))
    cutoff = timedelta(minutes=PARAMS.selector.expiry_day_cutoff_min)
    desk.sessions.closes = market_time(NOW + cutoff)

    assert len((await desk.at(10)).attempts) == attempts


def market_time(at: datetime) -> time:
    return at.astimezone(MARKET_ZONE).time()


async def test_an_expired_ticket_s_order_is_cancelled_at_once() -> None:
    soon = NOW + timedelta(seconds=15)
    desk = Desk(a_ticket(idea=an_idea(expires_at=soon), contracts=3, expires_at=soon))

    order = await desk.at(15)

    assert (order.status, order.reason) == (S.CANCELED, "cancelled after the ticket had expired")


async def test_a_replacement_the_switch_stops_leaves_the_order_as_it_is(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.STOP])

    order = await desk.at(10)

    assert (desk.broker.patches, desk.broker.cancelled) == ([], [])
    assert [a.status for a in order.attempts] == [S.ACKNOWLEDGED, S.REJECTED]
    assert order.alive == order.attempts[0]


# On the way to the market


async def test_a_replacement_on_its_way_counts_for_nothing_until_it_is_there(desk: Desk) -> None:
    desk.broker.finds_before_arrival = 100

    order = await desk.at(10)

    assert [a.status for a in order.attempts] == [S.ACKNOWLEDGED, S.SENDING]
    desk.broker.finds_before_arrival = 1
    for _ in range(40):
        order = await desk.at(11)
    assert [a.status for a in order.attempts] == [S.CANCELED, S.ACKNOWLEDGED]
    assert (desk.broker.posts, desk.broker.cancelled) == ([], [])


async def test_nothing_is_sent_while_a_cancel_is_on_its_way(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.finds_before_cancelled = 8

    await desk.at(10)

    assert desk.broker.posts == []
    assert desk.order.current.status is S.NEW

    desk.broker.fill(desk.id(1), 2)
    await desk.at(11)

    assert [r.contracts for r in desk.broker.posts] == [1]


async def test_an_order_that_fills_before_its_replacement_arrives_is_filled_once(desk: Desk) -> None:
    desk.broker.finds_before_arrival = 3

    def trap(point: str) -> None:
        if point == "after the patch":
            desk.broker.fill(desk.id(1), 3)

    desk.broker.trap = trap

    await desk.at(10)
    await follow(desk, 1)

    assert desk.broker.orders[desk.id(2)].status is S.REJECTED
    assert (desk.order.status, desk.order.filled_contracts, desk.broker.traded) == (S.FILLED, 3, 3)


async def test_a_waiting_replacement_that_is_being_cancelled_has_not_ended_the_order_that_works(
    desk: Desk,
) -> None:
    """The order fills before either reaches the market."""
    desk.broker.finds_before_arrival = desk.broker.finds_before_cancelled = 100
    await desk.at(10)
    await desk.broker.cancel(desk.broker.orders[desk.id(1)].venue_order_id)
    await follow(desk, 2)
    assert desk.order.alive == desk.order.attempts[0]
    desk.broker.fill(desk.id(1), 3)
    desk.broker.end(desk.id(2), S.REJECTED)
    await follow(desk, 2)

    assert not desk.order.ended
    await follow(desk, 1)
    assert (desk.order.status, desk.order.filled_contracts) == (S.FILLED, 3)


async def test_a_replacement_that_was_cancelled_before_it_was_seen_may_leave_the_order_working(
    desk: Desk,
) -> None:
    desk.broker.finds_before_arrival = 100
    await desk.at(10)
    desk.broker.end(desk.id(2), S.CANCELED)
    await follow(desk, 2)
    assert desk.order.alive == desk.order.attempts[0]

    desk.broker.fill(desk.id(1), 3)
    await follow(desk, 1)

    assert (desk.order.status, desk.order.filled_contracts) == (S.FILLED, 3)


async def test_an_end_with_fewer_fills_than_were_shown_is_an_end(desk: Desk) -> None:
    """A trade was busted: what is held is the reconciliation's to find."""
    desk.broker.fill(desk.id(1), 2)
    await follow(desk, 1)
    desk.broker.orders[desk.id(1)] = replace(
        desk.broker.orders[desk.id(1)], status=S.CANCELED, word="canceled", filled_contracts=1
    )
    await follow(desk, 1)

    assert (desk.order.status, desk.order.filled_contracts) == (S.CANCELED, 2)


# Refusals and silence


async def test_what_the_venue_cannot_replace_is_cancelled_and_sent_anew(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.CANNOT_REPLACE])

    order = await desk.at(10)

    assert desk.broker.orders[desk.id(1)].status is S.CANCELED
    assert [r.client_order_id for r in desk.broker.posts] == [desk.id(2)]
    assert (order.status, order.current.status, order.current.contracts) == (
        S.ACKNOWLEDGED,
        S.ACKNOWLEDGED,
        3,
    )


async def test_a_replacement_turned_away_by_the_rate_limit_leaves_the_order_to_its_next_step(
    desk: Desk,
) -> None:
    desk.broker.plan = deque([Outcome.RATE_LIMIT])

    await desk.at(10)
    order = await desk.at(20)

    assert [a.status for a in order.attempts] == [S.CANCELED, S.REJECTED, S.ACKNOWLEDGED]
    assert desk.broker.cancelled == []
    assert desk.limits() == ["2.50", "2.52", "2.55"]


async def test_an_unanswered_replacement_that_was_made_is_found(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])

    order = await desk.at(10)

    assert [a.status for a in order.attempts] == [S.CANCELED, S.ACKNOWLEDGED]
    assert len(desk.broker.accepted) == 2
    assert desk.broker.posts == []


async def test_an_unanswered_replacement_that_was_not_made_is_sent_only_after_the_old_one_has_ended(
    desk: Desk,
) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT])

    order = await desk.at(10)

    assert desk.broker.cancelled == [desk.broker.orders[desk.id(1)].venue_order_id]
    assert [r.client_order_id for r in desk.broker.posts] == [desk.id(2)]
    assert [a.status for a in order.attempts] == [S.CANCELED, S.ACKNOWLEDGED]


async def test_a_replacement_that_comes_late_is_found_instead_of_sent_beside(desk: Desk) -> None:
    """The PATCH is made after all look-ups had found nothing, just before the old order would be cancelled."""
    desk.broker.plan = deque([Outcome.STAY_SILENT])
    late = replace(request_of(TICKET), client_order_id=desk.id(2), limit_price=Decimal("2.52"))

    def trap(point: str) -> None:
        if point == "before the cancellation" and desk.id(2) not in desk.broker.orders:
            desk.broker.replace_late(desk.id(1), late)

    desk.broker.trap = trap

    await desk.at(10)
    order = await desk.at(11)

    assert desk.broker.posts == []
    assert [a.status for a in order.attempts] == [S.CANCELED, S.ACKNOWLEDGED]


async def test_a_late_replacement_that_does_not_show_yet_is_awaited_and_nothing_sent_beside(
    desk: Desk,
) -> None:
    desk.broker.plan = deque([Outcome.STAY_SILENT])
    late = replace(request_of(TICKET), client_order_id=desk.id(2), limit_price=Decimal("2.52"))

    def trap(point: str) -> None:
        if point == "before the cancellation" and desk.id(2) not in desk.broker.orders:
            desk.broker.replace_late(desk.id(1), late)
            desk.broker.hidden_finds[desk.id(2)] = 3

    desk.broker.trap = trap

    for _ in range(6):
        await desk.at(11)

    assert desk.broker.posts == []
    assert desk.order.current.status is S.ACKNOWLEDGED


async def test_a_replacement_the_venue_rejects_leaves_the_order_to_be_cancelled_for_its_next_attempt(
    desk: Desk,
) -> None:
    """The order works on, and is filled in part: what follows it is not sent beside."""
    desk.broker.rejects_replacements = True
    await desk.at(10)
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)

    order = await desk.at(20)

    assert [a.status for a in order.attempts] == [S.CANCELED, S.REJECTED, S.ACKNOWLEDGED]
    assert [(r.client_order_id, r.contracts) for r in desk.broker.posts] == [(desk.id(3), 2)]


@pytest.mark.parametrize("outcome", [Outcome.CANNOT_REPLACE, Outcome.STAY_SILENT])
async def test_after_a_rejected_replacement_the_working_order_is_cancelled_not_the_rejected_one(
    desk: Desk, outcome: Outcome
) -> None:
    desk.broker.rejects_replacements = True
    await desk.at(10)
    desk.broker.plan = deque([outcome])

    order = await desk.at(20)

    assert desk.broker.cancelled == [desk.broker.orders[desk.id(1)].venue_order_id]
    assert [a.status for a in order.attempts] == [S.CANCELED, S.REJECTED, S.ACKNOWLEDGED]


@pytest.mark.parametrize("outcome", [Outcome.ACCEPT, Outcome.STAY_SILENT, Outcome.RATE_LIMIT])
@pytest.mark.parametrize("ending", [S.CANCELED, S.EXPIRED, S.REJECTED])
async def test_what_ended_without_having_been_asked_to_is_not_sent_again(
    desk: Desk, ending: OrderStatus, outcome: Outcome
) -> None:
    """By hand, by the venue or with the session; no hint of it came."""
    desk.broker.end(desk.id(1), ending)
    desk.broker.plan = deque([outcome])

    await desk.at(10)
    await follow(desk, 1)

    assert (desk.order.status, desk.broker.posts) == (ending, [])
    assert [r.code.value for r in desk.orders.rejections] == ["VENUE_REJECTED"] * (ending is S.REJECTED)


async def test_a_replacement_the_venue_shows_at_another_limit_is_ours_all_the_same(desk: Desk) -> None:
    def at_another_limit(point: str) -> None:
        if point == "after the patch":
            shown = desk.broker.orders[desk.id(2)]
            desk.broker.orders[desk.id(2)] = replace(shown, limit_price=Decimal("2.53"))

    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    desk.broker.trap = at_another_limit

    order = await desk.at(10)
    assert [a.status for a in order.attempts] == [S.CANCELED, S.ACKNOWLEDGED]

    await desk.at(130)
    assert desk.broker.orders[desk.id(2)].status is S.CANCELED
    assert desk.order.ended


async def test_what_was_cancelled_by_hand_just_before_we_could_is_not_sent_again(desk: Desk) -> None:
    def by_hand(point: str) -> None:
        if point == "before the cancellation":
            desk.broker.end(desk.id(1), S.CANCELED)

    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.trap = by_hand

    order = await desk.at(10)

    assert (order.status, order.filled_contracts, desk.broker.posts) == (S.CANCELED, 1, [])


async def test_a_cancellation_by_a_worker_that_died_is_not_followed_by_a_new_attempt(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    crash_once(desk, "before PARTIALLY_FILLED is committed", nth=2)

    await desk.at(10)
    order = await desk.at(11)

    assert (order.status, order.filled_contracts, desk.broker.posts) == (S.CANCELED, 1, [])


async def test_a_cancellation_of_somebody_else_is_awaited_and_not_followed_by_a_new_attempt(
    desk: Desk,
) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.end(desk.id(1), S.PARTIALLY_FILLED, word="pending_cancel")
    await desk.at(10)
    assert (desk.order.current.status, desk.broker.cancelled) == (S.NEW, [])
    desk.broker.end(desk.id(1), S.CANCELED)

    order = await desk.at(11)

    assert (order.status, order.filled_contracts, desk.broker.posts) == (S.CANCELED, 1, [])


@pytest.mark.parametrize("fills", [0, 1])
async def test_what_somebody_else_has_replaced_ends_as_the_venue_says(desk: Desk, fills: int) -> None:
    """Of another id than ours, so nothing is awaited: our request was refused, or never made."""
    if fills:
        desk.broker.fill(desk.id(1), fills)
        await follow(desk, 1)
    desk.broker.end(desk.id(1), S.CANCELED, word="replaced")

    order = await desk.at(10)

    assert (order.status, order.filled_contracts, desk.broker.posts) == (S.CANCELED, fills, [])


async def test_an_unanswered_next_attempt_is_looked_for_before_it_is_sent_again(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])

    order = await desk.at(10)

    assert len(desk.broker.posts) == 1
    assert (order.current.status, order.current.contracts) == (S.ACKNOWLEDGED, 2)


async def test_a_next_attempt_the_venue_refuses_ends_the_order_with_its_fills(desk: Desk) -> None:
    desk.broker.fill(desk.id(1), 1)
    await follow(desk, 1)
    desk.broker.plan = deque([Outcome.REFUSE])

    order = await desk.at(10)

    assert (order.status, order.filled_contracts) == (S.CANCELED, 1)
    assert "insufficient options buying power" in (order.reason or "")


async def follow(desk: Desk, number: int) -> None:
    """Take over what the venue says of an attempt, as the tracker would."""
    report = desk.broker.orders[desk.id(number)]
    await desk.orders.change(desk.id(number), lambda order: STEPS.report(order, report, NOW))


def crash_once(desk: Desk, *points: str, nth: int = 1) -> None:
    """Let the process die when it comes to one of `points` for the n-th time."""
    left = nth

    def trap(here: str) -> None:
        nonlocal left
        if here in points:
            left -= 1
            if left == 0:
                raise Crash(here)

    desk.broker.trap = desk.orders.trap = trap


async def test_a_database_that_does_not_answer_is_a_failure_that_passes(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrapped into a group it would be none: the listener, and with it the process, would stop."""

    async def lost() -> list[Order]:
        raise DatabaseUnavailable("the connection is lost")

    monkeypatch.setattr(desk.orders, "unsettled", lost)

    with pytest.raises(DatabaseUnavailable):
        await desk.at(10)
