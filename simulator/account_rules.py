"""Who has an account at the venue."""

from dataclasses import dataclass
from decimal import Decimal

#: The holder of the account that every key without one of its own shares.
SHARED = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Who gets an account and with how much, USD. `by_key`: a key without one gets its own when it is first used."""

    equity_usd: Decimal
    by_key: bool = False
    listed: tuple[tuple[str, Decimal], ...] = ()
