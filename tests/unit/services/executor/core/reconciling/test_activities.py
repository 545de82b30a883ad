"""Reading the venue's activities."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.executor.core.reconciling.activities import Kind, read_activity

FILL = {
    "id": "20260610100000000::uuid",
    "activity_type": "FILL",
    "transaction_time": "2026-06-10T14:00:00.123Z",
    "type": "fill",
    "price": "2.5",
    "qty": "4",
    "side": "buy",
    "symbol": "SPY260612C00520000",
    "leaves_qty": "0",
    "order_id": "venue-1",
    "cum_qty": "4",
    "order_status": "filled",
}
#: As Alpaca documents it, without account_id.
EXERCISE = {
    "id": "20240227000000000::uuid",
    "activity_type": "OPEXC",
    "date": "2024-02-27",
    "net_amount": "0",
    "description": "Option Exercise",
    "symbol": "QS240301C00006500",
    "qty": "-1",
    "status": "executed",
}


def test_a_bought_option_costs_a_hundred_times_its_price() -> None:
    fill = read_activity(FILL)
    assert (fill.quantity, fill.cash_usd, fill.venue_order_id) == (4, Decimal(-1000), "venue-1")
    assert fill.at == datetime(2026, 6, 10, 14, 0, 0, 123000, tzinfo=UTC)


def test_a_sold_share_brings_its_price() -> None:
    sold = read_activity({**FILL, "side": "sell", "symbol": "SPY", "price": "520.1"})
    assert (sold.quantity, sold.cash_usd) == (-4, Decimal("2080.4"))


def test_an_exercise_moves_contracts_and_its_delivery_shares_and_cash() -> None:
    exercise = read_activity(EXERCISE)
    delivery = read_activity(
        {
            **EXERCISE,
            "activity_type": "OPTRD",
            "symbol": "QS",
            "qty": "100",
            "net_amount": "-650",
            "price": "6.5",
        }
    )
    assert (exercise.kind, exercise.quantity, exercise.cash_usd) == (Kind.EXERCISE, -1, 0)
    assert (delivery.kind, delivery.quantity, delivery.cash_usd) == (Kind.DELIVERY, 100, -650)


def test_a_type_nobody_knows_moves_cash_alone() -> None:
    other = read_activity({**EXERCISE, "activity_type": "NEW1", "net_amount": "7", "qty": "3"})
    assert (other.kind, other.quantity, other.cash_usd) == (Kind.OTHER_ACTIVITY, 0, 7)


@pytest.mark.parametrize(
    "row",
    [
        "no object",
        {**FILL, "qty": "NaN"},
        {**FILL, "price": None},
        {**FILL, "side": "hold"},
        {**FILL, "id": ""},
        {**FILL, "transaction_time": "2026-06-10T14:00:00"},
        {**EXERCISE, "date": None},
        {**EXERCISE, "qty": "one"},
        {**EXERCISE, "net_amount": "Infinity"},
    ],
)
def test_what_is_no_whole_activity_is_refused(row: object) -> None:
    with pytest.raises(ValueError, match=r"venue|Invalid|naive"):
        read_activity(row)
