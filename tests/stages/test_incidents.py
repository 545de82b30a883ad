"""What has cost others millions, as tickets to our executor: each is stopped, by its own code, before any request.

Goldman, August 2013: option orders at $1 sent before the open. Citi, May 2022: an order a hundred times too large, past
warnings that could be clicked away.
"""

from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.contracts.messages import RejectionCode, Ticket
from kernel.domain.errors import InvariantBroken, UnprocessableError
from kernel.domain.params import TradingParams
from kernel.runtime.clock import VenueClock
from kernel.testing.builders import NOW
from kernel.testing.clock import FixedClock
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.wire_guard import WireGuard
from services.executor.core.gates import check
from services.executor.core.orders import request_of
from services.executor.settings import ExecutorSettings
from tests.fakes.executor import FakeSwitch
from tests.fakes.executor_desk import Desk
from tests.fakes.executor_facts import LIMITS, long_lived, some_facts
from tests.fakes.http import scripted_server
from tests.fakes.params import PARAMS

C = RejectionCode
D = Decimal
#: What was meant: four contracts at 2.50. A hundred times that was sent.
MEANT, SENT = 4, 400


def one(**values: Any) -> Ticket:
    """A ticket for one contract, so that only its price can be wrong."""
    return long_lived(contracts=1, **values)


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        (one(limit_price=D(1)), C.PRICE_BELOW_COLLAR),
        (one(limit_price=D(25), price_ceiling=D(25)), C.PRICE_ABOVE_COLLAR),
        (one(limit_price=D(25)), C.LIMIT_ABOVE_CEILING),
    ],
    ids=["one dollar", "ten-fold", "ten-fold with an old ceiling"],
)
async def test_a_senseless_price_is_blocked_by_its_own_code(ticket: Ticket, code: RejectionCode) -> None:
    desk = Desk()

    await desk.deliver(ticket)

    assert_blocked(desk, code)


async def test_a_price_of_zero_is_no_ticket_and_no_gate_would_let_it_pass() -> None:
    desk, ticket = Desk(), one().model_copy(update={"limit_price": D(0)})

    with pytest.raises(UnprocessableError, match="limit_price"):
        await desk.deliver(ticket)

    assert not desk.broker.posts
    refusal = check(ticket, some_facts(), LIMITS)
    assert refusal is not None
    assert refusal.code is C.LIMIT_NOT_POSITIVE


async def test_an_order_before_the_open_is_blocked() -> None:
    desk = Desk()
    desk.clock.set(NOW.replace(hour=13, minute=29, second=59))

    await desk.deliver(long_lived())

    assert_blocked(desk, C.MARKET_CLOSED)


def opened(*, tiers: bool = False, money: bool = False) -> TradingParams:
    """Parameters somebody has tampered with: the bounds of size are gone, and so are further ones."""
    document = PARAMS.model_dump(mode="json")
    gates = document["executor"]["gates"]
    gates["contracts_max"] = 1_000_000
    if tiers:
        for tier in document["sizer"]["tiers"]:
            tier["max_contracts"] = 1_000_000
    if money:
        gates |= {name: 1_000_000_000 for name in gates if name.endswith("_usd_max")}
        gates |= {name: 1_000_000_000 for name in gates if name.endswith("premium_pct_max")}
        gates |= dict.fromkeys(("risk_pct_max", "underlying_pct_max"), 1_000_000_000)
    return TradingParams.model_validate(document)


@pytest.mark.parametrize(
    ("params", "claims", "code"),
    [
        (PARAMS, 10, C.CONTRACTS_ABOVE_MAXIMUM),
        (PARAMS, 1000, C.CONTRACTS_ABOVE_LIMIT),
        (opened(), 1000, C.CONTRACTS_ABOVE_LIMIT),
        (opened(tiers=True), 1000, C.PREMIUM_ABOVE_LIMIT),
        (opened(tiers=True, money=True), 1000, C.BUYING_POWER_TOO_SMALL),
    ],
    ids=[
        "by the ticket's own maximum",
        "by the limit, though the ticket claims 1000",
        "by the tier, though the limit was raised",
        "by its premium, though the tiers were raised",
        "by the money there is, though every bound was raised",
    ],
)
async def test_an_order_a_hundred_times_too_large_is_blocked(
    params: TradingParams, claims: int, code: RejectionCode
) -> None:
    desk = Desk(params)

    await desk.deliver(long_lived(contracts=SENT, max_contracts=claims))

    assert_blocked(desk, code)


@pytest.mark.parametrize(
    "permitted", [False, True], ids=["without an intent", "with the intent of the small one"]
)
async def test_the_desk_itself_sends_no_order_a_hundred_times_too_large(*, permitted: bool) -> None:
    meant, sent = (request_of(long_lived(contracts=n, max_contracts=1000)) for n in (MEANT, SENT))
    with scripted_server() as venue:
        guard, switch = WireGuard(), FakeSwitch(FixedClock())
        settings = ExecutorSettings.from_env({"APCA_API_BASE_URL": venue.url})
        with closing(AlpacaGateway(settings, VenueClock(), before_trading=guard.check)) as gateway:
            if permitted:
                guard.permit(meant)
            with pytest.raises(InvariantBroken, match=C.ORDERS_ABOVE_DECISIONS):
                await AlpacaBroker(gateway, switch, guard).submit(sent)

        assert venue.asked == []
        assert len(switch.tripped) == 1


def assert_blocked(desk: Desk, code: RejectionCode) -> None:
    assert [rejection.code for rejection in desk.orders.rejections] == [code]
    assert not desk.broker.posts
