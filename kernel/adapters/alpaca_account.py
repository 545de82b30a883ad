"""The account behind the process's keys, asked for anew whenever it is read."""

import json
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, keys_checked
from kernel.domain.account import Account, AccountReading, parse_account
from kernel.domain.errors import InvariantBroken, VenueUnavailable


class AlpacaAccount:
    """The account over the process's gateway. `connect` learns whose it is; from then on no other is taken for it."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._account_id: str | None = None

    @property
    def account_id(self) -> str:
        """The account number; raises InvariantBroken before `connect`."""
        if self._account_id is None:
            msg = "the account was used before the venue was asked which one it is"
            raise InvariantBroken(msg)
        return self._account_id

    async def connect(self) -> None:
        """Take over the venue's time and learn whose account this is.

        Raises VenueUnavailable, or ConfigError if the keys are refused.
        """
        await self._gateway.connect()
        with keys_checked():
            self._account_id = (await self.account()).account_id

    async def account(self) -> Account:
        """Return the account as it stands; raises VenueUnavailable."""
        return (await self.read()).account

    async def read(self) -> AccountReading:
        """Return the account as it stands with the answer it was read from; raises VenueUnavailable."""
        answer: Any = await self._gateway.call(self._gateway.trading.get_account)
        try:
            account = parse_account(answer, self._gateway.clock.now())
        except (ValueError, AttributeError) as e:  # AttributeError: an answer that is no JSON object
            # Nothing can be decided on half an account, and it may be whole again a moment later.
            msg = f"the venue's account answer is unusable: {e}"
            raise VenueUnavailable(msg) from e
        if self._account_id not in (None, account.account_id):
            msg = f"the venue answered for account {account.account_id} instead of {self._account_id}"
            raise InvariantBroken(msg)
        return AccountReading(account, json.dumps(answer).encode())
