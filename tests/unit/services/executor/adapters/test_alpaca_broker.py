"""What the order desk makes of everything a server can answer."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.contracts.messages import OrderStatus
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VenueClock
from kernel.testing.builders import a_ticket
from kernel.testing.clock import FixedClock
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.answers import Accepted, Duplicate, NotAccepted, Refused, Unanswered
from services.executor.core.orders import request_of
from services.executor.settings import ExecutorSettings
from tests.fakes.executor import FakeSwitch
from tests.fakes.http import Script, scripted_server

REQUEST = request_of(a_ticket())


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def broker(venue: Script) -> Iterator[AlpacaBroker]:
    settings = ExecutorSettings.from_env({"APCA_API_BASE_URL": venue.url, "DISPATCH_VENUE_DEADLINE_S": "0.3"})
    guard = WireGuard()
    guard.permit(REQUEST)
    gateway = AlpacaGateway(settings, VenueClock(), before_trading=guard.check)
    yield AlpacaBroker(gateway, FakeSwitch(FixedClock()), guard)
    gateway.close()
    gateway.trading._session.close()


def an_order(**fields: Any) -> dict[str, Any]:
    return {
        "id": "v-1",
        "client_order_id": REQUEST.client_order_id,
        "symbol": REQUEST.occ_symbol,
        "asset_class": "us_option",
        "order_class": "simple",
        "side": "buy",
        "qty": "4",
        "filled_qty": "0",
        "filled_avg_price": None,
        "limit_price": "2.5",
        "status": "pending_new",
        "submitted_at": "2026-06-05T14:30:00.1Z",
        "updated_at": "2026-06-05T14:30:00.1Z",
    } | fields


# Sending


async def test_an_order_is_sent_with_exact_strings_and_accepted(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(200, an_order())

    answer = await broker.submit(REQUEST)

    assert isinstance(answer, Accepted)
    assert answer.report.status is OrderStatus.ACKNOWLEDGED
    assert venue.asked == [
        (
            "POST",
            "/v2/orders",
            {
                "client_order_id": REQUEST.client_order_id,
                "symbol": "SPY260605C00520000",
                "qty": "4",
                "side": "buy",
                "type": "limit",
                "limit_price": "2.50",
                "time_in_force": "day",
                "order_class": "simple",
                "position_intent": "buy_to_open",
            },
        )
    ]


@pytest.mark.parametrize("status", [408, 425, 500, 501, 502, 503, 504, 507, 520, 522, 524, 529, 599])
async def test_a_server_error_is_no_answer_and_is_not_repeated(
    venue: Script, broker: AlpacaBroker, status: int
) -> None:
    venue.say(status, {"message": "something went wrong"})

    assert isinstance(await broker.submit(REQUEST), Unanswered)
    assert len(venue.asked) == 1


async def test_the_rate_limit_is_the_one_failure_known_not_to_be_accepted(
    venue: Script, broker: AlpacaBroker
) -> None:
    venue.say(429, {"message": "too many requests"})

    assert isinstance(await broker.submit(REQUEST), NotAccepted)
    assert len(venue.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"[]",
        b'{"id": "v-1", "client_ord',
        b"<html>gateway</html>",
        b"null",
        b'{"id": "v-1", "client_order_id": "another"}',
    ],
)
async def test_a_yes_that_is_no_order_is_no_answer(venue: Script, broker: AlpacaBroker, body: bytes) -> None:
    venue.say(200, body)

    assert isinstance(await broker.submit(REQUEST), Unanswered)


async def test_a_yes_to_another_order_is_no_answer(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(200, an_order(client_order_id="another"))

    assert isinstance(await broker.submit(REQUEST), Unanswered)


async def test_a_redirect_is_no_answer(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(302, b"")

    assert isinstance(await broker.submit(REQUEST), Unanswered)
    assert len(venue.asked) == 1


async def test_a_connection_that_is_closed_is_no_answer(venue: Script, broker: AlpacaBroker) -> None:
    venue.hang_up()

    assert isinstance(await broker.submit(REQUEST), Unanswered)
    assert len(venue.asked) == 1


async def test_silence_is_no_answer(venue: Script, broker: AlpacaBroker) -> None:
    venue.speaks.clear()
    venue.say(200, an_order())

    assert isinstance(await broker.submit(REQUEST), Unanswered)
    assert len(venue.asked) == 1


async def test_an_answer_that_takes_longer_than_the_whole_deadline_is_no_answer(
    broker: AlpacaBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that drip in keep every single wait on the socket short."""

    async def call(*_args: object, **_kwargs: object) -> None:
        raise TimeoutError

    monkeypatch.setattr(broker._gateway, "call", call)

    assert isinstance(await broker.submit(REQUEST), Unanswered)


async def test_a_no_has_the_venues_code_and_reason(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(403, {"code": 40310000, "message": "insufficient options buying power"})

    answer = await broker.submit(REQUEST)

    assert isinstance(answer, Refused)
    assert answer.refusal.figures == {
        "http_status": "403",
        "venue_code": "40310000",
        "reason": "insufficient options buying power",
    }


async def test_a_no_without_a_code_is_a_no(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(401, {"message": "unauthorized."})

    assert isinstance(await broker.submit(REQUEST), Refused)


async def test_a_taken_id_asks_for_a_look_up(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(422, {"code": 40010001, "message": "client_order_id must be unique"})

    assert isinstance(await broker.submit(REQUEST), Duplicate)


# Looking up


async def test_an_order_is_found_by_our_id(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(200, an_order(status="filled", filled_qty="4", filled_avg_price="2.48"))

    report = await broker.find(REQUEST.client_order_id)

    assert report is not None
    assert (report.status, report.average_fill_price) == (OrderStatus.FILLED, Decimal("2.48"))
    assert venue.asked == [
        ("GET", f"/v2/orders:by_client_order_id?client_order_id={REQUEST.client_order_id}", None)
    ]


async def test_only_the_venues_own_not_found_is_absence(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(404, {"code": 40410000, "message": "order not found for x"})

    assert await broker.find(REQUEST.client_order_id) is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<html>no such page</html>"),
        (404, {"message": "endpoint not found."}),
        (404, {"code": 40410001, "message": "something else"}),
        (401, {"message": "unauthorized."}),
        (403, {"code": 40310000, "message": "forbidden"}),
        (429, {"message": "too many requests"}),
        (500, b""),
        (200, b""),
        (200, {}),
        (200, an_order(client_order_id="another")),
        (200, an_order(filled_qty="NaN")),
    ],
)
async def test_anything_else_proves_nothing(
    venue: Script, broker: AlpacaBroker, status: int, body: object
) -> None:
    venue.say(status, body)

    with pytest.raises(VenueUnavailable):
        await broker.find(REQUEST.client_order_id)


async def test_open_orders_are_read_page_by_page(venue: Script, broker: AlpacaBroker) -> None:
    venue.say(200, [an_order(id=f"v-{n}", client_order_id=f"c-{n}") for n in range(500)])
    venue.say(200, [an_order(id="v-500", client_order_id="c-500")])

    reports = await broker.open_orders()

    assert len(reports) == 501
    assert "after=2026-06-05T14%3A30%3A00.100000%2B00%3A00" in venue.asked[1][1]


async def test_orders_of_other_kinds_are_left_out(venue: Script, broker: AlpacaBroker) -> None:
    stock = an_order(id="s", asset_class="us_equity", qty=None, symbol="SPY")
    spread = an_order(id="m", asset_class="", order_class="mleg", symbol="", side="")
    venue.say(200, [stock, spread, an_order()])

    assert [report.venue_order_id for report in await broker.open_orders()] == ["v-1"]


@pytest.mark.parametrize("body", [{}, {"code": 1}, b"", b"null"])
async def test_a_list_that_is_none_proves_nothing(venue: Script, broker: AlpacaBroker, body: object) -> None:
    venue.say(200, body)

    with pytest.raises(VenueUnavailable):
        await broker.open_orders()


# Cancelling


@pytest.mark.parametrize(
    ("status", "body", "taken"),
    [(204, b"", True), (422, b"", False), (404, {"code": 40410000, "message": "x"}, False)],
)
async def test_a_cancel_that_comes_too_late_is_no_failure(
    venue: Script, broker: AlpacaBroker, status: int, body: object, taken: bool
) -> None:
    venue.say(status, body)

    assert await broker.cancel("v-1") is taken

    assert venue.asked == [("DELETE", "/v2/orders/v-1", None)]


@pytest.mark.parametrize("status", [500, 401, 429])
async def test_a_cancel_that_failed_says_so(venue: Script, broker: AlpacaBroker, status: int) -> None:
    venue.say(status, {"message": "no"})

    with pytest.raises(VenueUnavailable):
        await broker.cancel("v-1")
