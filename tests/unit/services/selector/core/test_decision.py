from decimal import Decimal

import pytest

from kernel.contracts.messages import RejectionCode
from kernel.domain.account import Account
from kernel.domain.options import Strategy
from kernel.testing.builders import NOW, an_idea
from services.selector.core.decision import Decision, Gathered, decide
from services.selector.core.selection import Refused, Selected
from tests.fakes.chains import Row, a_calendar, a_chain, a_question, an_account_at_the_venue
from tests.fakes.params import PARAMS


def decided(*rows: Row, account: Account | None = None, strategy: Strategy = Strategy.DAY_TRADE) -> Decision:
    gathered = Gathered(
        question=a_question(),
        chain=a_chain(*rows),
        account=account or an_account_at_the_venue(),
        calendar=a_calendar(),
    )
    return decide(an_idea(strategy=strategy), gathered, PARAMS, NOW)


@pytest.mark.parametrize(
    ("equity", "strategy", "tier", "budget"),
    [
        ("1000", Strategy.DAY_TRADE, "tiny", "250"),
        ("5000", Strategy.DAY_TRADE, "small", "600"),
        ("20000", Strategy.SWING, "medium", "1250"),
        ("100000", Strategy.SWING, "large", "2000"),
    ],
)
def test_the_budget_is_the_accounts_tier_times_the_strategy(
    equity: str, strategy: Strategy, tier: str, budget: str
) -> None:
    view = decided(Row(), account=an_account_at_the_venue(equity), strategy=strategy).account
    assert view is not None
    assert (view.tier, view.risk_budget_usd) == (tier, Decimal(budget))


def test_two_accounts_may_buy_different_contracts_of_one_chain() -> None:
    dear, cheap = (
        Row(strike="520", bid="7.00", ask="7.02"),
        Row(strike="535", bid="2.49", ask="2.51", delta=0.3),
    )
    symbols = []
    for equity in ("5000", "100000"):
        outcome = decided(dear, cheap, account=an_account_at_the_venue(equity)).outcome
        assert isinstance(outcome, Selected)
        symbols.append(outcome.contract.occ_symbol)
    assert symbols == [cheap.symbol, dear.symbol]


def test_deployed_capital_leaves_the_tier_and_shrinks_the_budget() -> None:
    view = decided(Row(), account=an_account_at_the_venue("100000", "4000")).account
    assert view is not None
    assert (view.tier, view.risk_pct, view.risk_budget_usd) == ("large", Decimal(1), Decimal(40))


def test_an_account_without_buying_power_can_afford_nothing() -> None:
    outcome = decided(Row(), account=an_account_at_the_venue("100000", "-5")).outcome
    assert isinstance(outcome, Refused)
    assert outcome.rejects == {"TOO_EXPENSIVE": 1}


def test_a_blocked_account_buys_nothing() -> None:
    decision = decided(Row(), account=an_account_at_the_venue(blocked_by=("trading_blocked",)))
    assert isinstance(decision.outcome, Refused)
    assert decision.outcome.code is RejectionCode.ACCOUNT_BLOCKED
    assert "trading_blocked" in decision.outcome.message
    assert decision.account is not None


def test_figures_finer_than_the_schema_keeps_are_cut() -> None:
    view = decided(Row(), account=an_account_at_the_venue("0.000003")).account
    assert view is not None
    assert view.risk_budget_usd == 0
