"""Nothing reaches the socket that no committed intent stands behind, or that the switch does not let through."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.control import Lease
from kernel.domain.control import ControlState
from kernel.domain.errors import DatabaseUnavailable, InvariantBroken, OverBudget
from kernel.runtime.clock import VenueClock
from kernel.testing.builders import a_ticket
from kernel.testing.clock import FixedClock
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.wire_guard import (
    GOOD_FOR_S,
    LeaseOver,
    OrdersAboveDecisions,
    WireGuard,
    order_fields,
    replacement_fields,
)
from services.executor.core.answers import NotAccepted, Stopped, Unanswered
from services.executor.core.orders import request_of
from services.executor.settings import ExecutorSettings
from tests.fakes.executor import FakeSwitch
from tests.fakes.http import Script, scripted_server

REQUEST = request_of(a_ticket())
PAPER = "https://paper-api.alpaca.markets"


@dataclass
class Seconds:
    """The guard's clock."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Wire:
    """An order desk on a server of the test; `sent` is what came through the socket."""

    venue: Script
    guard: WireGuard
    switch: FakeSwitch
    gateway: AlpacaGateway
    seconds: Seconds = field(default_factory=Seconds)

    @property
    def broker(self) -> AlpacaBroker:
        return AlpacaBroker(self.gateway, self.switch, self.guard)

    @property
    def sent(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path, _ in self.venue.asked]


@pytest.fixture
def wire() -> Iterator[Wire]:
    with scripted_server() as venue:
        settings = ExecutorSettings.from_env(
            {"APCA_API_BASE_URL": venue.url, "DISPATCH_VENUE_DEADLINE_S": "0.3"}
        )
        seconds = Seconds()
        guard = WireGuard(seconds)
        gateway = AlpacaGateway(settings, VenueClock(), before_trading=guard.check)
        yield Wire(venue, guard, FakeSwitch(FixedClock()), gateway, seconds)
        gateway.close()
        gateway.trading._session.close()


async def test_a_request_without_a_permit_sends_nothing_and_halts_trading(wire: Wire) -> None:
    with pytest.raises(OrdersAboveDecisions, match="ORDERS_ABOVE_DECISIONS"):
        await wire.broker.submit(REQUEST)

    assert wire.sent == []
    ((state, reason),) = wire.switch.tripped
    assert state is ControlState.HALTED
    assert REQUEST.client_order_id in reason


async def test_what_was_blocked_stops_the_process_even_where_trading_could_not_be_halted(wire: Wire) -> None:
    broker = wire.broker

    async def trip(state: ControlState, reason: str) -> None:
        raise DatabaseUnavailable("gone")

    wire.switch.trip = trip  # type: ignore[method-assign, assignment]
    with pytest.raises(InvariantBroken):
        await broker.submit(REQUEST)

    assert wire.sent == []


async def test_a_permit_is_good_for_one_request(wire: Wire) -> None:
    wire.guard.permit(REQUEST)
    wire.venue.say(500, {"message": "who knows"})
    assert isinstance(await wire.broker.submit(REQUEST), Unanswered)

    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.submit(REQUEST)

    assert wire.sent == [("POST", "/v2/orders")]


async def test_what_the_venue_took_no_notice_of_may_be_sent_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(*_args: object) -> None:
        return None

    monkeypatch.setattr(wire.gateway, "admit", at_once)  # the budget would wait for the venue's next minute
    wire.guard.permit(REQUEST)
    for _ in range(2):
        wire.venue.say(429, {"message": "too many requests"})
        assert isinstance(await wire.broker.submit(REQUEST), NotAccepted)

    assert len(wire.sent) == 2


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, contracts=400),
        replace(REQUEST, limit_price=REQUEST.limit_price * 10),
        replace(REQUEST, occ_symbol="SPY260605C00521000"),
        replace(REQUEST, client_order_id="another"),
    ],
)
async def test_a_request_of_other_content_is_not_the_one_that_was_permitted(
    wire: Wire, other: object
) -> None:
    wire.guard.permit(REQUEST)

    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.submit(other)  # type: ignore[arg-type] # replace() keeps the type, parametrize forgets it

    assert wire.sent == []


async def test_a_permitted_request_that_goes_round_the_order_desk_is_blocked(wire: Wire) -> None:
    wire.guard.permit(REQUEST)

    with pytest.raises(OrdersAboveDecisions):
        await wire.gateway.call(wire.gateway.trading.post, "/orders", order_fields(REQUEST))

    assert wire.sent == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/orders"),
        ("patch", "/orders/v-1"),
        ("delete", "/positions/SPY260605C00520000"),
        ("delete", "/positions"),
        ("post", "/positions/SPY260605C00520000/exercise"),
    ],
)
async def test_nothing_else_that_makes_an_order_goes_out(wire: Wire, method: str, path: str) -> None:
    with pytest.raises(OrdersAboveDecisions):
        await wire.gateway.call(getattr(wire.gateway.trading, method), path, {"qty": "1"})

    assert wire.sent == []


async def test_looking_and_cancelling_need_no_permit(wire: Wire) -> None:
    wire.switch.set(ControlState.HALTED)
    wire.venue.say(200, [])
    wire.venue.say(204, b"")

    assert await wire.broker.open_orders() == []
    await wire.broker.cancel("v-1")

    assert [method for method, _ in wire.sent] == ["GET", "DELETE"]


@pytest.mark.parametrize("state", [ControlState.REDUCING, ControlState.HALTED])
async def test_a_stopped_order_is_not_sent_and_its_permit_is_gone(wire: Wire, state: ControlState) -> None:
    wire.guard.permit(REQUEST)
    wire.switch.set(state)

    answer = await wire.broker.submit(REQUEST)

    assert isinstance(answer, Stopped)
    assert (answer.refusal.figures["state"], answer.refusal.figures["by"]) == (state.value, "ada")
    assert wire.switch.tripped == []
    wire.switch.set(ControlState.ACTIVE)
    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.submit(REQUEST)
    assert wire.sent == []


async def test_nothing_is_sent_while_nobody_can_say_how_the_switch_stands(wire: Wire) -> None:
    wire.guard.permit(REQUEST)
    wire.switch.trouble = DatabaseUnavailable("gone")

    with pytest.raises(DatabaseUnavailable):
        await wire.broker.submit(REQUEST)

    assert wire.sent == []


async def test_the_switch_is_held_until_the_venue_has_answered(wire: Wire) -> None:
    held: list[int] = []
    send, wire.guard.check = (
        wire.guard.check,
        lambda *args: (held.append(wire.switch.holders), send(*args))[1],
    )  # type: ignore[method-assign]
    wire.gateway.trading._session.get_adapter(wire.venue.url)._check = wire.guard.check  # type: ignore[attr-defined]
    wire.guard.permit(REQUEST)
    wire.venue.say(500, {})

    await wire.broker.submit(REQUEST)

    assert held == [1]
    assert wire.switch.holders == 0


async def test_a_refusal_for_want_of_budget_is_no_permit(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    async def used_up(*_args: object) -> None:
        raise OverBudget("used up")

    with monkeypatch.context() as patched:
        patched.setattr(wire.gateway, "admit", used_up)
        assert isinstance(await wire.broker.submit(REQUEST), NotAccepted)
    assert wire.switch.holds == 0, "nobody waits for the budget while holding the switch"
    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.submit(REQUEST)
    assert wire.sent == []


async def test_a_replacement_is_permitted_by_its_own_intent_and_once(wire: Wire) -> None:
    wire.guard.permit(REQUEST, replaces="v-1")
    wire.venue.say(500, {})
    assert isinstance(await wire.broker.replace("v-1", REQUEST), Unanswered)
    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.replace("v-1", REQUEST)

    assert wire.venue.asked == [("PATCH", "/v2/orders/v-1", replacement_fields(REQUEST))]


def armed(replaces: str | None = None) -> WireGuard:
    """A guard that has a permit and holds the switch."""
    guard, switch = WireGuard(), FakeSwitch(FixedClock())
    guard.permit(REQUEST, replaces=replaces)
    guard.arm(REQUEST.client_order_id, Lease(switch.switch, ends_at_s=1.0, time_s=lambda: 0.5))
    return guard


def body(fields: Mapping[str, str], **changes: str | None) -> str:
    return json.dumps({k: v for k, v in {**fields, **changes}.items() if v is not None})


NEW, CHANGE = order_fields(REQUEST), replacement_fields(REQUEST)


@pytest.mark.parametrize(
    ("replaces", "method", "path", "sent"),
    [
        (None, "PATCH", "/v2/orders/v-1", body(CHANGE)),
        (None, "POST", "/v2/orders", body(NEW, extended_hours="true")),
        (None, "POST", "/v2/orders/", body(NEW)),
        (None, "POST", "/v2/orders?x=1", body(NEW)),
        (None, "POST", "/v2/positions/SPY260605C00520000/exercise", body(NEW)),
        ("v-1", "POST", "/v2/orders", body(NEW)),
        ("v-1", "POST", "/v2/orders", body(CHANGE)),
        ("v-1", "PATCH", "/v2/orders/v-2", body(CHANGE)),
        ("v-1", "PATCH", "/v2/orders/v-1", body(CHANGE, qty=None)),
        ("v-1", "PATCH", "/v2/orders/v-1", body(CHANGE, limit_price=None)),
        ("v-1", "PATCH", "/v2/orders/v-1", body(CHANGE, qty="1")),
        ("v-1", "PATCH", "/v2/orders/v-1", body(CHANGE, time_in_force="gtc")),
    ],
)
def test_a_permit_is_for_one_way_of_sending_and_exactly_its_fields(
    replaces: str | None, method: str, path: str, sent: str
) -> None:
    with pytest.raises(OrdersAboveDecisions):
        armed(replaces).check(method, f"{PAPER}{path}", sent)


@pytest.mark.parametrize(
    "host", ["https://api.alpaca.markets", "http://paper-api.alpaca.markets", "http://10.0.0.1:80"]
)
def test_nothing_that_changes_anything_goes_to_another_host(host: str) -> None:
    with pytest.raises(OrdersAboveDecisions):
        armed().check("POST", f"{host}/v2/orders", body(NEW))
    with pytest.raises(OrdersAboveDecisions):
        armed().check("DELETE", f"{host}/v2/orders/v-1", None)


@pytest.mark.parametrize("path", ["/v2/orders", "/v2/orders/", "/v2/orders/v-1/v-2", "/v1/orders/v-1"])
def test_only_one_order_is_cancelled_at_a_time(path: str) -> None:
    with pytest.raises(OrdersAboveDecisions):
        armed().check("DELETE", f"{PAPER}{path}", None)


@pytest.mark.parametrize("host", [PAPER, "http://127.0.0.1:8080"])
def test_what_was_permitted_goes_to_paper_and_to_this_machine(host: str) -> None:
    armed().check("POST", f"{host}/v2/orders", body(NEW))
    armed("v-1").check("PATCH", f"{host}/v2/orders/v-1", body(CHANGE))
    armed().check("DELETE", f"{host}/v2/orders/v-1", None)


@pytest.mark.parametrize(
    ("replaces", "method", "path", "sent"),
    [(None, "POST", "/v2/orders", body(NEW)), ("v-1", "PATCH", "/v2/orders/v-1", body(CHANGE))],
)
def test_a_permit_is_used_up_at_the_socket(replaces: str | None, method: str, path: str, sent: str) -> None:
    guard = armed(replaces)
    guard.check(method, f"{PAPER}{path}", sent)

    with pytest.raises(OrdersAboveDecisions):
        guard.check(method, f"{PAPER}{path}", sent)


async def test_a_decision_of_long_ago_is_not_sent_until_it_is_taken_anew(wire: Wire) -> None:
    """A worker that stood still after its intent: another may have settled the order, or its ticket be over."""
    wire.guard.permit(REQUEST)
    for _ in range(2):  # given back, it is as old as before
        wire.seconds.now += GOOD_FOR_S + 0.1
        assert isinstance(await wire.broker.submit(REQUEST), NotAccepted)
    assert wire.sent == []

    wire.guard.renew(REQUEST.client_order_id, wire.seconds.now)
    wire.venue.say(500, {})
    assert isinstance(await wire.broker.submit(REQUEST), Unanswered)

    wire.guard.renew(REQUEST.client_order_id, wire.seconds.now)  # of a used one it makes no new one
    with pytest.raises(OrdersAboveDecisions):
        await wire.broker.submit(REQUEST)
    assert wire.sent == [("POST", "/v2/orders")]


async def test_a_long_wait_for_the_budget_makes_a_decision_old(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def after_a_minute(*_args: object) -> None:
        wire.seconds.now += 60

    monkeypatch.setattr(wire.gateway, "admit", after_a_minute)
    wire.guard.permit(REQUEST)

    assert isinstance(await wire.broker.submit(REQUEST), NotAccepted)

    assert wire.sent == []


def test_a_permit_counts_from_its_decision_not_from_its_commit() -> None:
    seconds = Seconds()
    guard, switch = WireGuard(seconds), FakeSwitch(FixedClock())
    guard.permit(REQUEST, decided_at_s=seconds.now - GOOD_FOR_S - 0.1)
    guard.arm(REQUEST.client_order_id, Lease(switch.switch, ends_at_s=1.0, time_s=lambda: 0.5))

    with pytest.raises(LeaseOver):
        guard.check("POST", f"{PAPER}/v2/orders", body(NEW))


async def test_an_order_that_comes_to_the_socket_too_late_is_not_sent(wire: Wire) -> None:
    """A process that stood still may have lost the switch meanwhile."""
    wire.guard.permit(REQUEST)
    wire.switch.leases_over = True

    assert isinstance(await wire.broker.submit(REQUEST), NotAccepted)

    assert wire.sent == []
