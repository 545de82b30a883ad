"""How much money one contract would have taken, against the rule itself tried amount by amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.stories.what_it_takes import Need, enough_for, smallest_amount, what_it_takes
from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import risk_budget
from tests.fakes.params import PARAMS

STEP = PARAMS.sizer
SMOOTH = STEP.model_copy(update={"risk_scaling": "smooth"})


def amounts(
    risk: str,
    equity: str,
    buying_power: str | None = None,
    *,
    params: SizerParams = STEP,
    in_flight: str = "0",
    strategy: Strategy = Strategy.DAY_TRADE,
) -> list[int | None]:
    """Return the larger buying power and the smaller account."""
    need = Need(risk_usd=Decimal(risk), cost_usd=Decimal(risk), in_flight_usd=Decimal(in_flight))
    found = enough_for(need, strategy, Decimal(equity), Decimal(buying_power or equity), params)
    return [enough and enough.amount_usd for enough in found]


@pytest.mark.parametrize(
    ("risk", "present", "expected"),
    [
        ("250", "500", [1000, None]),  # 25 % of $1,000
        ("500", "1000", [2000, None]),  # 25 % of $2,000, the last of tiny
        ("501", "1000", [4175, None]),  # more than tiny ever risks: 12 % of $4,175
        ("600", "5001", [12000, 5000]),  # medium risks 5 %: a smaller account would have done as well
        ("5000", "100000", [500000, None]),
    ],
)
def test_the_step_table_with_its_cliffs(risk: str, present: str, expected: list[int]) -> None:
    assert amounts(risk, present) == expected


def test_the_tier_is_the_equitys_while_that_is_larger() -> None:
    assert amounts("200", "20000", "3000") == [4000, 800]  # medium risks 5 % of $4,000, tiny 25 % of $800
    assert amounts("33.5", "150", "113") == [
        134,
        None,
    ]  # no tier risks more: it is the buying power that lacks


def test_the_strategys_multiplier_counts() -> None:
    assert amounts("600", "5001", strategy=Strategy.SWING) == [9600, 5000]


def test_money_in_flight_comes_on_top() -> None:
    assert amounts("228", "768", in_flight="233") == [1145, None]


@pytest.mark.parametrize(
    ("equity", "buying_power", "in_flight", "expected"),
    [
        ("500", "500", "0", "$1,000 (tiny, 25% = $250.00 per trade)"),
        ("1500", "500", "0", "$1,000 (tiny, 25% = $250.00 per trade), at the equity of $1,500.00"),
        ("500", "500", "100", "$1,100 (tiny, 25% = $250.00 per trade), $100.00 of it in flight"),
        (
            "3000",
            "100",
            "0",
            (
                "$2,084 (small, 12% = $250.08 per trade), at the equity of $3,000.00; so would a smaller account, which"
                " may risk a larger share: $1,000 (tiny, 25% = $250.00 per trade)"
            ),
        ),
    ],
)
def test_it_is_told_with_what_it_would_risk(
    equity: str, buying_power: str, in_flight: str, expected: str
) -> None:
    need = Need(risk_usd=Decimal(250), cost_usd=Decimal(250), in_flight_usd=Decimal(in_flight))
    told = what_it_takes(need, Strategy.DAY_TRADE, Decimal(equity), Decimal(buying_power), STEP)
    assert told == f"options buying power that one contract would have fitted: {expected}"


def test_nothing_is_found_where_nothing_fits() -> None:
    assert smallest_amount(lambda _amount: Decimal(-1), [Decimal(10)]) is None
    need = Need(risk_usd=Decimal(10**9), cost_usd=Decimal(1))
    assert what_it_takes(need, Strategy.DAY_TRADE, Decimal(1), Decimal(1), STEP) is None


def fits(amount: int, equity: int, risk: Decimal, in_flight: Decimal, params: SizerParams) -> bool:
    whole = Decimal(max(amount, equity))
    budget = risk_budget(whole, amount - in_flight, Strategy.DAY_TRADE, params)
    return budget.budget_usd >= risk and amount - in_flight >= risk


@given(st.integers(1, 2000), st.integers(0, 500), st.integers(1, 40_000))
def test_under_the_step_table_no_smaller_buying_power_fits(risk: int, in_flight: int, equity: int) -> None:
    found = amounts(str(risk), str(equity), "0", in_flight=str(in_flight))[0]
    assert found is not None
    need = (equity, Decimal(risk), Decimal(in_flight), STEP)
    assert fits(found, *need)
    smaller = range(max(1, found - 6000), found, 7)
    assert not any(fits(amount, *need) for amount in (*smaller, found - 1))


@given(st.integers(1, 3000), st.integers(0, 500), st.integers(1, 40_000))
def test_under_the_smooth_scaling_what_is_found_fits_and_is_near_the_smallest(
    risk: int, in_flight: int, equity: int
) -> None:
    found = amounts(str(risk), str(equity), "0", params=SMOOTH, in_flight=str(in_flight))[0]
    assert found is not None
    need = (equity, Decimal(risk), Decimal(in_flight), SMOOTH)
    assert fits(found, *need)
    assert not any(fits(amount, *need) for amount in range(max(1, found - 9000), found - 60, 97))
