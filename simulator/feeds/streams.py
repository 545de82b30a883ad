"""Every client of the data streams, and the pump that tells them what the market does.

1. One account has one connection per endpoint.
2. What is told follows the venue's clock at any speed: while it stands, nothing is. After a jump nothing is told of
   the time that was left out.
3. A client hears what it subscribed to and nothing from before that.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from simulator.clock import SimClock
from simulator.feeds.changes import Interest, interest_in, option_changes, stock_bars, stock_changes
from simulator.feeds.outbox import Outbox
from simulator.feeds.rules import DataRules, Endpoint, StreamError
from simulator.feeds.session import DataSession, error_frame
from simulator.feeds.wire import Codec, MarketMessage, encode, frame_of
from simulator.market_view import ChainPicture, MarketView, market_second
from simulator.markets.market import StockSnapshot

#: How often the market is looked at, real seconds.
POLL_S = 0.05
_log = logging.getLogger(__name__)
_SECOND = timedelta(seconds=1)
#: Real seconds of market time that a poll catches up on; what lies further back was jumped over.
_CATCH_UP_S = 5.0
#: Steps of one second that a poll looks at; at a greater speed it takes one step over all.
_STEPS_MAX = 120
#: Messages in one frame.
_FRAME_MAX = 1000


class DataClient:
    """One connection: its conversation and what waits to be sent to it."""

    def __init__(
        self, session: DataSession, codec: Codec, rules: DataRules, is_muted: Callable[[str], bool]
    ) -> None:
        self.session = session
        self.codec = codec
        self._is_muted = is_muted
        self.outbox = Outbox(rules.queue_max, encode(error_frame(StreamError.SLOW_CLIENT), codec))

    def say(self, frame: list[dict[str, object]]) -> None:
        """Queue an answer."""
        self.outbox.put(encode(frame, self.codec))

    def tell(self, messages: list[MarketMessage]) -> None:
        """Queue those of `messages` it listens to, unless it is muted: then it is answered, but told nothing."""
        if self.session.key is None or self._is_muted(self.session.key):
            return
        wanted = [message for message in messages if self._listens_to(message)]
        for begin in range(0, len(wanted), _FRAME_MAX):
            self.outbox.put(frame_of(wanted[begin : begin + _FRAME_MAX], self.codec))

    def _listens_to(self, message: MarketMessage) -> bool:
        symbols = self.session.symbols(message.channel)
        return message.symbol in symbols or "*" in symbols


class DataStreams:
    """The clients and the market they hear of."""

    def __init__(
        self,
        clock: SimClock,
        view: MarketView,
        rules: DataRules,
        *,
        admits: Callable[[str, str], bool] = lambda _key, _secret: True,
        holder_of: Callable[[str], str] = lambda key: key,
    ) -> None:
        """`admits` tells whether a key id and a secret belong together, `holder_of` whose account a key id means."""
        self.rules = rules
        self._admits = admits
        self._holder_of = holder_of
        self._clock = clock
        self._view = view
        self._clients: list[DataClient] = []
        self._told_until: datetime | None = None
        self._chains: dict[str, ChainPicture] = {}
        self._stocks: dict[str, StockSnapshot | None] = {}

    def join(
        self, endpoint: Endpoint, codec: Codec, is_muted: Callable[[str], bool] = lambda _key: False
    ) -> DataClient:
        """Return a new client's place; `is_muted` tells of its key id whether it is told nothing for now."""
        session = DataSession(endpoint, self.rules, lambda key: self._is_free(endpoint, key), self._admits)
        client = DataClient(session, codec, self.rules, is_muted)
        self._clients.append(client)
        return client

    def leave(self, client: DataClient) -> None:
        """Free a client's place."""
        self._clients.remove(client)

    async def run(self) -> None:
        """Poll for ever; what fails is logged, and the market goes on."""
        while True:
            try:
                self.poll()
            except Exception:  # noqa: BLE001  a client's stream must not end because one picture could not be had
                _log.exception("the data streams missed a moment")
            await asyncio.sleep(POLL_S)

    def poll(self) -> None:
        """Tell what happened since the last poll."""
        until, since = market_second(self._clock.now()), self._told_until
        if not any(client.session.is_authenticated for client in self._clients):
            self._forget()
            return
        self._told_until = until
        if since is None or not self._follows(since, until):
            self._forget()
            self._told_until = until
            since = until
        self._tell(since, until)

    def _is_free(self, endpoint: Endpoint, key: str) -> bool:
        holder = self._holder_of(key)
        return not any(
            c.session.key is not None
            and self._holder_of(c.session.key) == holder
            and c.session.endpoint == endpoint
            for c in self._clients
        )

    def _follows(self, since: datetime, until: datetime) -> bool:
        reach = timedelta(seconds=max(_CATCH_UP_S * self._clock.speed, _CATCH_UP_S))
        return timedelta(0) <= until - since <= reach

    def _forget(self) -> None:
        self._told_until = None
        self._chains.clear()
        self._stocks.clear()

    def _tell(self, since: datetime, until: datetime) -> None:
        for is_options in (True, False):
            clients = [c for c in self._clients if c.session.endpoint.is_options is is_options]
            told = list(
                self._options(clients, until) if is_options else self._stocks_told(clients, since, until)
            )
            if told:
                for client in clients:
                    client.tell(told)

    def _options(self, clients: list[DataClient], until: datetime) -> Iterator[MarketMessage]:
        quotes, trades = _interest(clients, "quotes"), _interest(clients, "trades")
        underlyings = {self._view.underlying_of(symbol) for symbol in quotes.symbols | trades.symbols}
        if trades.everything:
            underlyings |= set(self._view.market.underlyings())
        for underlying in sorted(filter(None, underlyings)):
            after = self._view.chain(underlying, until)
            before = self._chains.get(underlying)
            self._chains[underlying] = after
            if before is not None and before is not after:
                yield from option_changes(self._view.market, before, after, quotes, trades)

    def _stocks_told(
        self, clients: list[DataClient], since: datetime, until: datetime
    ) -> Iterator[MarketMessage]:
        quotes, trades = _interest(clients, "quotes"), _interest(clients, "trades")
        bars, days = _interest(clients, "bars"), _interest(clients, "dailyBars")
        for symbol in self._view.market.underlyings():
            if symbol in quotes or symbol in trades:
                yield from self._moments(symbol, since, until, quotes, trades)
            if symbol in bars or symbol in days:
                yield from stock_bars(self._view.market, symbol, since, until, bars=bars, days=days)

    def _moments(
        self, symbol: str, since: datetime, until: datetime, quotes: Interest, trades: Interest
    ) -> Iterator[MarketMessage]:
        if symbol not in self._stocks:
            self._stocks[symbol] = self._view.market.stock(symbol, until)
            return
        seconds = int((until - since) / _SECOND)
        step = _SECOND if seconds <= _STEPS_MAX else until - since
        at = since
        while at < until:
            at += step
            before, after = self._stocks[symbol], self._view.market.stock(symbol, at)
            self._stocks[symbol] = after
            if after is not None:
                yield from stock_changes(before, after, quotes, trades)


def _interest(clients: list[DataClient], channel: str) -> Interest:
    return interest_in(client.session.symbols(channel) for client in clients)
