import json
from decimal import Decimal

import pytest

from kernel.domain.options import Strategy
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from services.sizer.core.explain import explain_size

PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer
SEVEN = {"tier", "risk_pct", "risk_budget_usd", "contracts", "max_contracts", "total_usd", "bound_by"}


def explain(buying_power, premium="2.50", strategy=Strategy.DAY_TRADE, **others):
    return explain_size(
        buying_power_usd=Decimal(buying_power),
        premium=Decimal(premium),
        strategy=strategy,
        params=PARAMS,
        **others,
    )


@pytest.mark.parametrize(
    ("buying_power", "strategy", "expected"),
    [
        ("1000", Strategy.DAY_TRADE, ("tiny", 25, 250, 1, 2, 250)),
        ("5000", Strategy.DAY_TRADE, ("small", 12, 600, 2, 3, 500)),
        ("100000", Strategy.DAY_TRADE, ("large", 1, 1000, 4, 10, 1000)),
        ("93000", Strategy.SWING, ("large", 2, 1860, 7, 10, 1750)),
    ],
)
def test_the_four_examples_are_explained(buying_power, strategy, expected):
    answer = explain(buying_power, strategy=strategy)
    keys = ("tier", "risk_pct", "risk_budget_usd", "contracts", "max_contracts", "total_usd")
    assert tuple(answer[key] for key in keys) == expected
    assert answer["bound_by"] == "risk_budget"
    assert answer["scaling"] == "step"


def test_both_scalings_stand_side_by_side_across_the_cliff():
    below, above = explain("5000"), explain("5001")
    assert [s["scalings"]["step"]["contracts"] for s in (below, above)] == [2, 1]
    assert [s["scalings"]["smooth"]["contracts"] for s in (below, above)] == [2, 2]
    assert set(above["scalings"]) == {"step", "smooth"}
    assert all(set(of_one) == SEVEN for of_one in above["scalings"].values())


def test_the_top_level_is_the_scaling_asked_for():
    answer = explain("50000", scaling="smooth")
    assert answer["scaling"] == "smooth"
    assert {key: answer[key] for key in SEVEN} == answer["scalings"]["smooth"]
    assert answer["risk_pct"] == 3


def test_the_scaling_of_the_parameters_is_the_default():
    smooth = PARAMS.model_copy(update={"risk_scaling": "smooth"})
    answer = explain_size(
        buying_power_usd=Decimal(50000), premium=Decimal("2.50"), strategy=Strategy.DAY_TRADE, params=smooth
    )
    assert (answer["scaling"], answer["risk_pct"]) == ("smooth", 3)


def test_equity_decides_the_tier_and_buying_power_the_money():
    answer = explain("4000", equity_usd=Decimal(30000))
    assert (answer["tier"], answer["risk_budget_usd"], answer["contracts"]) == ("large", 40, 0)


def test_the_answer_is_plain_json():
    answer = explain("93000", strategy=Strategy.SWING)
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize("premium", ["0", "-1", "NaN"])
def test_a_premium_that_is_no_price_is_refused(premium):
    with pytest.raises(ValueError, match="premium must be above zero"):
        explain("1000", premium=premium)
