from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import OrderStatus
from services.executor.core.venue_reports import read_report


def an_order(**fields: Any) -> dict[str, Any]:
    """An order as Alpaca writes it, the fields that matter here."""
    return {
        "id": "904837e3-3b76-47ec-b432-046db621571b",
        "client_order_id": "ours",
        "symbol": "SPY260612C00520000",
        "asset_class": "us_option",
        "order_class": "simple",
        "side": "buy",
        "qty": "4",
        "filled_qty": "0",
        "filled_avg_price": None,
        "limit_price": "2.5",
        "status": "pending_new",
        "updated_at": "2026-06-05T14:30:00.123456789Z",
    } | fields


def test_a_whole_order_is_read_in_our_words() -> None:
    report = read_report(
        an_order(status="partially_filled", filled_qty="3", filled_avg_price="2.4966666666666667")
    )

    assert report.status is OrderStatus.PARTIALLY_FILLED
    assert (report.contracts, report.filled_contracts) == (4, 3)
    assert report.limit_price == Decimal("2.50")
    assert report.average_fill_price == Decimal("2.496667")
    assert report.updated_at.isoformat() == "2026-06-05T14:30:00.123456+00:00"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("filled", OrderStatus.FILLED),
        ("canceled", OrderStatus.CANCELED),
        ("expired", OrderStatus.EXPIRED),
        ("rejected", OrderStatus.REJECTED),
        ("replaced", OrderStatus.CANCELED),
    ],
)
def test_the_words_that_end_an_order(word: str, status: OrderStatus) -> None:
    assert read_report(an_order(status=word, filled_qty="4", filled_avg_price="2.5")).status is status


@pytest.mark.parametrize(
    "word",
    [
        "new",
        "accepted",
        "pending_new",
        "accepted_for_bidding",
        "pending_cancel",
        "pending_replace",
        "pending_review",
        "done_for_day",
        "stopped",
        "suspended",
        "calculated",
        "held",
        "a word of next year",
    ],
)
def test_every_other_word_leaves_an_order_alive(word: str) -> None:
    assert read_report(an_order(status=word)).status is OrderStatus.ACKNOWLEDGED


def test_quantities_may_be_numbers_and_times_may_have_an_offset() -> None:
    report = read_report(an_order(qty=4.0, filled_qty=0, updated_at="2026-06-05T10:30:00-04:00"))

    assert report.contracts == 4
    assert report.updated_at.isoformat() == "2026-06-05T14:30:00+00:00"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", None),
        ("client_order_id", ""),
        ("side", "borrow"),
        ("status", None),
        ("qty", "NaN"),
        ("qty", "1.5"),
        ("qty", None),
        ("filled_qty", "-1"),
        ("filled_qty", "5"),
        ("limit_price", "Infinity"),
        ("limit_price", "much"),
        ("updated_at", "yesterday"),
        ("updated_at", "2026-06-05T10:30:00"),
    ],
)
def test_an_order_with_a_senseless_field_is_none(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_report(an_order(**{field: value}))


@pytest.mark.parametrize("price", [None, "0", "NaN"])
def test_a_fill_without_a_price_is_none(price: str | None) -> None:
    with pytest.raises(ValueError, match="filled_avg_price"):
        read_report(an_order(status="partially_filled", filled_qty="1", filled_avg_price=price))


def test_a_filled_order_with_contracts_left_is_none() -> None:
    with pytest.raises(ValueError, match="filled_qty"):
        read_report(an_order(status="filled", filled_qty="3", filled_avg_price="2.5"))


@pytest.mark.parametrize("body", [None, [], "", {}, 7])
def test_what_is_no_order_is_none(body: object) -> None:
    with pytest.raises(ValueError, match="order"):
        read_report(body)
