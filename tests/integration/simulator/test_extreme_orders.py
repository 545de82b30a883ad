"""Orders as nobody in their senses sends them: each is taken or refused in Alpaca's form, and none breaks the venue."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from alpaca.trading.client import TradingClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, spy
from tests.integration.simulator.at_venue import ask
from tests.integration.simulator.refused_orders import INVALID, LONG, SHORT, UNPROCESSABLE, legs, order


@pytest.fixture(scope="module")
def shared_venue() -> Iterator[VenueThread]:
    """One venue for many orders."""
    with VenueThread(FakeMarket(), VenueSettings(latency_ms=(0.0, 0.0), equity=10_000_000)) as running:
        yield running


FINE = "invalid limit_price {}. sub-penny increment does not fulfill minimum pricing criteria"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        *(
            (order(limit_price=price), UNPROCESSABLE, "invalid limit price")
            for price in ("1e999999", "1e18", 10**30, "1000000.01", "-1", "0", "-1e999999", "0e5")
        ),
        *(
            (order(limit_price=price), INVALID, "limit orders require a limit price")
            for price in (
                "NaN",
                "nan",
                "sNaN",
                "Infinity",
                "-inf",
                "1e9999999999999999999",
                "",
                "1,5",
                "1_000",
                "١",
                [],
                {},
                True,
            )
        ),
        (order(limit_price="1e-30"), UNPROCESSABLE, FINE.format("1E-30")),
        (order(limit_price="1e-999999"), UNPROCESSABLE, FINE.format("1E-999999")),
        (order(limit_price="1e-5"), UNPROCESSABLE, FINE.format("0.00001")),
        *(
            (order(qty=qty), UNPROCESSABLE, "options order qty must be <= 1000000")
            for qty in ("1e999999", 10**30, "1000001", 1e308)
        ),
        *(
            (order(qty=qty), INVALID, "qty must be > 0")
            for qty in ("NaN", "-1e999999", "Infinity", "", "0e10", [1], {"qty": 1}, False)
        ),
        (order(qty="1e-999999"), UNPROCESSABLE, "qty must be integer for options trading"),
        (
            order(type="stop", limit_price=None, stop_price="1e999999"),
            UNPROCESSABLE,
            "invalid stop price",
        ),
        *(
            (legs(limit_price=price), UNPROCESSABLE, "invalid limit price")
            for price in ("1e999999", "-1e999999", "NaN", [])
        ),
        (
            legs({**LONG, "ratio_qty": "1e999999"}, SHORT),
            UNPROCESSABLE,
            "options order qty must be <= 1000000",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_number_beyond_reason_is_refused_by_name(
    venue: VenueThread, body: dict[str, Any], code: int, message: str
) -> None:
    answer = ask(venue, "POST", "/v2/orders", json=body)
    assert (answer.status_code, answer.json()) == (422, {"code": code, "message": message})


@pytest.mark.parametrize("price", ["1e0", "1E+0", "0.1e1", "1.00", "100e-2", 1, 1.0, " 1 "])
def test_an_exponent_is_a_number_like_any_other(venue: VenueThread, price: Any) -> None:
    answer = ask(venue, "POST", "/v2/orders", json=order(limit_price=price, qty="2e0"))
    assert (answer.status_code, answer.json()["limit_price"], answer.json()["qty"]) == (200, "1", "2")


def test_a_replacement_beyond_reason_is_refused(venue: VenueThread, trading: TradingClient) -> None:
    sent = ask(venue, "POST", "/v2/orders", json=order(limit_price=1)).json()
    for price, code, message in (
        ("1e999999", UNPROCESSABLE, "invalid limit price"),
        ("NaN", INVALID, "limit orders require a limit price"),
    ):
        answer = ask(venue, "PATCH", f"/v2/orders/{sent['id']}", json={"limit_price": price})
        assert (answer.status_code, answer.json()) == (422, {"code": code, "message": message})


odd_numbers = st.one_of(
    st.sampled_from(
        ["1e999999", "-1e999999", "1e-999999", "NaN", "-NaN", "sNaN123", "Infinity", "1e99999999999999999999"]
    ),
    st.sampled_from([0, -0.0, 1, 1.0, 2.6, 1e308, 5e-324, 10**40, -(10**40), "0", "1", "1_000", "١", "0x10"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), odd_numbers, st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def mostly(*values: Any) -> st.SearchStrategy[Any]:
    """Draw what makes sense two times in three, so that fuzz gets past the first check."""
    return st.one_of(st.sampled_from(values), st.sampled_from(values), odd_numbers, anything)


sides = mostly("buy", "sell")
intents = mostly(None, "buy_to_open", "sell_to_open", "sell_to_close", "buy_to_close")
symbols = mostly(
    spy(520), spy(530), spy(525), "SPY", "NOPE", "SPY260612C", "SPY260230C00520000", "SPY260612C99999999"
)
a_leg = st.one_of(
    anything,
    st.fixed_dictionaries(
        {"symbol": symbols, "ratio_qty": mostly(1, "2"), "side": sides, "position_intent": intents}
    ),
)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "symbol": symbols,
        "qty": mostly(1, "2", 2.0),
        "side": sides,
        "type": mostly("market", "limit", "stop", "stop_limit", "trailing_stop"),
        "time_in_force": mostly("day", "gtc", "ioc", "opg"),
        "limit_price": mostly(1.0, "2.60", "-0.2"),
        "stop_price": mostly(None, "3.00"),
        "notional": mostly(None, None, None),
        "extended_hours": mostly(None, False),
        "client_order_id": mostly(None, "ticket"),
        "order_class": mostly(None, "simple", "mleg"),
        "position_intent": intents,
        "legs": st.one_of(st.none(), anything, st.lists(a_leg, min_size=1, max_size=5)),
        "take_profit": anything,
    },
)


def encoded(body: Any) -> bytes:
    """Write as other clients might: numbers of any size, and text that is no Unicode."""
    return json.dumps(body).encode()


def is_alpacas(answer: requests.Response) -> bool:
    """Tell whether an answer is an order, or an error with a code and a message; neither tells a million digits."""
    told = answer.json()
    if len(answer.content) > 5_000:
        return False
    if answer.status_code == 200:
        return isinstance(told["id"], str)
    is_refusal = 400 <= answer.status_code < 500
    return is_refusal and isinstance(told["code"], int) and isinstance(told["message"], str)


@given(body=st.one_of(bodies, bodies, bodies, anything))
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_body_the_answer_is_alpacas(shared_venue: VenueThread, body: Any) -> None:
    answer = ask(shared_venue, "POST", "/v2/orders", data=encoded(body))
    assert is_alpacas(answer), (answer.status_code, answer.text)


@given(
    changes=st.fixed_dictionaries(
        {},
        optional={
            "qty": mostly(3, "4"),
            "limit_price": mostly("1.10"),
            "stop_price": mostly(None),
            "time_in_force": mostly("gtc"),
            "client_order_id": mostly(None),
        },
    )
)
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_the_change_the_answer_is_alpacas(
    shared_venue: VenueThread, changes: dict[str, Any]
) -> None:
    open_orders = list(shared_venue.desk.account.open_orders)
    if not open_orders:
        open_orders = [ask(shared_venue, "POST", "/v2/orders", json=order(limit_price=1)).json()["id"]]
    answer = ask(shared_venue, "PATCH", f"/v2/orders/{open_orders[-1]}", data=encoded(changes))
    assert is_alpacas(answer), (answer.status_code, answer.text)


@given(params=st.dictionaries(st.sampled_from(["qty", "percentage"]), odd_numbers, max_size=2))
@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_part_of_a_position_is_closed_the_answer_is_alpacas(
    shared_venue: VenueThread, params: dict[str, Any]
) -> None:
    if not shared_venue.desk.account.held_qty(spy(520)):
        ask(shared_venue, "POST", "/v2/orders", json=order(qty=900))
    answer = ask(shared_venue, "DELETE", f"/v2/positions/{spy(520)}", params=params)
    assert is_alpacas(answer), (answer.status_code, answer.text)
