"""Account, positions and prices at Alpaca, as the gates ask for them: read, never mended.

They are part of sending an order, so they take their requests with its urgency, and a burst of tickets shares the two
answers about the account: each is given one that was asked for after it came.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.requests import OptionLatestQuoteRequest, StockSnapshotRequest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import OverBudget, VenueUnavailable
from kernel.domain.rate_limit import Urgency
from services.executor.core.facts import (
    AccountFacts,
    Position,
    Quote,
    read_account,
    read_positions,
    read_price,
    read_quote,
)

#: Answers of a venue to a symbol it does not have; keys that are refused (401, 403) are another matter.
_UNKNOWN_STATUS = frozenset({400, 404, 422})
#: How often a request queues up for its budget, a couple of seconds each time.
_TURNS = 5


class AlpacaAccounts:
    """Accounts over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._account = Shared(lambda: _ask(gateway, gateway.trading.get, "/account"))
        self._positions = Shared(lambda: _ask(gateway, gateway.trading.get, "/positions"))

    async def account(self) -> AccountFacts | None:
        """GET the account."""
        return read_account(await self._account.answer())

    async def positions(self) -> tuple[Position, ...] | None:
        """GET the positions."""
        return read_positions(await self._positions.answer())


class AlpacaPrices:
    """Prices over the process's gateway; feeds as Alpaca names them."""

    def __init__(self, gateway: AlpacaGateway, option_feed: str, stock_feed: str) -> None:
        self._gateway = gateway
        self._option_feed = OptionsFeed(option_feed)
        self._stock_feed = DataFeed(stock_feed)

    async def option(self, occ_symbol: str) -> Quote | None:
        """GET the latest quote of a contract."""
        request = OptionLatestQuoteRequest(symbol_or_symbols=occ_symbol, feed=self._option_feed)
        answer = await _of_symbol(self._gateway, self._gateway.options.get_option_latest_quote, request)
        return read_quote(answer.get(occ_symbol))

    async def price_usd(self, underlying: str) -> Decimal | None:
        """GET the snapshot of a share."""
        request = StockSnapshotRequest(symbol_or_symbols=underlying, feed=self._stock_feed)
        answer = await _of_symbol(self._gateway, self._gateway.stocks.get_stock_snapshot, request)
        return read_price(answer.get(underlying))


class Shared:
    """One request at a time, whose answer is for all who asked before it was sent; who asks later waits for the next."""

    def __init__(self, ask: Callable[[], Awaitable[Any]]) -> None:
        self._ask = ask
        self._sent: asyncio.Future[Any] | None = None
        self._next: asyncio.Future[Any] | None = None

    async def answer(self) -> Any:
        """Return an answer to a request sent from now on; raises what the request raises."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._send_after(self._sent))
            self._next.add_done_callback(_seen)
        return await asyncio.shield(self._next)

    async def _send_after(self, sent: asyncio.Future[Any] | None) -> Any:
        if sent is not None:
            await asyncio.wait([sent])
        self._sent, self._next = self._next, None
        return await self._ask()


def _seen(answer: asyncio.Future[Any]) -> None:
    """Take note of a failure that nobody waits for any more."""
    if not answer.cancelled():
        answer.exception()


async def _ask(gateway: AlpacaGateway, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return await _admitted(gateway, function, *args)
    except VenueRefused as e:
        raise VenueUnavailable(str(e)) from e


async def _admitted(gateway: AlpacaGateway, function: Callable[..., Any], *args: Any) -> Any:
    """Ask until the budget lets the request pass: to give up would waste those that were let pass beside it."""
    for _ in range(_TURNS - 1):
        with suppress(OverBudget):
            return await gateway.call(function, *args, urgency=Urgency.ENTRY)
    return await gateway.call(function, *args, urgency=Urgency.ENTRY)


async def _of_symbol(gateway: AlpacaGateway, function: Callable[..., Any], request: object) -> dict[str, Any]:
    try:
        answer = await _admitted(gateway, function, request)
    except VenueRefused as e:
        if e.status in _UNKNOWN_STATUS:
            return {}
        raise VenueUnavailable(str(e)) from e
    return answer if isinstance(answer, dict) else {}
