"""Cost, gains and the turn from long to short."""

from decimal import Decimal

import pytest

from simulator.venue.instruments import AssetClass, instrument_of, is_index
from simulator.venue.positions import Position, mark_price, traded
from simulator.venue.quotes import NO_QUOTE, Nbbo

CALL = instrument_of("SPY260612C00520000")
STOCK = instrument_of("SPY")


def after(*trades: tuple[int, str]) -> tuple[Position | None, Decimal]:
    held, gain = None, Decimal(0)
    for qty, price in trades:
        held, realised = traded(held, CALL, qty, Decimal(price))
        gain += realised
    return held, gain


@pytest.mark.parametrize(
    ("trades", "qty", "average", "gain"),
    [
        ([(2, "2.00"), (2, "3.00")], 4, "2.50", 0),
        ([(3, "2.60"), (-1, "3.00")], 2, "2.60", 40),
        ([(-2, "2.00"), (1, "1.50")], -1, "2.00", 50),
        ([(-2, "2.00"), (-2, "3.00")], -4, "2.50", 0),
        ([(1, "2.00"), (-3, "3.00")], -2, "3.00", 100),
        ([(-1, "2.00"), (3, "3.00")], 2, "3.00", -100),
    ],
)
def test_what_closes_is_a_gain_and_what_opens_a_cost(
    trades: list[tuple[int, str]], qty: int, average: str, gain: int
) -> None:
    held, realised = after(*trades)
    assert held is not None
    assert (held.qty, held.avg_entry_price, realised) == (qty, Decimal(average), gain)
    assert held.cost_basis_usd == Decimal(average) * qty * 100


def test_a_position_that_is_closed_is_none() -> None:
    assert after((3, "2.60"), (-3, "2.50")) == (None, Decimal(-30))


def test_a_days_gain_counts_from_the_last_close_for_what_was_held_then() -> None:
    held, _ = after((2, "2.00"))
    assert held is not None
    rolled = held.rolled(Decimal("2.50"))
    bought, _ = traded(rolled, CALL, 2, Decimal("3.00"))
    assert bought is not None
    assert (bought.day_basis_usd, bought.cost_basis_usd) == (1100, 1000)
    assert bought.lastday_price == Decimal("2.50")
    sold, _ = traded(rolled, CALL, -1, Decimal("3.00"))
    assert sold is not None
    assert (sold.day_basis_usd, sold.cost_basis_usd) == (250, 200)


def test_a_position_that_turned_round_has_no_last_day() -> None:
    held, _ = after((1, "2.00"))
    assert held is not None
    turned, _ = traded(held.rolled(Decimal("2.50")), CALL, -2, Decimal("3.00"))
    assert turned is not None
    assert (turned.qty, turned.lastday_price, turned.day_basis_usd) == (-1, None, -300)


def test_a_share_is_a_share_and_a_contract_a_hundred() -> None:
    stock, _ = traded(None, STOCK, 3, Decimal(520))
    assert stock is not None
    assert (stock.cost_basis_usd, stock.value_usd(Decimal(521))) == (1560, 1563)


def test_a_holding_is_marked_at_the_mid_or_what_there_is() -> None:
    held, _ = after((1, "2.00"))
    assert held is not None
    bid, ask = Decimal("2.40"), Decimal("2.60")
    assert mark_price(held, Nbbo(bid=bid, ask=ask)) == Decimal("2.50")
    assert mark_price(held, Nbbo(bid=bid, ask=None)) == bid
    assert mark_price(held, Nbbo(bid=None, ask=ask)) == ask
    assert mark_price(held, NO_QUOTE) == Decimal("2.00")


def test_symbols_name_stocks_contracts_and_index_contracts() -> None:
    weekly = instrument_of("SPXW260619P06000000")
    assert (CALL.asset_class, STOCK.asset_class) == (AssetClass.OPTION, AssetClass.STOCK)
    assert (weekly.underlying, weekly.is_cash_settled, weekly.is_european) == ("SPX", True, True)
    assert (CALL.underlying, CALL.is_cash_settled, CALL.is_european) == ("SPY", False, False)
    american = instrument_of("OEX260619P01000000")
    assert (american.is_cash_settled, american.is_european) == (True, False)
    assert is_index("SPX")
    assert not is_index("SPY")
    with pytest.raises(ValueError, match="OCC"):
        instrument_of("spy")
