"""Gathers what the gates see from outside, all at once.

1. What is not known of the venue's side may be known soon: readiness is waited for, up to the patience of the
   parameters, but only for a ticket that no gate on the facts from outside stops. Gates on the book, the switch among
   them, are asked after it.
2. What cannot be fetched because the venue is away raises VenueUnavailable, and the shell tries again; a ticket that
   has expired meanwhile needs none of it.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal

from kernel.contracts.messages import Ticket
from kernel.domain.calendar import market_day
from kernel.domain.clock import Clock
from kernel.domain.errors import VenueUnavailable
from kernel.domain.params import TradingParams
from services.executor.core.facts import AccountFacts, Fact, Facts, Position, Quote
from services.executor.core.gates import Limits, answerable, check, is_expired
from services.executor.core.gates.gate import root_of
from services.executor.core.readiness import Readiness
from services.executor.ports import Accounts, Pause, Prices, ReadinessBoard, Sessions

#: How often readiness is asked for while it is waited for.
POLL_S = 0.25
_BEFORE_READINESS = answerable(set(Fact) - {Fact.READINESS, Fact.BOOK})
_Outside = tuple[AccountFacts | None, tuple[Position, ...] | None, Quote | None, Decimal | None]


class Gathering:
    """The facts for a ticket. `clock_skew_s` is None where the venue runs a time of its own."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        prices: Prices,
        sessions: Sessions,
        readiness: ReadinessBoard,
        clock: Clock,
        clock_skew_s: Callable[[], float] | None,
        venue_url: Callable[[], str],
        pause: Pause,
        params: TradingParams,
    ) -> None:
        self._accounts = accounts
        self._prices = prices
        self._sessions = sessions
        self._readiness = readiness
        self._clock = clock
        self._clock_skew_s = clock_skew_s
        self._venue_url = venue_url
        self._pause = pause
        self._limits = Limits.of(params)
        self._polls = round(params.executor.readiness_patience_s / POLL_S)

    async def facts(self, ticket: Ticket) -> Facts:
        """Return all facts but the book; raises VenueUnavailable and DatabaseUnavailable."""
        facts = await self._gather(ticket)
        if _is_ready(facts.readiness) or check(ticket, facts, self._limits, _BEFORE_READINESS) is not None:
            return facts
        for _ in range(self._polls):
            await self._pause(POLL_S)
            if _is_ready(await self._readiness.readiness()):
                break
        return await self._gather(ticket)

    async def _gather(self, ticket: Ticket) -> Facts:
        calendar = await self._sessions.around(market_day(self._clock.now()))
        readiness = await self._readiness.readiness()
        account, positions, quote, price_usd = await self._ask_venue(ticket)
        return Facts(
            now=self._clock.now(),
            calendar=calendar,
            clock_skew_s=None if self._clock_skew_s is None else self._clock_skew_s(),
            venue_url=self._venue_url(),
            account=account,
            positions=positions,
            quote=quote,
            price_usd=price_usd,
            readiness=readiness,
        )

    async def _ask_venue(self, ticket: Ticket) -> _Outside:
        symbol = ticket.legs[0].occ_symbol
        try:
            return await asyncio.gather(
                self._accounts.account(),
                self._accounts.positions(),
                self._prices.option(symbol),
                self._prices.price_usd(_share_of(symbol, ticket.idea.underlying)),
            )
        except VenueUnavailable:
            if not is_expired(ticket, self._clock.now()):
                raise
            return None, None, None, None


def _is_ready(readiness: Readiness | None) -> bool:
    return readiness is not None and readiness.stream_ready and readiness.reconciled and not readiness.drift


def _share_of(occ_symbol: str, underlying: str) -> str:
    """Return the share an option is on: roots are written without the dot of BRK.B."""
    root = root_of(occ_symbol)
    return underlying if root is None or root == underlying.replace(".", "") else root
