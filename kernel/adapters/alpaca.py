"""alpaca-py made safe for a service: a deadline on every call, no retries, off the event loop, its errors typed, and
each call admitted by the rate governor first.

The library retries POST on 429 and 504 by itself, sets no time-out anywhere and blocks: all three are undone here.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Self, TypeVar

import orjson
import requests
from alpaca.common.exceptions import APIError
from alpaca.common.rest import RESTClient
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from requests.adapters import HTTPAdapter

from kernel.adapters.rate_governor import RateGovernor
from kernel.domain.errors import ConfigError, TradingError, VenueUnavailable
from kernel.domain.hosts import is_loopback, is_paper_url, plain_parts
from kernel.domain.rate_limit import Budget, Told, Urgency, read_told
from kernel.runtime.clock import VENUE_CLOCK_HEADER, VenueClock
from kernel.runtime.logging import get_logger
from kernel.runtime.settings import ServiceSettings

T = TypeVar("T")
#: Method, URL and body of a request that is about to be sent.
Check = Callable[[str, str, bytes | str | None], None]
_log = get_logger()
_KEYS_REFUSED = frozenset({401, 403})
#: Between two readings the monotonic clock runs on; half a minute bounds what drift can do.
_CLOCK_REFRESH_S = 30.0
_TOO_MANY_REQUESTS = 429
#: The raw client's methods that change something at the venue.
_WRITES = frozenset({"post", "put", "patch", "delete"})
#: The venue counts minutes; so long it takes at most, where it does not say.
_COUNTS_ANEW_S = 60.0
#: The only 4xx that are no answer to the request itself.
_TRANSIENT_STATUS = frozenset({408, 425, _TOO_MANY_REQUESTS})


@dataclass(eq=False)  # not frozen: a context manager it passes through must set its traceback
class VenueRefused(TradingError):
    """The venue answered no (4xx): `status` is HTTP's, `code` Alpaca's own (None when its body had none)."""

    status: int
    code: int | None
    reason: str

    def __str__(self) -> str:
        return f"the venue refused ({self.status}, code {self.code}): {self.reason}"


def require_paper_host(url: str) -> str:
    """Return `url` if it is Alpaca's paper host or a loopback address; otherwise raise ConfigError. No switch turns this off."""
    if is_paper_url(url):
        return url.rstrip("/")
    host = plain_parts(url).hostname
    msg = f"APCA_API_BASE_URL: {host or 'this value'} is neither Alpaca's paper host nor a loopback address; this version trades on paper only"
    raise ConfigError(msg)


def _require_private_way(url: str) -> str:
    """Return `url` if the keys sent there cannot be read on the way: https, or a loopback address."""
    parts = plain_parts(url)
    host = parts.hostname or ""
    if parts.scheme == "https" or is_loopback(host):
        return url.rstrip("/")
    raise ConfigError(f"APCA_API_DATA_URL: {host or 'this value'} is neither an https nor a loopback address")


@contextmanager
def keys_checked() -> Iterator[None]:
    """Goes around a process's first calls: refused keys become ConfigError, the operator's to mend; else VenueUnavailable."""
    try:
        yield
    except VenueRefused as e:
        if e.status in _KEYS_REFUSED:
            raise ConfigError(f"APCA_API_KEY_ID, APCA_API_SECRET_KEY: not accepted ({e})") from e
        raise VenueUnavailable(str(e)) from e


class AlpacaGateway:
    """The clients of one process, sharing one VenueClock. What reads has `threads`, what changes something as many more:
    a venue that is slow to tell must not keep an order or a cancellation from going out.

    `trading`, `options` and `stocks` are alpaca-py clients that return raw decoded JSON (`raw_data=True`), because the
    parsed models drop the daily bars of option snapshots. Call them through `call`, never directly. Use as an async
    context manager, or call `close`. Raises ConfigError on a host that must not be given the keys. Without a `governor`
    it keeps to a fixed share of the account's requests.
    `before_trading(method, url, body)` is called, in the calling thread, right before a request of `trading` goes to the
    socket; what it raises keeps the request from being sent.
    """

    def __init__(
        self,
        settings: ServiceSettings,
        clock: VenueClock,
        *,
        threads: int = 8,
        before_trading: Check | None = None,
        governor: RateGovernor | None = None,
    ) -> None:
        keys = (settings.apca_api_key_id.get_secret_value(), settings.apca_api_secret_key.get_secret_value())
        base = require_paper_host(settings.apca_api_base_url)
        data = _require_private_way(settings.apca_api_data_url)
        self.clock = clock
        self.deadline_s = settings.venue_deadline_s
        self._governor = governor or RateGovernor()
        self._heard = threading.local()
        self.trading = self._prepare(
            TradingClient(*keys, paper=True, raw_data=True, url_override=base), 2 * threads, before_trading
        )
        self.options = self._prepare(
            OptionHistoricalDataClient(*keys, raw_data=True, url_override=data), threads
        )
        self.stocks = self._prepare(
            StockHistoricalDataClient(*keys, raw_data=True, url_override=data), threads
        )
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="alpaca-reads")
        self._writers = ThreadPoolExecutor(threads, thread_name_prefix="alpaca-writes")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()
        await self._governor.close()

    @property
    def trading_url(self) -> str:
        """Where the trading client really sends, whatever the settings say."""
        return str(self.trading._base_url)  # noqa: SLF001 - alpaca-py tells it nowhere else

    async def call(
        self,
        function: Callable[..., T],
        *args: Any,
        urgency: Urgency | None = Urgency.READ,
        within_s: float | None = None,
        **kwargs: Any,
    ) -> T:
        """Run one client call in a thread, once the account's request budget admits it; `urgency` None: `admit` has.

        Raises VenueUnavailable (may be repeated if it only reads; as OverBudget nothing was sent), VenueRefused, or
        TimeoutError when there was no answer `within_s` after it was admitted.
        """
        budget = self._budget_of(function)
        if urgency is not None:
            await self._governor.admit(budget, urgency)
        heard: list[Told] = []
        work = partial(self._hearing, heard, partial(function, *args, **kwargs))
        threads = self._writers if getattr(function, "__name__", "") in _WRITES else self._readers
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.get_running_loop().run_in_executor(threads, work)
        except APIError as e:
            raise _typed(e) from e
        except (requests.RequestException, ValueError) as e:  # ValueError: a body that is no JSON
            msg = f"the venue did not answer: {type(e).__name__}"
            raise VenueUnavailable(msg) from e
        finally:
            for told in heard:
                self._governor.observe(budget, told)

    async def admit(self, function: Callable[..., object], urgency: Urgency) -> None:
        """Wait for the request budget of a call that follows; raises OverBudget: nothing was sent."""
        await self._governor.admit(self._budget_of(function), urgency)

    async def connect(self) -> None:
        """Take over the venue's time; raises VenueUnavailable, or ConfigError when it refuses our keys."""
        with keys_checked():
            await self.synchronise_clock()

    async def follow_clock(self) -> None:
        """Read the venue's time again and again, for ever: a task of every process that acts on it."""
        while True:
            await asyncio.sleep(_CLOCK_REFRESH_S)
            try:
                await self.synchronise_clock()
            except (VenueUnavailable, VenueRefused) as e:
                _log.warning("the venue's time was not refreshed", reason=str(e))

    async def synchronise_clock(self) -> datetime:
        """Ask the venue for its time and set the VenueClock; raises as `call` does."""
        answer: Any = await self.call(self.trading.get, "/clock")
        if not self._has_header:
            self.clock.observe(datetime.fromisoformat(str(answer["timestamp"])))
        return self.clock.now()

    def close(self) -> None:
        """Let the threads go; calls under way end by their own deadline."""
        for threads in (self._readers, self._writers):
            threads.shutdown(wait=False, cancel_futures=True)

    _has_header = False

    def _prepare(self, client: T, threads: int, check: Check | None = None) -> T:
        assert isinstance(client, RESTClient)
        client._retry = 0  # noqa: SLF001 - the only way to set it after construction. One attempt; a retried POST is how one decision becomes two orders
        session = client._session  # noqa: SLF001
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Transport(check, pool_maxsize=threads, max_retries=0))
        session.request = partial(session.request, timeout=(min(3.0, self.deadline_s), self.deadline_s))  # type: ignore[method-assign]
        session.hooks["response"] += [self._follow_clock, self._hear_limits, _read_fast]
        return client

    def _budget_of(self, function: Callable[..., object]) -> Budget:
        return Budget.TRADING if getattr(function, "__self__", None) is self.trading else Budget.DATA

    def _hearing(self, heard: list[Told], work: Callable[[], T]) -> T:
        """Run `work` in this thread; what its answers tell of limits goes to `heard`."""
        self._heard.limits = heard
        return work()

    def _hear_limits(self, response: requests.Response, *_args: object, **_kwargs: object) -> None:
        told = _limits_told(response.status_code, response.headers)
        if told is not None:
            self._heard.limits.append(told)

    def _follow_clock(self, response: requests.Response, *_args: object, **_kwargs: object) -> None:
        if self.clock.observe_header(response.headers.get(VENUE_CLOCK_HEADER)):
            self._has_header = True


class _Transport(HTTPAdapter):
    """The way to the socket, past a check."""

    def __init__(self, check: Check | None, *, pool_maxsize: int, max_retries: int) -> None:
        super().__init__(pool_maxsize=pool_maxsize, max_retries=max_retries)
        self._check = check

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._check is not None:
            body = request.body if isinstance(request.body, (bytes, str)) else None
            self._check(request.method or "", request.url or "", body)
        return super().send(request, *args, **kwargs)


def _limits_told(status: int, headers: Mapping[str, str]) -> Told | None:
    refused = status == _TOO_MANY_REQUESTS
    return read_told(
        headers.get("X-RateLimit-Limit"),
        headers.get("X-RateLimit-Remaining"),
        _resets_in_s(headers) if refused else 0.0,
        refused=refused,
    )


def _resets_in_s(headers: Mapping[str, str]) -> float:
    """Return the seconds until the venue counts anew, by its own clock: ours may be off."""
    try:
        return int(headers["X-RateLimit-Reset"]) - parsedate_to_datetime(headers["Date"]).timestamp()
    except (KeyError, ValueError, TypeError):
        return _COUNTS_ANEW_S


def _read_fast(response: requests.Response, *_args: object, **_kwargs: object) -> None:
    """Let `response.json()` be read by orjson: a chain is hundreds of kilobytes."""
    response.json = partial(_json, response.content)  # type: ignore[method-assign]


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Python's own takes NaN, which some servers write: a bad figure costs its contract, not the chain.
        return json.loads(body)


def _typed(error: APIError) -> VenueUnavailable | VenueRefused:
    status = error.status_code or 0
    # A go-between's own codes above 500 (520 to 529) too say that nobody knows whether the venue took the request.
    if not 400 <= status < 500 or status in _TRANSIENT_STATUS:
        return VenueUnavailable(f"the venue answered {status}")
    try:
        return VenueRefused(status, int(error.code), str(error.message))
    except (KeyError, ValueError, TypeError):  # 401 has no code; some 4xx have no JSON body
        return VenueRefused(status, None, str(error)[:200])
