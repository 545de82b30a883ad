"""Which account one contract would have fitted, against the rule itself tried dollar by dollar."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.stories.what_it_takes import accounts_for, smallest_amount
from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import risk_budget
from tests.fakes.params import PARAMS

STEP = PARAMS.sizer
SMOOTH = STEP.model_copy(update={"risk_scaling": "smooth"})


def amounts(
    risk: str, present: str, *, params: SizerParams = STEP, in_flight: str = "0", strategy=Strategy.DAY_TRADE
):
    found = accounts_for(
        risk_usd=Decimal(risk),
        cost_usd=Decimal(risk),
        in_flight_usd=Decimal(in_flight),
        strategy=strategy,
        present_usd=Decimal(present),
        params=params,
    )
    return [enough.amount_usd for enough in found]


def fits(amount: int, risk: Decimal, in_flight: Decimal, params: SizerParams) -> bool:
    budget = risk_budget(Decimal(amount), amount - in_flight, Strategy.DAY_TRADE, params)
    return budget.budget_usd >= risk and amount - in_flight >= risk


@pytest.mark.parametrize(
    ("risk", "present", "expected"),
    [
        ("250", "500", [1000]),  # 25 % of $1,000
        ("500", "1000", [2000]),  # 25 % of $2,000, the last of tiny
        ("501", "1000", [4175]),  # more than tiny ever risks: 12 % of $4,175
        ("600", "4000", [5000]),
        ("600", "5001", [5000, 12000]),  # medium risks 5 %: a smaller account would have done as well
        ("5000", "100000", [500000]),
    ],
)
def test_the_step_table_with_its_cliffs(risk: str, present: str, expected: list[int]) -> None:
    assert amounts(risk, present) == expected


def test_the_strategys_multiplier_counts() -> None:
    assert amounts("600", "5001", strategy=Strategy.SWING) == [5000, 9600]


def test_money_in_flight_comes_on_top() -> None:
    assert amounts("228", "768", in_flight="233") == [1145]


def test_what_an_account_would_risk_is_told_with_it() -> None:
    (enough,) = accounts_for(
        risk_usd=Decimal(250),
        cost_usd=Decimal(250),
        in_flight_usd=Decimal(0),
        strategy=Strategy.DAY_TRADE,
        present_usd=Decimal(500),
        params=STEP,
    )
    assert enough.text == "$1,000 (tiny, 25% = $250.00 per trade)"


def test_nothing_is_found_where_nothing_fits() -> None:
    assert smallest_amount(lambda _amount: Decimal(-1), [Decimal(10)]) is None


@given(st.integers(1, 2000), st.integers(0, 500))
def test_under_the_step_table_no_smaller_account_fits(risk: int, in_flight: int) -> None:
    found = amounts(str(risk), "0", in_flight=str(in_flight))[0]
    assert fits(found, Decimal(risk), Decimal(in_flight), STEP)
    smaller = range(max(1, found - 6000), found, 7)
    assert not any(fits(amount, Decimal(risk), Decimal(in_flight), STEP) for amount in (*smaller, found - 1))


@given(st.integers(1, 3000), st.integers(0, 500))
def test_under_the_smooth_scaling_what_is_found_fits_and_is_near_the_smallest(
    risk: int, in_flight: int
) -> None:
    found = amounts(str(risk), "0", params=SMOOTH, in_flight=str(in_flight))[0]
    assert fits(found, Decimal(risk), Decimal(in_flight), SMOOTH)
    assert not any(
        fits(amount, Decimal(risk), Decimal(in_flight), SMOOTH)
        for amount in range(max(1, found - 9000), found - 60, 97)
    )
