"""At what price and for how much an order trades."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from simulator.venue.fills import FillModel, FillRules, is_triggered, net_price, roll, spread_share
from simulator.venue.instruments import instrument_of
from simulator.venue.orders import Intent, Order, OrderType, Side, Status, TimeInForce
from simulator.venue.quotes import NO_QUOTE, Nbbo

NOW = datetime(2026, 6, 10, 14, tzinfo=UTC)
LONG, SHORT = "SPY260612C00520000", "SPY260612C00530000"


def an_order(side: Side = Side.BUY, limit: str | None = "2.50", qty: int = 1, **other: object) -> Order:
    return replace(
        Order(
            id="order-1",
            client_order_id="c-1",
            sequence=1,
            instrument=instrument_of(LONG),
            side=side,
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            time_in_force=TimeInForce.DAY,
            intent=Intent.BUY_TO_OPEN if side is Side.BUY else Intent.SELL_TO_CLOSE,
            qty=qty,
            limit_price=Decimal(limit) if limit else None,
            status=Status.NEW,
            created_at=NOW,
            updated_at=NOW,
            submitted_at=NOW,
            live_at=NOW,
            expires_at=NOW + timedelta(hours=6),
        ),
        **other,
    )


def a_spread(limit: str | None, qty: int = 1, ratios: tuple[int, int] = (1, 1)) -> Order:
    """A debit spread: buys the one call, sells the other."""
    legs = tuple(
        an_order(side, None, qty * ratio, id=f"leg-{side}", instrument=instrument_of(symbol), ratio_qty=ratio)
        for side, symbol, ratio in zip((Side.BUY, Side.SELL), (LONG, SHORT), ratios, strict=True)
    )
    return replace(an_order(Side.BUY, limit, qty), instrument=None, side=None, intent=None, legs=legs)


def nbbo(bid: str | None, ask: str | None, bid_size: int | None = None, ask_size: int | None = None) -> Nbbo:
    return Nbbo(
        bid=Decimal(bid) if bid else None,
        ask=Decimal(ask) if ask else None,
        bid_size=bid_size,
        ask_size=ask_size,
    )


def price(model: FillModel, side: Side, limit: str | None, bid: str | None, ask: str | None) -> str | None:
    found = FillRules(model=model).execution(an_order(side, limit), lambda _symbol: nbbo(bid, ask), NOW)
    return None if found is None else str(found.prices[0])


def taken(order: Order, quote: Nbbo, now: datetime = NOW, **rules: object) -> int:
    found = FillRules(**rules).execution(order, lambda _symbol: quote, now)
    return 0 if found is None else found.qty


@pytest.mark.parametrize(
    ("side", "limit", "bid", "ask", "nbbo_price", "mid", "honest"),
    [
        (Side.BUY, "2.60", "2.40", "2.60", "2.60", "2.60", "2.58"),  # at the ask
        (Side.BUY, "2.70", "2.40", "2.60", "2.60", "2.60", "2.58"),  # through it: never worse than the quote
        (Side.BUY, "2.58", "2.40", "2.60", None, "2.58", "2.58"),  # three quarters of half of 0.20: 2.575, up
        (Side.BUY, "2.57", "2.40", "2.60", None, "2.57", None),
        (Side.BUY, "2.50", "2.40", "2.60", None, "2.50", None),  # at the mid
        (Side.BUY, "2.49", "2.40", "2.60", None, None, None),
        (Side.BUY, "2.52", "2.40", "2.65", None, None, None),  # the mid 2.525 rounds to 2.53
        (Side.BUY, "2.53", "2.40", "2.65", None, "2.53", None),
        (Side.BUY, None, "2.40", "2.60", "2.60", "2.60", "2.58"),
        (Side.BUY, "2.60", "2.40", None, None, None, None),  # nobody sells
        (Side.BUY, "2.55", None, "2.60", None, None, None),  # no mid without a bid
        (Side.BUY, "2.60", None, "2.60", "2.60", "2.60", "2.60"),
        (Side.SELL, "2.40", "2.40", "2.60", "2.40", "2.40", "2.42"),
        (Side.SELL, "2.30", "2.40", "2.60", "2.40", "2.40", "2.42"),
        (Side.SELL, "2.50", "2.40", "2.60", None, "2.50", None),
        (Side.SELL, "2.51", "2.40", "2.60", None, None, None),
        (Side.SELL, None, "2.40", "2.60", "2.40", "2.40", "2.42"),
        (Side.SELL, None, None, "2.60", None, None, None),  # nobody buys
        (Side.BUY, "2.70", "2.60", "2.40", None, None, None),  # crossed
        (Side.SELL, None, "2.60", "2.40", None, None, None),
        (Side.BUY, "2.60", "2.60", "2.60", "2.60", "2.60", "2.60"),  # locked
    ],
)
def test_fill_prices_of_all_models(  # noqa: PLR0917  the columns of the table above
    side: Side,
    limit: str | None,
    bid: str | None,
    ask: str | None,
    nbbo_price: str | None,
    mid: str | None,
    honest: str | None,
) -> None:
    told = [
        price(model, side, limit, bid, ask) for model in (FillModel.NBBO, FillModel.MID, FillModel.HONEST)
    ]
    assert told == [nbbo_price, mid, honest]


# Legs: the long call 2.40 × 2.60, the short one 1.00 × 1.10; the far side is 1.60 net, the mid 1.45.

_QUOTES = {LONG: nbbo("2.40", "2.60", 50, 30), SHORT: nbbo("1.00", "1.10", 20, 40)}


def net(model: FillModel, limit: str | None) -> str | None:
    order = a_spread(limit)
    found = FillRules(model=model).execution(order, _QUOTES.__getitem__, NOW)
    return None if found is None else str(net_price(order, found.prices).quantize(Decimal("0.01")))


@pytest.mark.parametrize(
    ("limit", "nbbo_net", "mid", "honest"),
    [
        (None, "1.60", "1.60", "1.56"),
        ("1.60", "1.60", "1.60", "1.56"),
        ("1.59", None, "1.59", "1.56"),
        ("1.55", None, "1.55", None),  # 0.687 of half of 0.30 on the mid is 1.553
        ("1.45", None, "1.45", None),
        ("1.44", None, None, None),
    ],
)
def test_legs_trade_together_at_their_net_price(
    limit: str | None, nbbo_net: str | None, mid: str | None, honest: str | None
) -> None:
    assert [net(model, limit) for model in (FillModel.NBBO, FillModel.MID, FillModel.HONEST)] == [
        nbbo_net,
        mid,
        honest,
    ]


def test_a_credit_is_a_negative_net_price() -> None:
    flipped = {LONG: _QUOTES[SHORT], SHORT: _QUOTES[LONG]}
    order = a_spread("-1.30")
    found = FillRules().execution(order, flipped.__getitem__, NOW)
    assert found is not None
    assert (found.prices, net_price(order, found.prices)) == (
        (Decimal("1.10"), Decimal("2.40")),
        Decimal("-1.30"),
    )
    assert FillRules().execution(a_spread("-1.31"), flipped.__getitem__, NOW) is None


@pytest.mark.parametrize("model", list(FillModel))
def test_one_leg_without_a_quote_stops_all(model: FillModel) -> None:
    quotes = {**_QUOTES, SHORT: NO_QUOTE}
    assert FillRules(model=model).execution(a_spread(None), quotes.__getitem__, NOW) is None


def test_the_share_of_the_spread_falls_with_the_legs() -> None:
    shares = [round(spread_share(legs), 3) for legs in (1, 2, 3, 4)]
    assert shares == [Decimal("0.750"), Decimal("0.687"), Decimal("0.623"), Decimal("0.560")]


def test_honest_takes_the_quoted_size_once_and_leaves_the_rest_working() -> None:
    quote = nbbo("2.40", "2.60", 7, 3)
    honest = {"model": FillModel.HONEST}
    assert taken(an_order(limit="2.60", qty=10), quote, **honest) == 3
    assert taken(an_order(Side.SELL, "2.40", qty=10), quote, **honest) == 7
    partly = an_order(limit="2.60", qty=10, filled_qty=3, status=Status.PARTIALLY_FILLED)
    assert taken(partly, quote, NOW + timedelta(milliseconds=900), **honest) == 0
    assert taken(partly, quote, NOW + timedelta(seconds=1), **honest) == 3
    assert taken(an_order(limit="2.60", qty=10), nbbo("2.40", "2.60", 0, 0), **honest) == 0


def test_honest_legs_take_what_every_quote_has_for_its_ratio() -> None:
    rules = FillRules(model=FillModel.HONEST)
    found = rules.execution(a_spread(None, qty=40, ratios=(1, 2)), _QUOTES.__getitem__, NOW)
    assert found is not None
    assert found.qty == 10  # 20 bid for the leg that needs two a unit


def test_the_other_models_do_not_ask_for_the_quoted_size() -> None:
    for model in (FillModel.NBBO, FillModel.MID):
        assert taken(an_order(limit="2.60", qty=50), nbbo("2.40", "2.60", 1, 1), model=model) == 50


@pytest.mark.parametrize(
    ("side", "stop", "bid", "ask", "triggered"),
    [
        (Side.BUY, "2.60", "2.40", "2.60", True),
        (Side.BUY, "2.61", "2.40", "2.60", False),
        (Side.SELL, "2.40", "2.40", "2.60", True),
        (Side.SELL, "2.39", "2.40", "2.60", False),
        (Side.BUY, "2.60", "2.40", None, False),
        (Side.SELL, "2.40", None, "2.60", False),
    ],
)
def test_a_stop_is_triggered_by_the_side_it_would_trade_at(
    side: Side, stop: str, bid: str | None, ask: str | None, triggered: bool
) -> None:
    order = an_order(side, None, type=OrderType.STOP, stop_price=Decimal(stop))
    assert is_triggered(order, nbbo(bid, ask)) is triggered


def test_an_order_without_a_stop_is_not_triggered() -> None:
    assert not is_triggered(an_order(), nbbo("2.40", "2.60"))


class ShutGate:
    """Shuts for the orders it is given, and forces parts on all others."""

    def __init__(self, *shut: str) -> None:
        self.shut = shut

    def is_shut(self, order: Order, now: datetime) -> bool:
        return order.id in self.shut

    def forces_part(self, order: Order, now: datetime) -> bool:
        return True


def test_a_shut_gate_lets_nothing_trade_and_a_forcing_one_only_parts() -> None:
    quote, order = nbbo("2.40", "2.60"), an_order(limit="2.60", qty=9)
    assert taken(order, quote, gate=ShutGate("order-1")) == 0
    assert 1 <= taken(order, quote, gate=ShutGate()) < 9
    assert taken(replace(order, qty=1), quote, gate=ShutGate()) == 1


def test_without_partial_fills_an_order_fills_whole() -> None:
    assert taken(an_order(qty=7, limit="2.60"), nbbo("2.40", "2.60")) == 7


def test_a_partial_fill_takes_some_and_leaves_some() -> None:
    orders = [an_order(qty=5, limit="2.60", id=f"order-{n}") for n in range(200)]
    assert {taken(order, nbbo("2.40", "2.60"), partial_pct=100) for order in orders} == {1, 2, 3, 4}
    assert taken(an_order(limit="2.60"), nbbo("2.40", "2.60"), partial_pct=100) == 1


def test_about_as_many_fills_are_partial_as_asked() -> None:
    orders = [an_order(qty=5, limit="2.60", id=f"order-{n}") for n in range(2000)]
    partial = sum(taken(order, nbbo("2.40", "2.60"), partial_pct=10, seed=3) < 5 for order in orders)
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
