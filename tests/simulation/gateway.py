"""A process's side of the venue: Alpaca's clients over the model, for the project's own adapters; chains, calendars."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache, partial
from typing import Any

from alpaca.common.exceptions import APIError
from alpaca.data.requests import OptionLatestQuoteRequest, StockSnapshotRequest

from kernel.adapters.alpaca import VenueRefused
from kernel.domain.calendar import TradingCalendar
from kernel.domain.errors import VenueUnavailable
from kernel.domain.hosts import PAPER_TRADING_URL
from kernel.domain.options import Right
from kernel.domain.rate_limit import Urgency
from kernel.runtime.clock import VenueClock
from services.selector.core.chain import Chain
from tests.fakes.chains import Row, a_calendar, a_chain
from tests.simulation.link import Link, Lost
from tests.simulation.loop import OWNER, SimulatedLoop
from tests.simulation.venue import Feed, ModelVenue, VenueSaysNoError

#: Shorter than in a real process: a seed is short too.
DEADLINE_S = 4.0
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_Request = tuple[str, str, Mapping[str, Any]]


class ModelClient:
    """alpaca-py's raw client, as far as it is called: it makes a request and leaves the asking to the gateway."""

    def get(self, path: str, fields: Mapping[str, Any] | None = None) -> _Request:
        return "GET", path, fields or {}

    def post(self, path: str, fields: Mapping[str, Any]) -> _Request:
        return "POST", path, fields

    def delete(self, path: str) -> _Request:
        return "DELETE", path, {}

    def patch(self, path: str, fields: Mapping[str, Any]) -> _Request:
        return "PATCH", path, fields

    def get_account(self) -> _Request:
        return "GET", "/account", {}

    def get_stock_snapshot(self, request: StockSnapshotRequest) -> _Request:
        return "GET", "/snapshot", {"symbol": request.symbol_or_symbols}

    def get_option_latest_quote(self, request: OptionLatestQuoteRequest) -> _Request:
        return "GET", "/quotes", {"symbol": request.symbol_or_symbols}


class ModelGateway:
    """kernel.adapters.alpaca.AlpacaGateway over the model venue."""

    deadline_s = DEADLINE_S

    def __init__(
        self,
        loop: SimulatedLoop,
        link: Link,
        venue: ModelVenue,
        before_trading: Callable[[str, str, str], None] = lambda _method, _url, _body: None,
    ) -> None:
        self.clock = VenueClock(monotonic=loop.time)
        self._before_trading = before_trading
        self.trading = self.options = self.stocks = ModelClient()
        self._link = link
        self._venue = venue

    async def call(
        self,
        function: Callable[..., _Request],
        *args: Any,
        urgency: Urgency | None = Urgency.READ,
        within_s: float | None = None,
        **kwargs: Any,
    ) -> Any:
        """Ask the venue once; as AlpacaGateway.call without a budget."""
        del urgency
        request = function(*args, **kwargs)
        self._before_trading(request[0], f"{PAPER_TRADING_URL}/v2{request[1]}", json.dumps(request[2]))
        try:
            async with asyncio.timeout(within_s):
                body, venue_now = await self._link.ask(
                    lambda: (self._venue.answer(*request), self._venue.now())
                )
        except Lost as e:
            raise VenueUnavailable(str(e)) from e
        except VenueSaysNoError as e:
            if e.status in _TRANSIENT:
                raise VenueUnavailable(f"the venue answered {e.status}") from _Status(e.status)
            raise VenueRefused(e.status, e.code, e.reason) from e
        self.clock.observe(venue_now)
        return body

    async def admit(self, function: Callable[..., _Request], urgency: Urgency) -> None:
        """There is no budget to wait for."""

    async def connect(self) -> None:
        """Take over the venue's time."""
        await self.call(self.trading.get, "/clock")

    async def synchronise_clock(self) -> None:
        """Take it over again."""
        await self.connect()


class _Status(APIError):
    def __init__(self, status: int) -> None:
        super().__init__("{}")  # type: ignore[no-untyped-call]
        self._status = status

    @property
    def status_code(self) -> int:
        return self._status


class ModelChains:
    """services.selector.ports.OptionChains: a few contracts that never move. No chain for NONE, which is unknown."""

    def __init__(self, gateway: ModelGateway) -> None:
        self._gateway = gateway

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        """Return the chain, after the time an answer takes."""
        await self._gateway.connect()
        return replace(_chain(underlying), observed_at=self._gateway.clock.now())


class ModelCalendars:
    """Sessions, as every stage's port asks for them."""

    async def around(self, day: date) -> TradingCalendar:
        """Return them; a calendar is kept for the day by its adapter, so there is nothing to wait for."""
        return _calendar()


class ModelUpdates:
    """services.executor.ports.TradeUpdates: the venue lets in one connection."""

    def __init__(self, loop: SimulatedLoop, link: Link, venue: ModelVenue) -> None:
        self._loop = loop
        self._link = link
        self._venue = venue

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        """Listen for ever, connecting again after each cut."""
        while True:
            hints: asyncio.Queue[str | None] = asyncio.Queue()
            feed = Feed(OWNER.get(), hints.put_nowait)
            try:
                await self._link.ask(partial(self._connect, feed))
                on_connect()
                while (client_order_id := await hints.get()) is not None:
                    on_order(client_order_id)
            except (Lost, VenueSaysNoError):
                pass
            finally:
                on_disconnect()
                self._loop.at(0.001, self._venue.hang_up, feed)
            await asyncio.sleep(1.0)

    def _connect(self, feed: Feed) -> None:
        if self._venue.feed is not None:
            raise VenueSaysNoError(406, 40610000, "connection limit exceeded")
        self._venue.feed = feed


@cache
def _chain(underlying: str) -> Chain:
    rows = (
        Row(strike="515", bid="5.10", ask="5.20", delta=0.62),
        Row(strike="520"),
        Row(strike="525", bid="0.98", ask="1.02", delta=0.37),
    )
    chain = a_chain(*rows, spot=None if underlying == "NONE" else "520", underlying=underlying)
    symbols = tuple(f"{underlying}{symbol.removeprefix('SPY')}" for symbol in chain.symbols)
    return replace(chain, symbols=symbols)


@cache
def _calendar() -> TradingCalendar:
    return a_calendar()
