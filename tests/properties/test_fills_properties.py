"""What holds for every fill, whatever the model, the order and the quotes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.venue import lifecycle
from simulator.venue.fills import FillModel, FillRules, net_price
from simulator.venue.instruments import instrument_of
from simulator.venue.orders import Order, OrderType, Side, Status, TimeInForce
from simulator.venue.quotes import Nbbo

NOW = datetime(2026, 6, 10, 14, tzinfo=UTC)
CENT = Decimal("0.01")
SYMBOLS = tuple(f"SPY260612C00{strike}000" for strike in (500, 510, 520, 530))

cents = st.integers(min_value=1, max_value=900)
sizes = st.one_of(st.none(), st.integers(min_value=0, max_value=12))
quotes = st.builds(
    lambda bid, width, missing, bid_size, ask_size: Nbbo(
        bid=None if missing == "bid" else bid * CENT,
        ask=None if missing == "ask" else (bid + width) * CENT,
        bid_size=bid_size,
        ask_size=ask_size,
    ),
    cents,
    st.integers(min_value=0, max_value=40),
    st.sampled_from([None, None, None, None, "bid", "ask"]),
    sizes,
    sizes,
)
parts = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(min_value=1, max_value=3), quotes),
    min_size=1,
    max_size=4,
)
limits = st.one_of(st.none(), st.integers(min_value=-2000, max_value=2000))
models = st.sampled_from(list(FillModel))
rules = st.builds(
    FillRules,
    model=models,
    partial_pct=st.sampled_from([0.0, 10.0, 100.0]),
    seed=st.integers(min_value=0, max_value=9),
)


def order_of(drawn: list[tuple[Side, int, Nbbo]], limit: int | None, qty: int) -> Order:
    side, _, _ = drawn[0]
    order = Order(
        id="order-1", client_order_id="c-1", sequence=1, instrument=instrument_of(SYMBOLS[0]), side=side,
        type=OrderType.LIMIT, time_in_force=TimeInForce.DAY, intent=None, qty=qty, limit_price=None,
        status=Status.NEW, created_at=NOW, updated_at=NOW, submitted_at=NOW, live_at=NOW,
        expires_at=NOW + timedelta(hours=6),
    )  # fmt: skip
    if len(drawn) == 1:
        return replace(order, limit_price=None if limit is None else (abs(limit) + 1) * CENT)
    legs = tuple(
        replace(
            order,
            id=f"leg-{n}",
            instrument=instrument_of(SYMBOLS[n]),
            side=side,
            ratio_qty=ratio,
            qty=qty * ratio,
        )
        for n, (side, ratio, _) in enumerate(drawn)
    )
    net = None if limit is None else limit * CENT
    return replace(order, instrument=None, side=None, legs=legs, limit_price=net)


def two_sided(quote: Nbbo) -> Nbbo:
    """Return a quote that everything can trade against."""
    bid = quote.bid or CENT
    return Nbbo(bid=bid, ask=quote.ask or bid + CENT, bid_size=9, ask_size=9)


def signed(order: Order, price: Decimal) -> Decimal:
    """Return a price of which less is always better for the order's owner."""
    return price * order.side.sign if order.side else price


def net_of(order: Order, drawn: list[tuple[Side, int, Nbbo]], which: str) -> Decimal:
    """Return the net price at the mids, or at the far sides."""
    prices = []
    for side, _, quote in drawn:
        far = quote.ask if side is Side.BUY else quote.bid
        prices.append(quote.mid if which == "mid" and quote.mid is not None else far)
    return signed(order, net_price(order, prices))


@given(parts, limits, st.integers(min_value=1, max_value=20), rules)
@settings(max_examples=400, deadline=None)
def test_no_fill_beats_the_mid_or_is_worse_than_the_far_side_or_violates_its_limit(
    drawn, limit, qty, rule
) -> None:
    order = order_of(drawn, limit, qty)
    by_symbol = dict(zip(SYMBOLS, (quote for _, _, quote in drawn), strict=False))
    found = rule.execution(order, by_symbol.__getitem__, NOW)
    if found is None:
        return
    assert len(found.prices) == len(order.parts)
    paid = signed(order, net_price(order, found.prices))
    assert paid <= net_of(order, drawn, "far")
    # `mid` fills at the mid rounded to the cent, half a cent to either side.
    tolerance = CENT / 2 if rule.model is FillModel.MID else 0
    assert paid >= net_of(order, drawn, "mid") - tolerance
    if order.limit_price is not None:
        assert paid <= signed(order, order.limit_price)
    assert 1 <= found.qty <= order.open_qty


@given(parts, st.integers(min_value=1, max_value=20), rules)
@settings(max_examples=300, deadline=None)
def test_the_parts_of_an_order_add_up_to_it_and_repeat_with_the_seed(drawn, qty, rule) -> None:
    drawn = [(side, ratio, two_sided(quote)) for side, ratio, quote in drawn]
    by_symbol = dict(zip(SYMBOLS, (quote for _, _, quote in drawn), strict=False))

    def trade_out() -> list[object]:
        order, now, seen = order_of(drawn, None, qty), NOW, []
        while order.is_open:
            found = rule.execution(order, by_symbol.__getitem__, now)
            assert found is not None
            order = lifecycle.filled(order, found.qty, found.prices, now)
            now += timedelta(seconds=1)
            seen.append(found)
        return seen

    fills = trade_out()
    assert sum(found.qty for found in fills) == qty
    assert trade_out() == fills


@given(parts, st.integers(min_value=1, max_value=20))
@settings(max_examples=200, deadline=None)
def test_honest_takes_no_more_than_any_quote_has(drawn, qty) -> None:
    order = order_of(drawn, None, qty)
    by_symbol = dict(zip(SYMBOLS, (quote for _, _, quote in drawn), strict=False))
    found = FillRules(model=FillModel.HONEST).execution(order, by_symbol.__getitem__, NOW)
    for side, ratio, quote in drawn:
        size = quote.ask_size if side is Side.BUY else quote.bid_size
        if found is not None and size is not None:
            assert found.qty * (ratio if order.legs else 1) <= size
