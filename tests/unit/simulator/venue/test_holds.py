"""What open orders hold, to the cent, and what a replacement takes over from the order before."""

from decimal import Decimal

from simulator.venue.fills import FillRules
from simulator.venue.money_text import money_text
from simulator.venue.orders import EventKind, Order, Status
from tests.unit.simulator.venue.trader import Trader, accepted, message, spy

P195, P200, C220, C225 = spy(195, "P"), spy(200, "P"), spy(220), spy(225)
PUT_SPREAD, CALL_SPREAD = ((-1, P200), (1, P195)), ((-1, C220), (1, C225))
CALL = spy(520)


def with_put_spread() -> Trader:
    """Hold a put spread that brought 18: cash 1218, margin 500."""
    trader = Trader(1200)
    trader.quotes |= {P200: ("1.18", "1.28"), P195: ("0.90", "1.00")}
    trader.hold_legs(*PUT_SPREAD)
    assert (trader.account.cash_usd, trader.account.margin_usd) == (1218, 500)
    return trader


def test_what_units_hold_together_is_held_to_the_cent() -> None:
    trader = with_put_spread()
    order = accepted(trader.send_legs(*CALL_SPREAD, limit="-1.00", qty=3))
    assert money_text(trader.power) == "18"
    trader.account.cancel(order.id, trader.now)
    assert money_text(trader.account.held_usd) == "0"


def test_a_part_of_what_units_hold_together_is_rounded_up_to_the_cent() -> None:
    trader = with_put_spread()
    trader.quotes |= {C220: ("2.40", "2.60"), C225: ("1.30", "1.40")}
    trader.account.fills = FillRules(partial_pct=100.0)
    order = accepted(trader.send_legs(*CALL_SPREAD, limit="-1.00", qty=3))
    trader.tick()
    open_qty = trader.account.orders[order.id].open_qty
    assert open_qty in {1, 2}
    expected = {1: Decimal("233.34"), 2: Decimal("466.67")}[open_qty]
    assert trader.account.held_usd == expected


def half_replaced() -> tuple[Trader, Order, Order]:
    """Replace what is left of an order for nine that filled in part."""
    trader = Trader()
    trader.account.fills = FillRules(partial_pct=100.0)
    sent = accepted(trader.send("buy", 9, CALL, "2.60"))
    trader.tick()
    trader.quotes[CALL] = ("2.50", "2.70")
    return trader, trader.account.orders[sent.id], accepted(trader.replace(sent.id, qty=12))


def test_a_replacement_that_carries_fills_is_partially_filled_in_the_market() -> None:
    trader, before, new = half_replaced()
    (event,) = trader.tick()
    assert 0 < before.filled_qty < 9
    assert (event.kind, event.order.status) == (EventKind.NEW, Status.PARTIALLY_FILLED)
    assert (new.filled_qty, event.order.filled_qty) == (before.filled_qty, before.filled_qty)
    assert trader.account.held_usd == 260 * (12 - before.filled_qty)


def test_what_a_replacement_carries_is_bought_once() -> None:
    trader, _, new = half_replaced()
    trader.account.fills = FillRules()
    trader.quotes[CALL] = ("2.40", "2.60")
    trader.tick()
    assert trader.account.orders[new.id].status is Status.FILLED
    assert trader.held == {CALL: 12}
    assert sum(activity.signed_qty for activity in trader.account.activities) == 12
    assert trader.account.held_usd == 0


def test_a_market_order_opens_nothing_that_nobody_offers() -> None:
    trader = Trader()
    trader.quotes |= {CALL: ("2.40", None), "SPY": ("519.99", None)}
    reason = 'no ask price is available for "{}", unable to price a market order'
    assert message(trader.send("buy", 1, CALL)) == reason.format(CALL)
    assert message(trader.send("buy", 1, "SPY")) == reason.format("SPY")
    assert message(trader.send_legs((1, CALL), (-1, spy(530)))) == reason.format(CALL)


def test_a_short_position_may_be_bought_back_when_somebody_offers_again() -> None:
    trader = Trader()
    trader.hold(-1, P200)
    trader.quotes[P200] = ("2.40", None)
    accepted(trader.send("buy", 1, P200))
    trader.tick()
    trader.quotes[P200] = ("2.40", "2.60")
    trader.tick()
    assert trader.held == {}
