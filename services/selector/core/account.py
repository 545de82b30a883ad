"""The account as the selector's messages show it."""

from decimal import ROUND_DOWN, Decimal

from kernel.contracts.parts import AccountView
from kernel.domain.account import Account
from kernel.domain.money import MICRO
from kernel.domain.tiers import RiskBudget


def account_view(account: Account, budget: RiskBudget) -> AccountView:
    """Return the figures a message carries; amounts finer than six decimals are cut, as the schemas keep six."""
    return AccountView(
        account_id=account.account_id,
        equity_usd=account.equity_usd,
        options_buying_power_usd=account.options_buying_power_usd,
        tier=budget.tier.name,
        risk_pct=_cut(budget.risk_pct),
        risk_budget_usd=_cut(budget.budget_usd),
    )


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(MICRO, rounding=ROUND_DOWN)
