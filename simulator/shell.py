"""What happens around every request: whose it is, at which instant it is answered, faults, header and journal.

1. Every HTTP answer carries `X-Venue-Clock`: the instant it was made for, and the clock's speed; one to a known
   account also how many requests it has left (see `rate_limit`).
2. /sim is for programs on this machine only (see `loopback`); /healthz is open; everything else needs keys, which say whose account it is about.
3. What a request did is on disk, and the request in the journal, before the first byte of the answer is sent.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from simulator.api.wire import answer
from simulator.brokerage import Brokerage, Holding
from simulator.clock import monotonic_s
from simulator.connections import reset
from simulator.desk import Desk
from simulator.faults import REQUEST_FAULTS, Fault, Faults, Strike
from simulator.loopback import may_control
from simulator.misbehaviour import CutError, Handle, misbehave
from simulator.rate_limit import TOO_MANY, Allowance, RateLimiter
from simulator.venue.identity import holder_of_token
from simulator.wire_time import rfc3339

CLOCK_HEADER = "X-Venue-Clock"
_CLOCK_PATHS = frozenset({"/v2/clock", "/v3/clock"})
_READING = frozenset({"GET", "HEAD"})

_log = logging.getLogger(__name__)


class VenueShell:
    """ASGI middleware of the whole venue. `account_app` makes the routes of an account that is not the shared one."""

    def __init__(
        self,
        app: ASGIApp,
        brokerage: Brokerage,
        account_app: Callable[[Holding], ASGIApp],
        limiter: RateLimiter,
    ) -> None:
        self._app = app
        self._limiter = limiter
        self._brokerage = brokerage
        self._account_app = account_app
        self._apps: dict[str, ASGIApp] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        path = scope["path"]
        if path == "/healthz" or path.startswith("/sim/"):
            allowed = path == "/healthz" or may_control(scope)
            exchange = _Exchange(self._brokerage, self._brokerage.faults, None)
            refusal = answer({"message": "forbidden."}, 403)
            await exchange.handle(
                self._app if allowed else refusal, scope, receive, exchange.with_clock(scope, send)
            )
            return
        await self._trade(scope, receive, send)

    async def _trade(self, scope: Scope, receive: Receive, send: Send) -> None:
        key = self._admitted(Headers(scope=scope))
        if key is None:
            exchange = _Exchange(self._brokerage, self._brokerage.faults, None)
            refusal = answer({"message": "unauthorized."}, 401)
            await exchange.handle(refusal, scope, receive, exchange.recorded(scope, send))
            return
        desk = self._brokerage.desk_of(key)
        exchange = _Exchange(self._brokerage, self._faults_of(key, desk), desk)
        exchange.allowance = allowance = self._limiter.admit(desk.account.account_id, scope["path"])
        app = self._app_of(key, desk) if allowance.is_allowed else answer(TOO_MANY, 429)
        handle = partial(exchange.handle, app)
        strike = exchange.faults.take(REQUEST_FAULTS, scope["path"], scope["method"])
        if strike is None:
            await handle(scope, receive, exchange.recorded(scope, send))
        else:
            await self._misbehave(strike, exchange, handle, scope, receive, send)

    async def _misbehave(  # noqa: PLR0917  an ASGI call, and what it is about
        self,
        strike: Strike,
        exchange: "_Exchange",
        handle: Handle,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        exchange.strike = strike
        exchange.begin(scope)
        try:
            await misbehave(strike, exchange.faults, handle, scope, receive, exchange.recorded(scope, send))
        except CutError:
            exchange.record(scope, None)
            await reset(scope, receive)

    def _app_of(self, key: str, desk: Desk) -> ASGIApp:
        if desk is self._brokerage.shared:
            return self._app
        if key not in self._apps:
            self._apps[key] = self._account_app(self._brokerage.holdings[key])
        return self._apps[key]

    def _faults_of(self, key: str, desk: Desk) -> Faults:
        """Return the faults as they strike this key, which may share its account with others."""

        def witness(fault: Fault, subject: str) -> None:
            told = {"fault": fault.kind, "subject": subject}
            desk.journal.write("fault_struck", self._brokerage.clock.now(), told)

        return self._brokerage.faults.seen_by(lambda named: named == key, witness)

    def _admitted(self, headers: Headers) -> str | None:
        """Return the key id of a request that has keys, the secret being its own; a token's bearer is known by its hash."""
        key, secret = headers.get("APCA-API-KEY-ID"), headers.get("APCA-API-SECRET-KEY")
        if key and secret:
            return key if self._brokerage.keys.admits(key, secret) else None
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        return holder_of_token(token) if scheme == "Bearer" and token else None


class _Exchange:
    """One request and its answer."""

    def __init__(self, brokerage: Brokerage, faults: Faults, desk: Desk | None) -> None:
        self.faults = faults
        self.strike: Strike | None = None
        self.allowance: Allowance | None = None
        self._brokerage = brokerage
        self._desk = desk
        self._began_s = monotonic_s()

    def begin(self, scope: Scope) -> None:
        """Answer for the present instant; whoever asks for the time gets it with its fault."""
        at, path = self._brokerage.clock.now(), scope["path"]
        scope["state"]["venue_at"] = at + self._skew(path) if path in _CLOCK_PATHS else at

    async def handle(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Let `app` answer for the present instant."""
        self.begin(scope)
        try:
            await app(scope, receive, send)
        except Exception:  # noqa: BLE001  whatever failed, the client gets an answer and the log the reason
            _log.exception("%s %s failed", scope["method"], scope["path"])
            failure = answer({"code": 50010000, "message": "internal server error occurred"}, 500)
            await failure(scope, receive, send)

    def with_clock(self, scope: Scope, send: Send) -> Send:
        """Tell the instant in the answer's header."""

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                header = f"{rfc3339(self._told_at(scope))};speed={self._brokerage.clock.speed:g}"
                allowance = self.allowance.headers_beside(message["headers"]) if self.allowance else ()
                clock = (CLOCK_HEADER.lower().encode(), header.encode())
                message["headers"] = [*message["headers"], *allowance, clock]
            await send(message)

        return tell

    def recorded(self, scope: Scope, send: Send) -> Send:
        """Keep what the request did, and the request itself, before its answer begins."""
        tell = self.with_clock(scope, send)

        async def keep_and_tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.record(scope, message["status"])
            await tell(message)

        return keep_and_tell

    def record(self, scope: Scope, status: int | None) -> None:
        """Put the account on disk and the request into the journal; a status of None is a connection that was cut."""
        if self._desk is not None and scope["method"] not in _READING:
            self._brokerage.settle_up(self._desk)
        state: dict[str, Any] = scope["state"]
        fields = {
            "method": scope["method"],
            "path": scope["path"],
            "status": status,
            "duration_ms": round((monotonic_s() - self._began_s) * 1000, 3),
        }
        if state.get("client_order_id"):
            fields["client_order_id"] = state["client_order_id"]
        if self.strike is not None:
            fields["fault"] = self.strike.kind
        at: datetime = state["venue_at"]
        account = self._desk.account.account_id if self._desk else None
        self._brokerage.journal.write("request", at, fields, account=account)

    def _told_at(self, scope: Scope) -> datetime:
        at: datetime = scope["state"]["venue_at"]
        return at if scope["path"] in _CLOCK_PATHS else at + self._skew(scope["path"])

    def _skew(self, path: str) -> timedelta:
        return self.faults.clock_skew(path)
