"""What may be sent when, and when an order ends by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from simulator.venue.instruments import instrument_of
from simulator.venue.orders import Intent, OrderType, TimeInForce
from simulator.venue.rules import Hours, check_expiry, check_tradable, expiry_of

SYMBOL = "SPY260612C00520000"
OPENS_AT = datetime(2026, 6, 12, 13, 30, tzinfo=UTC)
CLOSES_AT = datetime(2026, 6, 12, 20, tzinfo=UTC)
OPEN = Hours(is_open=True, opens_at=OPENS_AT, closes_at=CLOSES_AT, last_close=CLOSES_AT)
CLOSED = Hours(is_open=False, opens_at=OPENS_AT, closes_at=CLOSES_AT, last_close=CLOSES_AT)
NOON = datetime(2026, 6, 12, 16, tzinfo=UTC)


def message(
    symbol: str = SYMBOL,
    *,
    listed: bool = True,
    hours: Hours = OPEN,
    now: datetime = NOON,
    order_type: OrderType = OrderType.LIMIT,
) -> str | None:
    refusal = check_tradable(instrument_of(symbol), order_type, listed=listed, hours=hours, now=now)
    return None if refusal is None else refusal.message


def test_a_listed_contract_trades_in_the_session() -> None:
    assert message() is None
    assert message(order_type=OrderType.MARKET) is None


def test_an_unknown_contract_is_not_found() -> None:
    assert message(listed=False) == f'asset "{SYMBOL}" not found'


def test_a_contract_is_expired_from_its_last_close_on() -> None:
    assert message(now=CLOSES_AT - timedelta(microseconds=1)) is None
    assert message(now=CLOSES_AT) == f'contract "{SYMBOL}" is expired'


def test_market_orders_need_the_session_and_limits_do_not() -> None:
    expected = "options market orders are only allowed during market hours"
    assert message(hours=CLOSED, order_type=OrderType.MARKET) == expected
    assert message(hours=CLOSED) is None
    assert message("SPY", hours=replace(CLOSED, last_close=None), order_type=OrderType.MARKET) is None


@pytest.mark.parametrize(
    ("intent", "minutes_left", "refused"),
    [
        (Intent.BUY_TO_OPEN, 31, False),
        (Intent.BUY_TO_OPEN, 30, True),
        (Intent.SELL_TO_OPEN, 5, True),
        (Intent.SELL_TO_CLOSE, 5, False),
    ],
)
def test_nothing_is_opened_in_a_contracts_last_half_hour(
    intent: Intent, minutes_left: int, refused: bool
) -> None:
    now = CLOSES_AT - timedelta(minutes=minutes_left)
    refusal = check_expiry(SYMBOL, intent, hours=OPEN, now=now)
    expected = f'contract "{SYMBOL}" expires soon, unable to open new positions'
    assert (refusal.message if refusal else None) == (expected if refused else None)


def test_a_day_order_ends_at_the_close() -> None:
    assert expiry_of(TimeInForce.DAY, hours=[OPEN], now=NOON) == CLOSES_AT


def test_a_gtc_order_ends_with_its_contract_or_after_ninety_days() -> None:
    assert expiry_of(TimeInForce.GTC, hours=[OPEN], now=NOON) == CLOSES_AT
    far = Hours(
        is_open=True, opens_at=OPENS_AT, closes_at=CLOSES_AT, last_close=CLOSES_AT + timedelta(days=400)
    )
    assert expiry_of(TimeInForce.GTC, hours=[far], now=NOON) == NOON + timedelta(days=90)
