"""At what price and for how much an order trades."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from simulator.venue.fills import FillModel, FillRules, Nbbo, fill_price, roll
from simulator.venue.orders import Intent, Order, OrderType, Side, Status, TimeInForce

NOW = datetime(2026, 6, 10, 14, tzinfo=UTC)


def an_order(side: Side = Side.BUY, limit: str | None = "2.50", qty: int = 1) -> Order:
    return Order(
        id="order-1",
        client_order_id="c-1",
        sequence=1,
        symbol="SPY260612C00520000",
        side=side,
        type=OrderType.LIMIT if limit else OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        intent=Intent.BUY_TO_OPEN if side is Side.BUY else Intent.SELL_TO_CLOSE,
        qty=qty,
        limit_price=Decimal(limit) if limit else None,
        reserve_price=Decimal(0),
        status=Status.NEW,
        created_at=NOW,
        updated_at=NOW,
        submitted_at=NOW,
        live_at=NOW,
        expires_at=NOW + timedelta(hours=6),
    )


def price(model: FillModel, side: Side, limit: str | None, bid: str | None, ask: str | None) -> str | None:
    quote = Nbbo(bid=Decimal(bid) if bid else None, ask=Decimal(ask) if ask else None)
    found = fill_price(model, an_order(side, limit), quote)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("side", "limit", "bid", "ask", "nbbo", "mid"),
    [
        (Side.BUY, "2.60", "2.40", "2.60", "2.60", "2.60"),  # at the ask
        (Side.BUY, "2.70", "2.40", "2.60", "2.60", "2.60"),  # through it: never worse than the quote
        (Side.BUY, "2.50", "2.40", "2.60", None, "2.50"),  # at the mid
        (Side.BUY, "2.55", "2.40", "2.60", None, "2.55"),  # better than the mid: at its limit
        (Side.BUY, "2.49", "2.40", "2.60", None, None),
        (Side.BUY, "2.52", "2.40", "2.65", None, None),  # the mid 2.525 rounds to 2.53
        (Side.BUY, "2.53", "2.40", "2.65", None, "2.53"),
        (Side.BUY, None, "2.40", "2.60", "2.60", "2.60"),
        (Side.BUY, "2.60", "2.40", None, None, None),  # nobody sells
        (Side.BUY, "2.55", None, "2.60", None, None),  # no mid without a bid
        (Side.BUY, "2.60", None, "2.60", "2.60", "2.60"),
        (Side.SELL, "2.40", "2.40", "2.60", "2.40", "2.40"),
        (Side.SELL, "2.30", "2.40", "2.60", "2.40", "2.40"),
        (Side.SELL, "2.50", "2.40", "2.60", None, "2.50"),
        (Side.SELL, "2.51", "2.40", "2.60", None, None),
        (Side.SELL, None, "2.40", "2.60", "2.40", "2.40"),
        (Side.SELL, None, None, "2.60", None, None),  # nobody buys
    ],
)
def test_fill_prices_of_both_models(  # noqa: PLR0917  the columns of the table above
    side: Side, limit: str | None, bid: str | None, ask: str | None, nbbo: str | None, mid: str | None
) -> None:
    told = (price(FillModel.NBBO, side, limit, bid, ask), price(FillModel.MID, side, limit, bid, ask))
    assert told == (nbbo, mid)


def test_without_partial_fills_an_order_fills_whole() -> None:
    assert FillRules().quantity(an_order(qty=7)) == 7


def test_a_partial_fill_takes_some_and_leaves_some() -> None:
    rules = FillRules(partial_pct=100)
    taken = {rules.quantity(replace(an_order(qty=5), id=f"order-{n}")) for n in range(200)}
    assert taken == {1, 2, 3, 4}
    assert rules.quantity(an_order(qty=1)) == 1


def test_about_as_many_fills_are_partial_as_asked() -> None:
    rules = FillRules(partial_pct=10, seed=3)
    partial = sum(rules.quantity(replace(an_order(qty=5), id=f"order-{n}")) < 5 for n in range(2000))
    assert 150 <= partial <= 250


def test_latency_lies_in_its_range_and_follows_from_the_seed() -> None:
    rules = FillRules(latency_ms=(20, 60), seed=1)
    drawn = [rules.latency(f"order-{n}") for n in range(500)]
    assert timedelta(milliseconds=20) <= min(drawn) < timedelta(milliseconds=21)
    assert timedelta(milliseconds=59) < max(drawn) < timedelta(milliseconds=60)
    assert drawn == [FillRules(latency_ms=(20, 60), seed=1).latency(f"order-{n}") for n in range(500)]
    assert drawn != [FillRules(latency_ms=(20, 60), seed=2).latency(f"order-{n}") for n in range(500)]


def test_throws_are_spread_over_the_unit_interval() -> None:
    throws = [roll(0, str(n)) for n in range(2000)]
    assert 0 <= min(throws) < 0.01
    assert 0.99 < max(throws) < 1
    assert 0.47 < sum(throws) / len(throws) < 0.53
