"""Offsets among orders that rest: what is accepted can be filled, whichever others are, and no offset counts twice."""

from itertools import combinations

import pytest

from simulator.venue.orders import Order, Status
from simulator.venue.refusals import Refusal
from tests.unit.simulator.venue.trader import Trader, accepted, message, spy

C520, C530, C540 = spy(520), spy(530), spy(540)
#: Short 530, long 540: $1,000 of margin alone; a long 520 offsets two of them, as it gains 20 where each loses 10.
CREDIT = ((-1, C530), (1, C540))


def with_a_long_call(cash: int) -> Trader:
    trader = Trader(cash)
    trader.quotes |= {C520: ("9.00", "9.00"), C530: ("3.00", "3.00"), C540: ("3.00", "3.00")}
    trader.hold(1, C520)
    return trader


def resting(trader: Trader) -> list[Order]:
    """Send spreads for a credit of 0.50 until one is refused."""
    orders: list[Order] = []
    while len(orders) < 20:
        order = trader.send_legs(*CREDIT, limit="-0.50")
        if isinstance(order, Refusal):
            assert message(order).startswith("insufficient options buying power")
            return orders
        orders.append(order)
    pytest.fail("orders without end were accepted")


def test_a_long_option_offsets_as_many_orders_as_it_can_and_the_next_holds_its_own_margin() -> None:
    orders = resting(with_a_long_call(2500))
    # The third adds 1000 to the margin, less its own credit and the two credits that come with the offset.
    assert [order.held_usd for order in orders] == [0, 0, 850]


def test_what_fills_leaves_the_others_what_they_hold() -> None:
    trader = with_a_long_call(2500)
    first = accepted(trader.send_legs(*CREDIT, limit="-0.50"))
    trader.quotes[C530] = ("3.50", "3.50")
    trader.tick()
    trader.quotes[C530] = ("3.00", "3.00")
    assert trader.account.orders[first.id].status is Status.FILLED
    assert [order.held_usd for order in resting(trader)] == [0, 900]


@pytest.mark.parametrize("cash", [1000, 1500, 2500, 4000])
def test_whichever_of_the_accepted_orders_come_to_pass_each_can_be_paid(cash: int) -> None:
    count = len(resting(with_a_long_call(cash)))
    assert count >= 2
    for chosen in (set(some) for n in range(count + 1) for some in combinations(range(count), n)):
        trader = with_a_long_call(cash)
        orders = resting(trader)
        for number, order in enumerate(orders):
            if number not in chosen:
                trader.account.cancel(order.id, trader.now)
        trader.quotes[C530] = ("3.50", "3.50")
        trader.tick()
        statuses = [trader.account.orders[order.id].status for order in orders]
        assert {statuses[number] for number in chosen} <= {Status.FILLED}
        assert trader.account.cash_usd - trader.account.margin_usd >= 0


def test_a_cancelled_order_gives_its_offset_back() -> None:
    trader = with_a_long_call(2500)
    first, _, last = resting(trader)
    trader.account.cancel(first.id, trader.now)
    trader.account.cancel(last.id, trader.now)
    assert accepted(trader.send_legs(*CREDIT, limit="-0.50")).held_usd == 0


def test_what_resting_orders_offset_is_not_sold_from_under_them() -> None:
    trader = with_a_long_call(1000)
    resting(trader)
    refused = trader.send("sell", 1, C520, "9.50")
    assert isinstance(refused, Refusal)
