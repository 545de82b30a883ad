"""The trading account at the venue, read out of the venue's own words.

Entry points: `parse_account`, `Account`, `AccountReading`.
1. One reading for all stages: what keeps an account from buying is the same everywhere.
2. An answer without its number or its amounts raises ValueError: nothing can be decided on half an account.
3. An options level the venue does not tell is taken as enough; a flag it does not tell, as not set.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation

from kernel.domain.money import floor_to_micro

#: Flags of Alpaca's account answer that forbid opening a position.
BLOCKING_FLAGS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")
#: Buying an option needs level 2; level 1 covers calls and puts that are written against shares or cash.
_LEVEL_TO_BUY = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Amounts in USD, as the venue told them at `observed_at`; `blocked_by` names all that keeps it from buying options."""

    account_id: str
    equity_usd: Decimal
    options_buying_power_usd: Decimal
    blocked_by: tuple[str, ...] = ()
    observed_at: datetime


@dataclass(frozen=True, slots=True)
class AccountReading:
    """An account, and the venue's whole answer it was read from, as JSON bytes."""

    account: Account
    body: bytes


def parse_account(answer: Mapping[str, object], observed_at: datetime) -> Account:
    """Read the answer to GET /v2/account; raises ValueError naming the field that is missing or no figure."""
    number = answer.get("account_number")
    if not isinstance(number, str) or not number:
        msg = f"account_number is missing from the account: {number!r}"
        raise ValueError(msg)
    return Account(
        account_id=number,
        equity_usd=_usd(answer, "equity"),
        options_buying_power_usd=_usd(answer, "options_buying_power"),
        blocked_by=blocks_in(answer),
        observed_at=observed_at,
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


def blocks_in(answer: Mapping[str, object]) -> tuple[str, ...]:
    """Return all that keeps an account from buying options; raises ValueError on an options level that is none."""
    blocks = [flag for flag in BLOCKING_FLAGS if answer.get(flag) is True]
    status = answer.get("status", "ACTIVE")
    if status != "ACTIVE":
        blocks.append(f"status {status}")
    level = answer.get("options_trading_level")
    if level is not None and _whole(level, "options_trading_level") < _LEVEL_TO_BUY:
        blocks.append(f"options level {level}")
    return tuple(blocks)


def _whole(value: object, name: str) -> int:
    try:
        return int(str(value))
    except ValueError as e:
        msg = f"{name} of the account is no whole number: {value!r}"
        raise ValueError(msg) from e
