"""Account, positions and prices at Alpaca, as the gates ask for them: read, never mended."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.requests import OptionLatestQuoteRequest, StockSnapshotRequest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import VenueUnavailable
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


class AlpacaAccounts:
    """Accounts over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway

    async def account(self) -> AccountFacts | None:
        """GET the account."""
        return read_account(await _ask(self._gateway, self._gateway.trading.get, "/account"))

    async def positions(self) -> tuple[Position, ...] | None:
        """GET the positions."""
        return read_positions(await _ask(self._gateway, self._gateway.trading.get, "/positions"))


class AlpacaQuotes:
    """Quotes over the process's gateway; feeds as Alpaca names them."""

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


async def _ask(gateway: AlpacaGateway, function: Callable[..., Any], *args: Any) -> Any:
    try:
        return await gateway.call(function, *args)
    except VenueRefused as e:
        raise VenueUnavailable(str(e)) from e


async def _of_symbol(gateway: AlpacaGateway, function: Callable[..., Any], request: object) -> dict[str, Any]:
    try:
        answer = await gateway.call(function, request)
    except VenueRefused as e:
        if e.status in _UNKNOWN_STATUS:
            return {}
        raise VenueUnavailable(str(e)) from e
    return answer if isinstance(answer, dict) else {}
