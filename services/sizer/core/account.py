"""The account as the sizer needs it, read out of the venue's raw answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from kernel.domain.money import floor_to_micro

#: Flags of Alpaca's account answer that forbid opening a position.
BLOCKING_FLAGS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Amounts in USD, as the venue tells them; `blocked_by` names the flags that are set."""

    account_id: str
    equity_usd: Decimal
    options_buying_power_usd: Decimal
    blocked_by: tuple[str, ...] = ()


def parse_account(answer: Mapping[str, object]) -> Account:
    """Read the answer to GET /v2/account; raises ValueError naming the field that is missing or no amount."""
    number = answer.get("account_number")
    if not isinstance(number, str) or not number:
        msg = f"account_number is missing from the account: {number!r}"
        raise ValueError(msg)
    return Account(
        account_id=number,
        equity_usd=_usd(answer, "equity"),
        options_buying_power_usd=_usd(answer, "options_buying_power"),
        blocked_by=tuple(flag for flag in BLOCKING_FLAGS if answer.get(flag) is True),
    )


def _usd(answer: Mapping[str, object], name: str) -> Decimal:
    """Return an amount, rounded down to what a message can carry (a position's value may have more decimals)."""
    try:
        amount = Decimal(str(answer.get(name)))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        msg = f"{name} of the account is no amount: {answer.get(name)!r}"
        raise ValueError(msg)
    return floor_to_micro(amount)
