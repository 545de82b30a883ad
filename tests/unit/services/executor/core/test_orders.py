from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import OrderStatus
from kernel.contracts.parts import Side
from kernel.testing.builders import NOW, a_ticket
from services.executor.core.orders import client_order_id_of, is_ours, request_hash, request_of
from services.executor.core.venue_reports import VenueReport

REQUEST = request_of(a_ticket())


def test_the_client_order_id_depends_on_the_ticket_alone() -> None:
    assert client_order_id_of("ticket-1") == client_order_id_of("ticket-1")
    assert client_order_id_of("ticket-1") != client_order_id_of("ticket-2")
    assert REQUEST.client_order_id == client_order_id_of(a_ticket().meta.id)


def test_a_ticket_asks_for_its_leg_at_its_limit() -> None:
    assert (REQUEST.occ_symbol, REQUEST.side, REQUEST.contracts) == ("SPY260605C00520000", Side.BUY, 4)
    assert REQUEST.limit_price == Decimal("2.50")


def test_the_same_request_written_otherwise_has_the_same_hash() -> None:
    assert request_hash(replace(REQUEST, limit_price=Decimal("2.5000"))) == request_hash(REQUEST)


@pytest.mark.parametrize(
    "change",
    [{"contracts": 5}, {"limit_price": Decimal("2.51")}, {"occ_symbol": "SPY260605P00520000"}],
)
def test_another_request_has_another_hash(change: dict[str, Any]) -> None:
    assert request_hash(replace(REQUEST, **change)) != request_hash(REQUEST)


def a_report(**values: Any) -> VenueReport:
    defaults: dict[str, Any] = {
        "client_order_id": REQUEST.client_order_id,
        "venue_order_id": "v",
        "occ_symbol": REQUEST.occ_symbol,
        "side": Side.BUY,
        "contracts": 4,
        "limit_price": Decimal("2.5"),
        "status": OrderStatus.ACKNOWLEDGED,
        "word": "new",
        "filled_contracts": 0,
        "average_fill_price": None,
        "updated_at": NOW,
    }
    return VenueReport(**(defaults | values))


def test_the_order_we_asked_for_is_ours() -> None:
    assert is_ours(REQUEST, a_report())


@pytest.mark.parametrize(
    "difference",
    [
        {"client_order_id": "other"},
        {"occ_symbol": "SPY260605C00521000"},
        {"side": Side.SELL},
        {"contracts": 3},
        {"limit_price": Decimal("2.51")},
        {"limit_price": None},
    ],
)
def test_an_order_that_differs_in_anything_is_not(difference: dict[str, Any]) -> None:
    assert not is_ours(REQUEST, a_report(**difference))
