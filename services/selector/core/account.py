"""The account as the selector sees it, and what one trade of it may risk."""

from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Decimal

from kernel.contracts.parts import AccountView
from kernel.domain.money import MICRO
from kernel.domain.tiers import RiskBudget


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What the venue says about the account. `blocked` names what keeps it from buying options, None when nothing does."""

    account_id: str
    equity_usd: Decimal
    options_buying_power_usd: Decimal
    blocked: str | None
    observed_at: datetime


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
