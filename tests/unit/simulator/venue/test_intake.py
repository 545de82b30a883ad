"""What a body must be to become an order request, in Alpaca's words."""

from decimal import Decimal

import pytest

from simulator.venue.instruments import instrument_of
from simulator.venue.intake import read_number, read_order
from simulator.venue.orders import Intent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.refusals import Refusal

SYMBOL = "SPY260612C00520000"


def a_body(**overrides: object) -> dict[str, object]:
    body = {
        "symbol": SYMBOL,
        "qty": "2",
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": "2.50",
    }
    return {key: value for key, value in {**body, **overrides}.items() if value is not ...}


def refusal(**overrides: object) -> tuple[int, int, str]:
    outcome = read_order(a_body(**overrides))
    assert isinstance(outcome, Refusal), outcome
    return outcome.http_status, outcome.code, outcome.message


def test_a_well_formed_body_becomes_a_request() -> None:
    request = read_order(a_body(client_order_id="c-1", position_intent="buy_to_open", order_class="simple"))
    assert isinstance(request, OrderRequest)
    assert request.instrument == instrument_of(SYMBOL)
    assert (request.side, request.type, request.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.DAY)
    assert (request.qty, request.limit_price) == (2, Decimal("2.50"))
    assert (request.intent, request.client_order_id) == (Intent.BUY_TO_OPEN, "c-1")


@pytest.mark.parametrize(("qty", "price"), [(1.0, 1.25), ("1", "1.25"), (1, "1.25"), ("1.0", 1.25)])
def test_numbers_may_be_json_numbers_or_strings(qty: object, price: object) -> None:
    request = read_order(a_body(qty=qty, limit_price=price))
    assert isinstance(request, OrderRequest)
    assert (request.qty, request.limit_price) == (1, Decimal("1.25"))


@pytest.mark.parametrize(
    ("overrides", "code", "message"),
    [
        ({"qty": 2 * 10**19}, 42210000, "options order qty must be <= 1000000"),
        ({"qty": "1000001"}, 42210000, "options order qty must be <= 1000000"),
        ({"symbol": "SPY", "qty": 1_000_001}, 42210000, "order qty must be <= 1000000"),
        ({"qty": "1.5"}, 42210000, "qty must be integer for options trading"),
        ({"qty": 0}, 40010001, "qty must be > 0"),
        ({"qty": "-1"}, 40010001, "qty must be > 0"),
        ({"qty": "NaN"}, 40010001, "qty must be > 0"),
        ({"qty": True}, 40010001, "qty must be > 0"),
        ({"qty": [1]}, 40010001, "qty must be > 0"),
        ({"qty": ...}, 40010001, "qty or notional is required"),
        ({"notional": "100"}, 40010001, "only one of qty or notional is accepted"),
        (
            {"qty": ..., "notional": "100"},
            42210000,
            "notional orders are not supported for options trading",
        ),
        ({"side": "hold"}, 40010001, "invalid side"),
        ({"side": ["buy"]}, 40010001, "invalid side"),
        ({"type": "magic"}, 40010001, "invalid order type"),
        ({"type": "trailing_stop"}, 42210000, "invalid order type for options trading"),
        ({"type": "stop", "limit_price": ...}, 40010001, "stop orders require a stop price"),
        ({"type": "stop", "stop_price": "2"}, 40010001, "stop orders require no limit price"),
        ({"stop_price": "2"}, 40010001, "limit orders require no stop price"),
        (
            {"time_in_force": "ioc"},
            42210000,
            "order_time_in_force provided not supported for options trading",
        ),
        ({"time_in_force": "weekly"}, 40010001, "invalid time_in_force"),
        ({"limit_price": ...}, 40010001, "limit orders require a limit price"),
        ({"limit_price": "0"}, 42210000, "invalid limit price"),
        (
            {"limit_price": "2.505"},
            42210000,
            "invalid limit_price 2.505. sub-penny increment does not fulfill minimum pricing criteria",
        ),
        ({"extended_hours": True}, 42210000, "extended hours is not supported for options trading"),
        ({"order_class": "bracket"}, 42210000, "complex orders not supported for options trading"),
        ({"client_order_id": "x" * 129}, 40010001, "client_order_id must be no more than 128 characters"),
        ({"symbol": "TOOLONG"}, 42210000, 'asset "TOOLONG" not found'),
        ({"symbol": "spy"}, 42210000, 'asset "spy" not found'),
        ({"symbol": "SPY", "qty": "1.5"}, 40310000, 'asset "SPY" is not fractionable'),
        ({"symbol": "SPY", "qty": ..., "notional": 9}, 40310000, 'asset "SPY" is not fractionable'),
        (
            {"symbol": "SPY", "extended_hours": True},
            42210000,
            "extended hours is not supported for stocks at this venue",
        ),
        ({"symbol": "SPY261399C00520000"}, 42210000, 'asset "SPY261399C00520000" not found'),
    ],
)
def test_a_malformed_body_is_refused_in_the_venues_words(
    overrides: dict[str, object], code: int, message: str
) -> None:
    assert refusal(**overrides) == (403 if code == 40310000 else 422, code, message)


def test_the_largest_quantity_is_accepted() -> None:
    assert isinstance(read_order(a_body(qty=1_000_000)), OrderRequest)


def test_below_a_dollar_prices_have_four_decimals() -> None:
    assert isinstance(read_order(a_body(limit_price="0.1234")), OrderRequest)
    assert refusal(limit_price="0.12345")[1] == 42210000


def test_trailing_zeros_are_no_sub_penny_increment() -> None:
    assert isinstance(read_order(a_body(limit_price="2.5000")), OrderRequest)


def test_an_intent_must_fit_its_side() -> None:
    assert refusal(position_intent="sell_to_close")[1] == 40010001


@pytest.mark.parametrize("value", [None, True, "abc", "inf", "nan", {}, []])
def test_what_is_no_finite_number_reads_as_none(value: object) -> None:
    assert read_number(value) is None
