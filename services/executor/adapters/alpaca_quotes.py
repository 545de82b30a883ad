"""The quotes that a walk goes by."""

from collections.abc import Mapping
from typing import Any

from alpaca.data.enums import OptionsFeed
from alpaca.data.requests import OptionLatestQuoteRequest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import VenueUnavailable
from services.executor.core.facts import Quote, read_quote


class AlpacaQuotes:
    """Quotes over the process's gateway; `feed` as Alpaca names it: `indicative` or `opra`."""

    def __init__(self, gateway: AlpacaGateway, feed: str) -> None:
        self._gateway = gateway
        self._feed = OptionsFeed(feed)

    async def nbbo(self, occ_symbol: str) -> Quote | None:
        """GET the latest quote."""
        request = OptionLatestQuoteRequest(symbol_or_symbols=occ_symbol, feed=self._feed)
        try:
            answer: Any = await self._gateway.call(self._gateway.options.get_option_latest_quote, request)
        except VenueRefused as e:
            raise VenueUnavailable(str(e)) from e
        return read_quote(answer.get(occ_symbol)) if isinstance(answer, Mapping) else None
