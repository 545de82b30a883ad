from decimal import Decimal

import pytest

from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import base_risk_pct, get_account_tier, risk_budget
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT

D = Decimal
STEP = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer
SMOOTH = STEP.model_copy(update={"risk_scaling": "smooth"})


@pytest.mark.parametrize(
    ("amount", "tier"),
    [
        ("0", "tiny"),
        ("-50", "tiny"),
        ("2000", "tiny"),
        ("2000.01", "small"),
        ("5000", "small"),
        ("5000.01", "medium"),
        ("25000", "medium"),
        ("25000.000001", "large"),
        ("1000000", "large"),
    ],
)
def test_the_upper_bound_of_a_tier_still_belongs_to_it(amount, tier):
    assert get_account_tier(D(amount), STEP).name == tier


@pytest.mark.parametrize(
    ("strategy", "amount", "multiplier"),
    [
        (Strategy.DAY_TRADE, 100_000, "1"),
        (Strategy.PREMIUM_SELLER, 100_000, "1"),
        (Strategy.SWING, 1_000, "1"),
        (Strategy.SWING, 5_000, "1"),
        (Strategy.SWING, 25_000, "1.25"),
        (Strategy.SWING, 100_000, "2"),
    ],
)
def test_only_a_swing_in_a_large_enough_account_risks_more(strategy, amount, multiplier):
    budget = risk_budget(D(amount), D(amount), strategy, STEP)
    assert budget.multiplier == D(multiplier)
    assert budget.risk_pct == budget.base_risk_pct * D(multiplier)
    assert budget.budget_usd == D(amount) * budget.risk_pct / 100


def test_invested_money_keeps_the_account_in_its_tier_but_the_rest_is_what_is_risked():
    """$30,000 of which $4,000 is free is a large account with 1 % of $4,000 at risk, not a small one with 12 %."""
    budget = risk_budget(D(30_000), D(4_000), Strategy.DAY_TRADE, STEP)
    assert (budget.tier.name, budget.risk_pct, budget.budget_usd) == ("large", 1, 40)


def test_buying_power_above_the_equity_counts_for_the_tier_too():
    assert risk_budget(D(4_000), D(6_000), Strategy.DAY_TRADE, STEP).tier.name == "medium"


def test_an_account_without_buying_power_may_risk_nothing():
    assert risk_budget(D(3_000), D(0), Strategy.DAY_TRADE, STEP).budget_usd == 0
    assert risk_budget(D(3_000), D(-100), Strategy.DAY_TRADE, STEP).budget_usd == 0


@pytest.mark.parametrize("params", [STEP, SMOOTH])
def test_the_budget_has_no_more_decimals_than_a_message_keeps(params: SizerParams):
    budget = risk_budget(D("12345.678901"), D("12345.678901"), Strategy.SWING, params)
    assert budget.budget_usd == round(budget.budget_usd, 6)
    assert budget.risk_pct == round(budget.risk_pct, 6)
    assert D(0) <= D("12345.678901") * budget.risk_pct / 100 - budget.budget_usd < D("0.000001")


@pytest.mark.parametrize(
    ("amount", "risk_pct"),
    [("0", 25), ("999", 25), ("1000", 25), ("5000", 12), ("25000", 5), ("100000", 1), ("1000000", 1)],
)
def test_smooth_scaling_passes_through_its_anchors_and_is_flat_outside(amount, risk_pct):
    assert base_risk_pct(D(amount), SMOOTH) == risk_pct


def test_half_way_in_the_logarithm_the_percentage_is_half_way():
    assert base_risk_pct(D(50_000), SMOOTH) == 3  # 50,000 = √(25,000 × 100,000)


def test_smooth_scaling_changes_the_percentage_alone():
    step = risk_budget(D(50_000), D(50_000), Strategy.SWING, STEP)
    smooth = risk_budget(D(50_000), D(50_000), Strategy.SWING, SMOOTH)
    assert (smooth.tier, smooth.multiplier) == (step.tier, step.multiplier)
    assert (step.risk_pct, smooth.risk_pct) == (2, 6)


def test_the_cliff_at_five_thousand_is_in_the_step_table_only():
    def day_trade(amount: str, params: SizerParams) -> Decimal:
        return risk_budget(D(amount), D(amount), Strategy.DAY_TRADE, params).budget_usd

    assert (day_trade("5000", STEP), day_trade("5001", STEP)) == (600, D("250.05"))
    assert abs(day_trade("5001", SMOOTH) - day_trade("5000", SMOOTH)) < D("0.2")


def test_no_multiplier_risks_more_than_the_whole_account():
    params = STEP.model_copy(update={"day_trade_multiplier": D(5)})
    assert risk_budget(D(1_000), D(1_000), Strategy.DAY_TRADE, params).risk_pct == 100
