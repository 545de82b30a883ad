"""Whose account this is, and what time it is there: asked before anything else."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, keys_checked
from kernel.domain.clock import Clock
from kernel.domain.errors import InvariantBroken, VenueUnavailable


class AlpacaAccount:
    """The account's number and the venue's time; `connect` comes first."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._number: str | None = None

    def number(self) -> str:
        """Return the account number; raises InvariantBroken before `connect`."""
        if self._number is None:
            msg = "the account was used before the venue was asked which one it is"
            raise InvariantBroken(msg)
        return self._number

    async def connect(self) -> None:
        """Take over the venue's time and learn the account; raises VenueUnavailable, or ConfigError on refused keys."""
        await self._gateway.connect()
        with keys_checked():
            answer: Any = await self._gateway.call(self._gateway.trading.get_account)
        try:
            self._number = str(answer["account_number"])
        except (KeyError, TypeError) as e:
            msg = f"the venue's account is unusable: {type(e).__name__}: {e}"
            raise VenueUnavailable(msg) from e


def skew_s(venue: Clock, machine: Clock) -> Callable[[], float]:
    """Return a function that tells how many seconds the machine's clock is ahead of the venue's."""

    def ahead_s() -> float:
        now: datetime = machine.now()
        return (now - venue.now()).total_seconds()

    return ahead_s
