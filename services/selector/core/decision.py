"""From what was gathered to an answer: the account's budget, then the choice.

Entry points: `Question`, `Gathered`, `decide`. A decision is a function of the idea, what was gathered, the parameters and `now`:
the same four decide the same again, in a replay as well.
"""

from dataclasses import dataclass
from datetime import date, datetime

from kernel.contracts.messages import RejectionCode
from kernel.contracts.parts import AccountView, TradeIdea
from kernel.domain.account import Account
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Right
from kernel.domain.params import TradingParams
from kernel.domain.tiers import risk_budget
from services.selector.core.account import account_view
from services.selector.core.chain import Chain
from services.selector.core.selection import Refused, Selected, select


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the outside was asked for, and when: contracts of `right` that expire from `first` to `last`, inclusive."""

    at: datetime
    right: Right
    first: date
    last: date


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """All that a decision needs from outside, besides the time."""

    question: Question
    chain: Chain
    account: Account
    calendar: TradingCalendar


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer, and the account and moment it was taken on (None when nothing was gathered)."""

    outcome: Selected | Refused
    account: AccountView | None = None
    observed_at: datetime | None = None


def decide(idea: TradeIdea, gathered: Gathered, params: TradingParams, now: datetime) -> Decision:
    """Return the best contract for `idea` that this account can afford, or a typed no."""
    account, chain = gathered.account, gathered.chain
    budget = risk_budget(account.equity_usd, account.options_buying_power_usd, idea.strategy, params.sizer)
    outcome = _refuse_account(account) or select(
        idea,
        chain,
        budget_usd=budget.budget_usd,
        calendar=gathered.calendar,
        params=params.selector,
        now=now,
    )
    return Decision(outcome=outcome, account=account_view(account, budget), observed_at=chain.observed_at)


def _refuse_account(account: Account) -> Refused | None:
    if not account.blocked_by:
        return None
    return Refused(
        code=RejectionCode.ACCOUNT_BLOCKED,
        message=f"the account {account.account_id} may not buy options: {', '.join(account.blocked_by)}",
    )
