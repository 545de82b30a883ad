"""The facts of a ticket: gathered at once, readiness waited for, and none needed for a ticket whose life is over."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import OrderStatus, RejectionCode
from kernel.domain.errors import VenueUnavailable
from services.executor import stage as stage_module
from services.executor.core.answers import Answer, NotAccepted
from services.executor.core.orders import OrderRequest
from services.executor.core.readiness import READINESS_UNKNOWN, Readiness
from services.executor.core.risk_book import LiveOrder
from tests.fakes.executor import Outcome
from tests.fakes.executor_desk import TICKET, Desk
from tests.fakes.executor_facts import READY, a_book, long_lived
from tests.fakes.params import PARAMS

S, C = OrderStatus, RejectionCode


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_a_ticket_waits_for_a_venue_that_is_known_in_time(desk: Desk) -> None:
    desk.readiness.answers = [READINESS_UNKNOWN] * 5 + [READY]

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.ACKNOWLEDGED]
    assert sum(desk.pause.waited_s) == 1.25


@pytest.mark.parametrize(
    ("readiness", "code"),
    [
        (Readiness(stream_ready=False, reconciled=True), C.STREAM_NOT_READY),
        (Readiness(stream_ready=True, reconciled=False), C.RECONCILING),
        (Readiness(stream_ready=True, reconciled=True, drift=("one too many",)), C.DRIFT_UNEXPLAINED),
        (READINESS_UNKNOWN, C.STREAM_NOT_READY),
    ],
)
async def test_a_ticket_waits_no_longer_than_the_patience(
    desk: Desk, readiness: Readiness, code: RejectionCode
) -> None:
    desk.readiness.answers = [readiness]

    await desk.deliver()

    assert [r.code for r in desk.orders.rejections] == [code]
    assert sum(desk.pause.waited_s) == PARAMS.executor.readiness_patience_s


async def test_a_ticket_another_gate_stops_does_not_wait(desk: Desk) -> None:
    desk.readiness.answers = [READINESS_UNKNOWN]
    desk.quotes.bid = None

    await desk.deliver()

    assert [r.code for r in desk.orders.rejections] == [C.QUOTE_NOT_USABLE]
    assert desk.pause.waited_s == []


async def test_the_facts_are_asked_for_anew_after_waiting(desk: Desk) -> None:
    desk.readiness.answers = [READINESS_UNKNOWN, READINESS_UNKNOWN, READY]

    await desk.deliver()

    assert desk.quotes.asked == ["SPY260612C00520000", "SPY"] * 2


async def test_a_venue_that_is_away_is_asked_again_by_the_shell(desk: Desk) -> None:
    desk.accounts.fails_with = VenueUnavailable("away")
    with pytest.raises(VenueUnavailable):
        await desk.deliver()
    assert not desk.orders.steps

    desk.accounts.fails_with = None
    await desk.deliver()

    desk.assert_one_order()


async def test_a_ticket_that_expired_while_the_venue_was_away_ends_without_it(desk: Desk) -> None:
    desk.accounts.fails_with = VenueUnavailable("away")
    desk.clock.set(TICKET.expires_at)

    await desk.deliver()

    assert [r.code for r in desk.orders.rejections] == [C.TICKET_EXPIRED]


async def test_a_decision_is_taken_on_the_book_as_it_stands_under_the_lock(desk: Desk) -> None:
    order = LiveOrder(
        underlying="SPY",
        occ_symbol="SPY260612C00530000",
        contracts=10,
        price_ceiling=Decimal("9.00"),
        first_limit=Decimal("9.00"),
        at_venue=True,
    )
    desk.orders.book = a_book(orders=(order,))

    await desk.deliver()

    assert [r.code for r in desk.orders.rejections] == [C.UNDERLYING_EXPOSURE_ABOVE_LIMIT]


async def test_an_order_sent_again_is_judged_on_a_fresh_book(desk: Desk) -> None:
    desk.broker.plan.append(Outcome.STAY_SILENT)
    desk.broker.trap = lambda point: _halt(desk) if point == "after the post" else None

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.REJECTED]
    assert [r.code for r in desk.orders.rejections] == [C.TRADING_HALTED]
    assert len(desk.broker.posts) == 1


async def test_an_order_the_rate_limit_turned_away_is_judged_on_a_fresh_book(desk: Desk) -> None:
    desk.broker.plan.append(Outcome.RATE_LIMIT)
    desk.broker.trap = lambda point: _halt(desk) if point == "after the post" else None

    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.REJECTED]
    assert [r.code for r in desk.orders.rejections] == [C.TRADING_HALTED]
    assert len(desk.broker.posts) == 1


async def test_a_worker_that_stood_still_after_its_intent_sends_nothing_that_another_has_settled(
    desk: Desk,
) -> None:
    """The wire guard finds its decision too old; asked anew, the order turns out to have ended."""
    stage, submit = desk.stage(), desk.broker.submit

    async def stand_still(request: OrderRequest) -> Answer:
        desk.broker.submit = submit  # type: ignore[method-assign]
        desk.clock.set(TICKET.expires_at)
        await desk.deliver()
        return NotAccepted("the order came to the socket too late to be sent on its decision")

    desk.broker.submit = stand_still  # type: ignore[method-assign]

    await stage.handle(TICKET)

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.REJECTED]
    assert not desk.broker.posts


def _halt(desk: Desk) -> None:
    desk.orders.book = a_book(switch=None)


async def test_a_ticket_that_comes_again_is_traffic_but_a_retry_of_ours_is_not(desk: Desk) -> None:
    stage = desk.stage()
    desk.broker.finds_to_fail = 3
    desk.broker.plan.append(Outcome.STAY_SILENT)
    for _ in range(3):
        with pytest.raises(VenueUnavailable):
            await stage.handle(TICKET)
    await stage.handle(TICKET)
    assert desk.orders.redelivered == []

    await stage.handle(TICKET)

    assert desk.orders.redelivered == [TICKET.meta.id]


async def test_a_ticket_that_comes_again_after_a_restart_is_no_traffic(desk: Desk) -> None:
    for _ in range(5):
        await desk.deliver()
    assert desk.orders.redelivered == []

    survivor = desk.stage()
    for _ in range(4):
        await survivor.handle(TICKET)

    assert desk.orders.redelivered == [TICKET.meta.id] * 3


async def test_a_process_remembers_a_bounded_number_of_tickets(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_module, "_REMEMBERED", 2)
    stage = desk.stage()
    first, *others = [long_lived(f"SPY260612C{520 + n:05d}000", cause=f"s{n}") for n in range(3)]
    for ticket in (first, *others, *others, first):
        await stage.handle(ticket)

    assert desk.orders.redelivered == [ticket.meta.id for ticket in others]


async def test_the_books_clock_is_read_before_the_venue_is_asked(desk: Desk) -> None:
    asked: list[str] = []
    time, account = desk.orders.time, desk.accounts.account

    async def time_first() -> object:
        asked.append("books")
        return await time()

    async def account_then() -> object:
        asked.append("venue")
        return await account()

    desk.orders.time = time_first  # type: ignore[method-assign,assignment]
    desk.accounts.account = account_then  # type: ignore[method-assign,assignment]

    await desk.deliver()

    assert asked == ["books", "venue"]
    assert desk.orders.asked[0].market == desk.clock.now()


async def test_the_highest_equity_is_written_when_a_decision_sees_it_rise(desk: Desk) -> None:
    await desk.deliver()
    assert desk.orders.steps[0].equity_high_usd == 100000

    other = Desk()
    other.orders.book = a_book(equity_high_usd=Decimal(100000), equity_high_at=other.clock.now())
    other.clock.advance(timedelta(seconds=1))
    await other.deliver()

    assert other.orders.steps[0].equity_high_usd is None
