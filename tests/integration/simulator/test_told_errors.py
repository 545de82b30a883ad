"""Refusals that hang on more than orders and prices: a fault asks for them, or a setting draws the line.

With `test_errors` these are the whole catalogue.
"""

from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderStatus

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_spread,
    ask,
    in_status,
    inject,
    journal,
    refusal_of,
    refused_exercise,
    refused_replacement,
    set_clock,
)
from tests.integration.simulator.refused_orders import (
    FORBIDDEN,
    NOT_FOUND,
    UNPROCESSABLE,
    holding,
    legs,
    order,
)


def refuse(venue: VenueThread, reason: str, **limits: Any) -> None:
    inject(venue, "refuse", reason=reason, **limits)


TOLD = [
    ("symbol_not_eligible", FORBIDDEN, f"account not eligible to trade options: {spy(520)}"),
    ("level_2_not_eligible", FORBIDDEN, "account not eligible for level2 options trading"),
    ("assignment_lock", FORBIDDEN, f"active assignment lock on {spy(520)}, cannot close all long options"),
    ("contract_not_active", UNPROCESSABLE, f'contract "{spy(520)}" is not active'),
    ("contract_not_tradable", UNPROCESSABLE, f'contract "{spy(520)}" is not tradable'),
    ("contract_not_found", UNPROCESSABLE, f'contract "{spy(520)}" not found'),
    ("invalid_contract", UNPROCESSABLE, "invalid contract"),
    ("invalid_order_type", UNPROCESSABLE, "invalid option order_type"),
    ("invalid_time_in_force", UNPROCESSABLE, "invalid option time_in_force"),
    ("rolling_ambiguity", UNPROCESSABLE, "rolling contracts ambiguity"),
    ("submit_mleg_disabled", FORBIDDEN, "submit mleg order is disabled"),
]


@pytest.mark.parametrize(("reason", "code", "message"), TOLD)
def test_what_the_broker_alone_knows_refuses_an_order_when_a_fault_asks_for_it(
    venue: VenueThread, trading: TradingClient, reason: str, code: int, message: str
) -> None:
    refuse(venue, reason, symbol="SPY")
    is_of_legs = reason in {"rolling_ambiguity", "submit_mleg_disabled"}
    with pytest.raises(APIError) as error:
        trading.submit_order(a_spread() if is_of_legs else a_buy())
    assert refusal_of(error) == (code // 100_000, {"code": code, "message": message})
    assert trading.submit_order(a_spread()).status is not OrderStatus.REJECTED


def test_a_refusal_spares_what_it_is_not_limited_to(venue: VenueThread, trading: TradingClient) -> None:
    refuse(venue, "contract_not_active", symbol=spy(530))
    refuse(venue, "submit_mleg_disabled")
    trading.submit_order(a_buy())
    assert [row["kind"] for row in journal(venue, "fault_struck")] == []


def test_closing_all_long_options_is_refused_under_an_assignment_lock(
    venue: VenueThread, trading: TradingClient
) -> None:
    holding()(venue, trading)
    refuse(venue, "assignment_lock", symbol="SPY")
    with pytest.raises(APIError) as error:
        trading.close_position(spy(520))
    message = f"active assignment lock on {spy(520)}, cannot close all long options"
    assert refusal_of(error) == (403, {"code": FORBIDDEN, "message": message})


def test_orders_with_legs_are_neither_cancelled_nor_replaced_while_that_is_disabled(
    venue: VenueThread, trading: TradingClient
) -> None:
    sent = in_status(trading, trading.submit_order(a_spread(limit_price=0.05)), OrderStatus.NEW)
    refuse(venue, "cancel_mleg_disabled")
    refuse(venue, "replace_mleg_disabled")
    with pytest.raises(APIError) as error:
        trading.cancel_order_by_id(sent.id)
    assert refusal_of(error) == (403, {"code": FORBIDDEN, "message": "cancel mleg order is disabled"})
    told = refused_replacement(trading, sent.id, limit_price=0.04)
    assert told == (403, {"code": FORBIDDEN, "message": "replace mleg order is disabled"})
    trading.cancel_order_by_id(sent.id)


def test_an_order_that_is_gone_has_a_row_of_its_own_when_all_are_cancelled(
    venue: VenueThread, trading: TradingClient
) -> None:
    lost, other = trading.submit_order(a_buy(limit_price=1)), trading.submit_order(a_buy(limit_price=1))
    refuse(venue, "order_not_found")
    assert ask(venue, "DELETE", "/v2/orders").json() == [
        {"id": str(lost.id), "status": 404, "body": {"code": NOT_FOUND, "message": "order not found"}},
        {"id": str(other.id), "status": 200},
    ]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        ("no_position_to_exercise", "no available position for the specified contract"),
        ("regt_power_to_exercise", "insufficient regt buying power (required: 100000, available: 99480)"),
    ],
)
def test_an_exercise_is_refused_when_a_fault_asks_for_it(
    venue: VenueThread, trading: TradingClient, reason: str, message: str
) -> None:
    holding(spy(500))(venue, trading)
    refuse(venue, reason)
    assert refused_exercise(trading, spy(500)) == (403, {"code": FORBIDDEN, "message": message})


@pytest.mark.parametrize("fault", [{"kind": "refuse"}, {"kind": "down", "reason": "invalid_contract"}])
def test_a_refusal_and_nothing_else_has_a_reason(venue: VenueThread, fault: dict[str, Any]) -> None:
    answer = ask(venue, "POST", "/sim/faults", json=fault)
    assert answer.status_code == 400
    assert "needs a reason" in answer.json()["message"]


def test_contracts_expiring_today_are_limited_in_all(market: FakeMarket) -> None:
    settings = VenueSettings(latency_ms=(1.0, 5.0), partial_fills=0, expiring_today_limit=5)
    with VenueThread(market, settings) as venue:
        set_clock(venue, at=at_eastern("10:00", THIS_FRIDAY))
        client = TradingClient("key", "secret", url_override=venue.url)
        holding()(venue, client)
        client.submit_order(a_buy(limit_price=1.00, qty=2))
        with pytest.raises(APIError) as error:
            client.submit_order(a_buy(limit_price=1.00, qty=2))
        message = "exceeded account limit for contracts expiring today (requested: 2, held+open: 4, limit: 5)"
        assert refusal_of(error) == (403, {"code": FORBIDDEN, "message": message})
        client.submit_order(a_buy(limit_price=1.00, qty=1))
        client.submit_order(a_buy(symbol=spy(520, NEXT_FRIDAY), limit_price=1.00, qty=9))


def test_the_notional_of_an_order_is_limited(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(latency_ms=(1.0, 5.0), order_notional_limit=1000)) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        for body in (
            order(qty=4),
            legs(limit_price=-5.2, qty=2),
            order(qty=4, type="market", limit_price=None),
        ):
            with pytest.raises(APIError) as error:
                client.post("/orders", body)
            message = "options order notional is 1040 must be <= 1000"
            assert refusal_of(error) == (422, {"code": UNPROCESSABLE, "message": message})
        assert client.post("/orders", order(qty=3))["status"] == "pending_new"
