"""The account at Alpaca, read anew for every decision."""

import json
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, keys_checked
from kernel.domain.errors import InvariantBroken, VenueUnavailable
from services.sizer.core.account import parse_account
from services.sizer.core.facts import AccountReading


class AlpacaAccount:
    """An AccountSource over the process's gateway; `connect` comes first."""

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
        """Take over the venue's time and learn whose account this is; raises ConfigError if the keys are refused."""
        await self._gateway.connect()
        with keys_checked():
            self._account_id = (await self._ask()).account.account_id

    async def read(self) -> AccountReading:
        """Ask for the account as it stands; raises VenueUnavailable."""
        reading = await self._ask()
        if reading.account.account_id != self.account_id:
            msg = f"the venue answered for account {reading.account.account_id} instead of {self.account_id}"
            raise InvariantBroken(msg)
        return reading

    async def _ask(self) -> AccountReading:
        answer: Any = await self._gateway.call(self._gateway.trading.get_account)
        observed_at = self._gateway.clock.now()
        try:
            account = parse_account(answer)
        except (ValueError, AttributeError) as e:  # AttributeError: an answer that is no JSON object
            # Nothing can be sized on half an account, and it may be whole again a moment later.
            msg = f"the venue's account answer is unusable: {e}"
            raise VenueUnavailable(msg) from e
        return AccountReading(account, json.dumps(answer).encode(), observed_at)
