"""The invariants of services.sizer.core.arithmetic, whatever the account, the premium and the money in flight."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.messages import RejectionCode
from kernel.contracts.parts import BoundBy
from kernel.domain.account import Account
from kernel.domain.money import floor_to_contracts
from kernel.domain.options import Strategy
from kernel.domain.params import SizerParams
from kernel.domain.tiers import base_risk_pct, get_account_tier, risk_budget
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import NOW, a_leg, a_selection, an_idea
from services.sizer.core.sizing import Refused, Sized, size

D = Decimal
NOTHING = D(0)
STEP = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer
SMOOTH = STEP.model_copy(update={"risk_scaling": "smooth"})

usd = st.decimals(min_value=0, max_value=500_000, places=2)
scalings = st.sampled_from([STEP, SMOOTH])
strategies = st.sampled_from(Strategy)
quotes = st.tuples(
    st.decimals(min_value="0.01", max_value=60, places=2), st.decimals(min_value=0, max_value=5, places=2)
).map(lambda bid_and_spread: (bid_and_spread[0], sum(bid_and_spread)))
sub_penny_quotes = st.tuples(
    st.decimals(min_value="0.0001", max_value=60, places=4), st.decimals(min_value=0, max_value=5, places=4)
).map(lambda bid_and_spread: (bid_and_spread[0], sum(bid_and_spread)))

#: Whatever can come together; `decide` takes it as keyword arguments.
cases = st.fixed_dictionaries(
    {
        "buying_power": usd,
        "equity": usd,
        "quote": quotes,
        "in_flight": st.just(NOTHING) | st.decimals(min_value=0, max_value=2_000, places=2) | usd,
        "strategy": strategies,
        "params": scalings,
    }
)


def decide(
    buying_power: Decimal,
    quote: tuple[Decimal, Decimal],
    *,
    equity: Decimal | None = None,
    in_flight: Decimal = NOTHING,
    strategy: Strategy = Strategy.DAY_TRADE,
    params: SizerParams = STEP,
) -> Sized | Refused:
    bid, ask = quote
    selection = a_selection(
        idea=an_idea(strategy=strategy), mid=(bid + ask) / 2, legs=(a_leg(bid=bid, ask=ask),)
    )
    account = Account(
        account_id="A",
        equity_usd=buying_power if equity is None else equity,
        options_buying_power_usd=buying_power,
        observed_at=NOW,
    )
    return size(selection, account, in_flight, params, NOW)


def contracts(decision: Sized | Refused) -> int:
    return decision.sizing.contracts if isinstance(decision, Sized) else 0


@given(cases)
def test_a_size_never_exceeds_the_cap_the_buying_power_left_or_the_budget(case):
    decision = decide(**case)
    if isinstance(decision, Refused):
        return
    sizing, buying_power, equity = decision.sizing, case["buying_power"], case["equity"]
    # As if the venue held the money in flight: its figure lower, the account as large as before.
    held = buying_power - case["in_flight"]
    budget = risk_budget(max(equity, buying_power), held, case["strategy"], case["params"])
    assert 1 <= sizing.contracts <= get_account_tier(max(equity, buying_power), case["params"]).max_contracts
    assert sizing.reserved_usd <= buying_power - case["in_flight"]
    assert sizing.budget == budget
    assert sizing.total_risk_usd <= budget.budget_usd <= held


@given(cases)
def test_one_contract_more_would_break_exactly_what_the_size_is_bound_by(case):
    decision = decide(**case)
    if isinstance(decision, Refused):
        return
    sizing = decision.sizing
    more = sizing.contracts + 1
    broken = {
        BoundBy.RISK_BUDGET: more * sizing.max_loss_per_contract_usd > sizing.budget.budget_usd,
        BoundBy.MAX_CONTRACTS: more > sizing.budget.tier.max_contracts,
        BoundBy.BUYING_POWER: more * sizing.cost_per_contract_usd > sizing.available_usd,
    }
    assert broken[sizing.bound_by]
    earlier = list(broken)[: list(broken).index(sizing.bound_by)]
    assert not any(broken[name] for name in earlier), "a tie is named by the order of the table"


@given(cases)
def test_a_refusal_for_want_of_money_carries_arithmetic_that_gives_zero_again(case):
    decision = decide(**case)
    if isinstance(decision, Sized):
        return
    f = {name: D(text) for name, text in decision.figures.items() if name != "tier"}
    assert f["available_usd"] == f["options_buying_power_usd"] - f["in_flight_usd"]
    by_budget = floor_to_contracts(f["risk_budget_usd"], f["max_loss_per_contract_usd"])
    by_buying_power = floor_to_contracts(f["available_usd"], f["cost_per_contract_usd"])
    assert min(by_budget, by_buying_power, f["max_contracts"]) == 0 == f["contracts"]
    too_small = (
        RejectionCode.RISK_BUDGET_TOO_SMALL if by_budget == 0 else RejectionCode.BUYING_POWER_TOO_SMALL
    )
    assert decision.code is too_small


@pytest.mark.parametrize(
    ("low", "high"), [("0", "2000"), ("2000.01", "5000"), ("5000.01", "25000"), ("25000.01", "500000")]
)
@given(st.data())
def test_inside_a_tier_a_larger_account_never_buys_fewer(low, high, data):
    amounts = st.decimals(min_value=low, max_value=high, places=2)
    smaller, larger = sorted((data.draw(amounts), data.draw(amounts)))
    quote, strategy = data.draw(quotes), data.draw(strategies)
    assert contracts(decide(smaller, quote, strategy=strategy)) <= contracts(
        decide(larger, quote, strategy=strategy)
    )


@given(st.lists(st.decimals(min_value=1, max_value=52_000, places=2), min_size=2, max_size=2), strategies)
def test_smooth_budgets_grow_with_the_account_up_to_52000_dollars_inside_a_multiplier(amounts, strategy):
    """Beyond, the percentage falls faster than the account grows (see the sizer's README)."""
    smaller, larger = (risk_budget(a, a, strategy, SMOOTH) for a in sorted(amounts))
    if smaller.multiplier == larger.multiplier:
        # The percentage is rounded to four decimals, which may cost a large account a few cents.
        assert smaller.budget_usd <= larger.budget_usd + D("0.06")


@given(usd, quotes, strategies, usd, usd)
def test_more_in_flight_never_buys_more(buying_power, quote, strategy, one, other):
    less, more = sorted((one, other))
    assert contracts(decide(buying_power, quote, in_flight=more, strategy=strategy)) <= contracts(
        decide(buying_power, quote, in_flight=less, strategy=strategy)
    )


@given(quotes)
def test_the_ceiling_is_at_most_the_ask_and_the_collar_rounded_to_the_tick_and_holds_the_limit(quote):
    decision = decide(D(10**9), quote)
    if isinstance(decision, Refused):
        return
    prices, mid = decision.sizing.prices, decision.sizing.mid
    collar = mid * (1 + STEP.price_collar_pct / 100)
    assert prices.limit <= prices.ceiling <= quote[1]
    assert prices.ceiling <= max(collar, prices.limit)
    assert abs(prices.limit - mid) <= STEP.tick_usd / 2


@given(sub_penny_quotes)
def test_quotes_finer_than_a_tick_never_lead_to_a_price_above_the_ask(quote):
    decision = decide(D(10**9), quote)
    if isinstance(decision, Refused):
        assert quote[1] < STEP.tick_usd
        return
    prices = decision.sizing.prices
    assert STEP.tick_usd <= prices.limit <= prices.ceiling <= quote[1]
    assert abs(prices.limit - decision.sizing.mid) < STEP.tick_usd


@given(st.decimals(min_value="0.01", max_value=1_000_000, places=2), st.decimals("-1", "1", places=2))
def test_smooth_scaling_has_no_cliff_anywhere(amount, step_usd):
    neighbour = max(D("0.01"), amount + step_usd)
    # Steepest where the line per ln(amount) is steepest: 13 points over ln 5, at $1,000: 0.0081 points a dollar.
    assert abs(base_risk_pct(neighbour, SMOOTH) - base_risk_pct(amount, SMOOTH)) <= D("0.0082") + D("0.0001")


@given(st.lists(st.decimals(min_value=1, max_value=10**6, places=2), min_size=2, max_size=6).map(sorted))
def test_smooth_scaling_only_falls_as_the_account_grows_and_stays_within_its_anchors(amounts):
    percentages = [base_risk_pct(a, SMOOTH) for a in amounts]
    assert all(larger <= smaller for smaller, larger in pairwise(percentages))
    assert all(1 <= pct <= 25 for pct in percentages)


@pytest.mark.parametrize("anchor", STEP.smooth_anchors)
def test_smooth_scaling_meets_its_anchors_from_both_sides(anchor):
    for cents in (D("-0.01"), D(0), D("0.01")):
        assert abs(base_risk_pct(anchor.amount_usd + cents, SMOOTH) - anchor.risk_pct) <= D("0.0002")
