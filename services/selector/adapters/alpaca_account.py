"""The account at Alpaca, asked for anew for every decision."""

from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import VenueUnavailable
from kernel.domain.money import MICRO
from services.selector.core.account import Account

#: Buying an option needs level 2; level 1 covers calls and puts that are written against shares or cash.
_LEVEL_TO_BUY = 2
_FLAGS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


class AlpacaAccounts:
    """Accounts over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway

    async def account(self) -> Account:
        """Return the account as it stands; an answer without its figures raises VenueUnavailable."""
        answer: Any = await self._gateway.call(self._gateway.trading.get_account)
        try:
            return Account(
                account_id=str(answer["account_number"]),
                equity_usd=_usd(answer["equity"]),
                options_buying_power_usd=_usd(answer["options_buying_power"]),
                blocked=_blocked(answer),
                observed_at=self._gateway.clock.now(),
            )
        except (KeyError, TypeError, ValueError, InvalidOperation) as e:
            # Nothing can be chosen for half an account, and it may be whole again a moment later.
            msg = f"the venue's account answer is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e


def _usd(value: Any) -> Decimal:
    amount = Decimal(str(value))
    if not amount.is_finite():
        msg = f"an amount of the account was {value!r}"
        raise ValueError(msg)
    return amount.quantize(MICRO, rounding=ROUND_DOWN)


def _blocked(answer: Any) -> str | None:
    """Return what keeps the account from buying options, or None. A level the venue does not tell is taken as enough."""
    flags = [flag for flag in _FLAGS if answer.get(flag) is True]
    if flags:
        return flags[0]
    status = str(answer.get("status", "ACTIVE"))
    if status != "ACTIVE":
        return f"status {status}"
    level = answer.get("options_trading_level")
    return None if level is None or int(level) >= _LEVEL_TO_BUY else f"options level {level}"
