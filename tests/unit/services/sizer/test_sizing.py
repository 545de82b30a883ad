from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.messages import RejectionCode
from kernel.contracts.parts import BoundBy, Side
from kernel.domain.account import Account
from kernel.domain.options import Strategy
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import NOW, a_leg, a_selection, an_idea
from services.sizer.core.sizing import Refused, Sized, size

D = Decimal
PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer


def an_account(buying_power: str, equity: str | None = None, blocked_by: tuple[str, ...] = ()) -> Account:
    return Account(
        account_id="PA0000000001",
        equity_usd=D(equity or buying_power),
        options_buying_power_usd=D(buying_power),
        blocked_by=blocked_by,
        observed_at=NOW,
    )


def decide(
    account: Account, *, strategy=Strategy.DAY_TRADE, in_flight="0", now=NOW, params=None, **selection
):
    selection = {"idea": an_idea(strategy=strategy)} | selection
    return size(a_selection(**selection), account, D(in_flight), params or PARAMS, now)


@pytest.mark.parametrize(
    ("buying_power", "strategy", "tier", "budget", "contracts"),
    [
        ("1000", Strategy.DAY_TRADE, "tiny", 250, 1),
        ("5000", Strategy.DAY_TRADE, "small", 600, 2),
        ("100000", Strategy.DAY_TRADE, "large", 1000, 4),
        ("93000", Strategy.SWING, "large", 1860, 7),
    ],
)
def test_the_four_sizes_that_must_hold_at_a_premium_of_two_and_a_half(
    buying_power, strategy, tier, budget, contracts
):
    decision = decide(an_account(buying_power), strategy=strategy)
    assert isinstance(decision, Sized)
    assert decision.budget.tier.name == tier
    assert decision.budget.budget_usd == budget
    assert decision.sizing.contracts == contracts
    assert decision.sizing.bound_by is BoundBy.RISK_BUDGET


def test_a_swing_of_93000_risks_between_one_and_two_percent():
    decision = decide(an_account("93000"), strategy=Strategy.SWING)
    assert D(1) <= decision.sizing.total_risk_usd / 93000 * 100 <= D(2)


def test_a_cheap_option_is_capped_by_the_tier():
    leg = a_leg(bid=D("0.49"), ask=D("0.51"))
    decision = decide(an_account("100000"), mid=D("0.50"), legs=(leg,))
    assert (decision.sizing.contracts, decision.sizing.bound_by) == (10, BoundBy.MAX_CONTRACTS)
    assert decision.sizing.total_risk_usd == 500


def test_money_in_flight_lowers_the_budget_as_if_the_venue_held_it_but_not_the_tier():
    decision = decide(an_account("100000"), in_flight="40000")
    at_the_venue = decide(an_account("60000", equity="100000"))
    assert decision.budget == at_the_venue.budget
    assert (decision.budget.tier.name, decision.budget.budget_usd) == ("large", 600)
    assert decision.sizing.options_buying_power_usd == 100_000
    assert (decision.sizing.contracts, decision.sizing.bound_by) == (2, BoundBy.RISK_BUDGET)


def test_the_tier_of_an_account_above_its_equity_is_not_lowered_by_money_in_flight():
    """Lowered, a ticket in flight would turn 12 % into 25 %."""
    assert decide(an_account("5000", equity="1000"), in_flight="3500").budget.tier.name == "small"


def test_two_signals_at_once_do_not_both_get_a_quarter_of_the_same_thousand():
    first = decide(an_account("1000"))
    second = decide(an_account("1000"), in_flight=str(first.sizing.reserved_usd))
    assert (first.budget.budget_usd, second.budget.budget_usd) == (250, D("187.25"))
    assert second.code is RejectionCode.RISK_BUDGET_TOO_SMALL


#: Risks all that is available, so that the buying power can be what binds.
ALL_IN = PARAMS.model_copy(
    update={"tiers": tuple(tier.model_copy(update={"risk_pct": D(100)}) for tier in PARAMS.tiers)}
)


def test_a_tie_names_the_risk_budget_before_the_cap_and_the_cap_before_the_buying_power():
    leg = a_leg(bid=D("2.00"), ask=D("2.00"))
    all_three_allow_three = decide(
        an_account("5000"), mid=D("2.00"), legs=(leg,), in_flight="4400", params=ALL_IN
    )
    assert all_three_allow_three.sizing.bounds == dict.fromkeys(BoundBy, 3)
    assert all_three_allow_three.sizing.bound_by is BoundBy.RISK_BUDGET
    leg = a_leg(bid=D("1.49"), ask=D("1.51"))
    cap_and_buying_power_allow_three = decide(
        an_account("5000"), mid=D("1.50"), legs=(leg,), in_flight="4400", params=ALL_IN
    )
    assert cap_and_buying_power_allow_three.sizing.bound_by is BoundBy.MAX_CONTRACTS


@pytest.mark.parametrize(
    ("bid", "ask", "limit", "ceiling"),
    [
        ("2.49", "2.51", "2.50", "2.51"),  # the ask is nearer than the collar
        ("2.00", "3.00", "2.50", "2.62"),  # 5 % above the mid is 2.625, floored to the tick
        ("2.50", "2.51", "2.51", "2.51"),  # a mid of 2.505 rounds up to the ask
        ("2.50", "2.50", "2.50", "2.50"),  # locked
        ("2.501", "2.509", "2.50", "2.50"),  # the ask lies between two ticks, below the rounded mid
        ("0.3049", "0.3051", "0.30", "0.30"),  # the same below a dollar
        ("0.001", "0.010", "0.01", "0.01"),  # one tick is the lowest price there is
    ],
)
def test_the_order_starts_at_the_mid_and_never_passes_the_ask_or_the_collar(bid, ask, limit, ceiling):
    leg = a_leg(bid=D(bid), ask=D(ask))
    decision = decide(an_account("100000"), mid=(D(bid) + D(ask)) / 2, legs=(leg,))
    assert (decision.sizing.prices.limit, decision.sizing.prices.ceiling) == (D(limit), D(ceiling))


def test_an_ask_below_one_tick_leaves_no_price_to_order_at():
    leg = a_leg(bid=D("0.001"), ask=D("0.003"))
    decision = decide(an_account("100000"), mid=D("0.002"), legs=(leg,))
    assert decision.code is RejectionCode.LIMIT_ABOVE_CEILING
    assert decision.figures == {"ask": "0.003", "tick_usd": "0.01"}


def test_what_is_reserved_is_the_cost_at_the_ceiling_and_what_is_risked_is_the_mid():
    sizing = decide(an_account("100000")).sizing
    assert (sizing.total_risk_usd, sizing.reserved_usd) == (1000, 1004)


def test_a_contract_that_fits_at_the_mid_but_not_at_the_ceiling_is_not_bought():
    """$250.50 are left: the mid of 2.50 would fit, walking up to the ask of 2.51 would overspend."""
    decision = decide(an_account("5000"), in_flight="4749.50", params=ALL_IN)
    assert isinstance(decision, Refused)
    assert decision.code is RejectionCode.BUYING_POWER_TOO_SMALL
    assert decision.message == (
        "one contract may cost $251, $250.50 of buying power is left ($5000 less $4749.50 in flight)"
    )
    assert isinstance(decide(an_account("5000"), in_flight="4749", params=ALL_IN), Sized)


def test_a_budget_below_one_contract_is_refused_with_the_arithmetic():
    decision = decide(an_account("900"))
    assert decision.code is RejectionCode.RISK_BUDGET_TOO_SMALL
    assert decision.message == (
        "one contract risks $250, the risk budget is $225 (25 % of $900: $900 less $0 in flight)"
    )
    assert decision.figures == {
        "tier": "tiny",
        "base_risk_pct": "25",
        "multiplier": "1",
        "risk_pct": "25",
        "risk_budget_usd": "225",
        "options_buying_power_usd": "900",
        "in_flight_usd": "0",
        "available_usd": "900",
        "mid": "2.50",
        "limit_price": "2.50",
        "price_ceiling": "2.51",
        "max_loss_per_contract_usd": "250",
        "cost_per_contract_usd": "251",
        "contracts_by_risk_budget": "0",
        "contracts_by_buying_power": "3",
        "max_contracts": "2",
        "contracts": "0",
    }


def test_where_the_money_is_in_flight_the_refusal_says_so():
    decision = decide(an_account("1000"), in_flight="800")
    assert decision.code is RejectionCode.RISK_BUDGET_TOO_SMALL
    assert decision.message == (
        "one contract risks $250, the risk budget is $50 (25 % of $200: $1000 less $800 in flight)"
    )
    assert decision.figures["in_flight_usd"] == "800"


def test_where_both_are_too_small_the_risk_budget_is_named():
    assert decide(an_account("900"), in_flight="900").code is RejectionCode.RISK_BUDGET_TOO_SMALL


def test_more_in_flight_than_the_venue_still_shows_is_a_refusal_not_a_negative_size():
    """Money in transit may be counted twice for a moment."""
    assert decide(an_account("1000"), in_flight="1500").code is RejectionCode.RISK_BUDGET_TOO_SMALL


@pytest.mark.parametrize("buying_power", ["0", "-120.50"])
def test_an_account_without_buying_power_is_refused(buying_power):
    assert decide(an_account(buying_power, "3000")).code is RejectionCode.RISK_BUDGET_TOO_SMALL


def test_a_signal_is_expired_from_its_very_expiry_on():
    expires_at = an_idea().expires_at
    last_moment = expires_at - timedelta(microseconds=1)
    assert isinstance(decide(an_account("100000"), now=last_moment), Sized)
    late = decide(an_account("100000"), now=expires_at + timedelta(seconds=2))
    assert late.code is RejectionCode.SIGNAL_EXPIRED
    assert late.figures["late_s"] == "2.000"
    assert decide(an_account("100000"), now=expires_at).code is RejectionCode.SIGNAL_EXPIRED


def test_a_blocked_account_is_refused_and_the_flags_are_named():
    decision = decide(an_account("100000", blocked_by=("trading_blocked", "account_blocked")))
    assert decision.code is RejectionCode.ACCOUNT_BLOCKED
    assert decision.figures == {"trading_blocked": "true", "account_blocked": "true"}


@pytest.mark.parametrize(
    "legs",
    [
        (a_leg(side=Side.SELL),),
        (a_leg(ratio=2),),
        (a_leg(), a_leg(side=Side.SELL, occ_symbol="SPY260605C00525000")),
    ],
)
def test_what_is_not_one_bought_option_is_refused_because_its_worst_case_is_another(legs):
    decision = decide(an_account("100000"), legs=legs)
    assert decision.code is RejectionCode.STRUCTURE_NOT_AVAILABLE
    assert decision.figures["legs"].count("SPY") == len(legs)


def test_a_ticket_lives_its_time_but_never_longer_than_its_signal():
    life = timedelta(seconds=PARAMS.ticket_ttl_s)
    early = decide(an_account("100000"))
    assert early.expires_at == NOW + life
    late_now = an_idea().expires_at - life / 2
    assert decide(an_account("100000"), now=late_now).expires_at == an_idea().expires_at
