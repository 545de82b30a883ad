"""Option chains from Alpaca: snapshots, the underlying's price and the contracts' listing, asked for at once."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.requests import OptionChainRequest, StockSnapshotRequest
from alpaca.trading.enums import ContractType
from alpaca.trading.requests import GetOptionContractsRequest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.calendar import market_day
from kernel.domain.options import Right
from kernel.runtime.logging import get_logger
from services.selector.adapters.chain_parsing import Listed, parse_chain, parse_listing, parse_spot
from services.selector.core.chain import Chain

_log = get_logger()
#: The most the contracts endpoint gives in one page.
_PAGE_CONTRACTS = 10_000
#: Answers of a venue to a symbol it does not have; keys that are refused (401, 403) are another matter.
_UNKNOWN_STATUS = frozenset({400, 404, 422})


@dataclass(frozen=True, slots=True)
class _Window:
    """Calls or puts of an underlying that expire in a span of days, as the endpoints filter them."""

    underlying: str
    right: Right
    first: date
    last: date

    @property
    def type(self) -> ContractType:
        return ContractType(self.right.value)


class AlpacaChains:
    """OptionChains over the process's gateway. Listings are kept for the trading day: they change overnight."""

    def __init__(self, gateway: AlpacaGateway, option_feed: str, stock_feed: str) -> None:
        """Feeds as Alpaca names them: `indicative` or `opra`; `iex`, `sip` or `delayed_sip`."""
        self._gateway = gateway
        self._option_feed = OptionsFeed(option_feed)
        self._stock_feed = DataFeed(stock_feed)
        self._listings: dict[_Window, Mapping[str, Listed]] = {}
        self._listings_of: date | None = None

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        """Return the chain as it stands; see `ports.OptionChains`."""
        window = _Window(underlying, right, first, last)
        try:
            snapshots, spot, listing = await asyncio.gather(
                self._snapshots(window), self._spot(underlying), self._listing(window)
            )
        except VenueRefused as e:
            if e.status not in _UNKNOWN_STATUS:
                raise
            _log.warning("the venue refused the chain", underlying=underlying, reason=str(e))
            snapshots, spot, listing = {}, None, {}
        return parse_chain(underlying, spot, snapshots, listing, self._gateway.clock.now())

    async def _snapshots(self, window: _Window) -> Mapping[str, Any]:
        request = OptionChainRequest(
            underlying_symbol=window.underlying,
            feed=self._option_feed,
            type=window.type,
            expiration_date_gte=window.first,
            expiration_date_lte=window.last,
        )
        answer: Any = await self._gateway.call(self._gateway.options.get_option_chain, request)
        return answer or {}

    async def _spot(self, underlying: str) -> Decimal | None:
        request = StockSnapshotRequest(symbol_or_symbols=underlying, feed=self._stock_feed)
        answer: Any = await self._gateway.call(self._gateway.stocks.get_stock_snapshot, request)
        return parse_spot((answer or {}).get(underlying))

    async def _listing(self, window: _Window) -> Mapping[str, Listed]:
        today = market_day(self._gateway.clock.now())
        if self._listings_of != today:
            self._listings.clear()
            self._listings_of = today
        if window not in self._listings:
            listing = parse_listing(await self._contracts(window))
            if not listing:  # perhaps not there yet: ask again next time
                return listing
            self._listings[window] = listing
        return self._listings[window]

    async def _contracts(self, window: _Window) -> list[Any]:
        rows: list[Any] = []
        token: str | None = None
        while True:
            # Without dates the endpoint answers for this week alone.
            request = GetOptionContractsRequest(
                underlying_symbols=[window.underlying],
                type=window.type,
                expiration_date_gte=window.first,
                expiration_date_lte=window.last,
                limit=_PAGE_CONTRACTS,
                page_token=token,
            )
            page: Any = await self._gateway.call(self._gateway.trading.get_option_contracts, request)
            rows += page.get("option_contracts") or []
            token = page.get("next_page_token")
            if not token:
                return rows
