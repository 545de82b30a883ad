"""The executor's own process with failpoints around its seams; production code knows nothing of them.

Run as `python -m tests.chaos.matrix.executor_under_test`; EXECUTOR_FAILPOINTS names the folder of the plan,
EXECUTOR_SLOW_ROAD the address at which a request is only passed on late.
Until the test lets go, the listener hears no trade update: else it could finish an order that is to be held.
"""

import asyncio
import os
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
import urllib3.connection

import kernel.adapters.postgres
import kernel.stream.worker
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.adapters.postgres import Database
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution
from kernel.contracts.topics import TICKETS
from kernel.stream.handling import Handler
from kernel.stream.process import run
from kernel.stream.producer import KafkaPublisher
from services.executor.adapters.alpaca_broker import AlpacaBroker
from services.executor.adapters.alpaca_stream import AlpacaTradeUpdates
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.adapters.postgres_outbox import OutboxRelay
from services.executor.app import build
from services.executor.core.orders import client_order_id_of
from services.executor.settings import ExecutorSettings
from services.executor.stage import ExecutorStage
from tests.chaos.matrix.cells import Boundary
from tests.chaos.matrix.failpoints import Act, Failpoints, Folder

#: The shortest a broker allows: how long a killed worker's partitions wait for another.
_SESSION_TIMEOUT_S = 6.0
#: How long a paused worker's locks are left to it; production is more patient.
_TRANSACTION_TIMEOUT_MS = 8_000
_order: ContextVar[str | None] = ContextVar("order", default=None)
_before_commit: ContextVar[Boundary | None] = ContextVar("before_commit", default=None)
_wire = threading.local()


def plant(points: Failpoints) -> None:
    """Put the failpoints around the seams."""
    AlpacaCalendars.around = _asked_each_time(AlpacaCalendars.around)  # type: ignore[method-assign]
    kernel.stream.worker._SESSION_TIMEOUT_S = _SESSION_TIMEOUT_S
    kernel.adapters.postgres._TRANSACTION_TIMEOUT_MS = _TRANSACTION_TIMEOUT_MS
    _around_the_record(points)
    _around_the_ticket(points)
    _around_commits(points)
    _around_the_request(points)
    _around_the_wire(points)
    _around_publishing(points)
    _around_updates(points)


def _asked_each_time(around: Callable[..., Any]) -> Callable[..., Any]:
    """Let every ticket ask the venue, not only the day's first."""

    @wraps(around)
    async def asked(self: Any, day: Any) -> Any:
        self._latest = None
        return await around(self, day)

    return asked


def _around_the_record(points: Failpoints) -> None:
    handle_record, codec = Handler.handle_record, Codec()

    @wraps(handle_record)
    async def held(self: Any, record: Any) -> None:
        order = client_order_id_of(codec.decode(TICKETS, record.value).meta.id)
        await points.pass_by(Boundary.AFTER_POLL, order)
        await handle_record(self, record)
        await points.pass_by(Boundary.BEFORE_OFFSET_COMMIT, order)
        points.say_past(order)

    Handler.handle_record = held  # type: ignore[method-assign]


def _around_the_ticket(points: Failpoints) -> None:
    handle = ExecutorStage.handle

    @wraps(handle)
    async def held(self: Any, ticket: Any) -> Any:
        _order.set(client_order_id_of(ticket.meta.id))
        await points.pass_by(Boundary.INBOX, _order.get())
        return await handle(self, ticket)

    ExecutorStage.handle = held  # type: ignore[method-assign]


def _around_commits(points: Failpoints) -> None:
    """`begin` commits the intent, the others a step; only those of the stage have a ticket in their context."""
    intent = (Boundary.BEFORE_INTENT_COMMIT, Boundary.AFTER_INTENT_COMMIT)
    step = (Boundary.BEFORE_LEDGER_COMMIT, Boundary.AFTER_LEDGER_COMMIT)
    PostgresOrders.begin = _committing(points, PostgresOrders.begin, intent)  # type: ignore[method-assign]
    PostgresOrders.change = _committing(points, PostgresOrders.change, step)  # type: ignore[method-assign]
    transaction = Database.transaction

    @asynccontextmanager
    async def held(self: Any) -> AsyncIterator[Any]:
        async with transaction(self) as connection:
            yield connection
            before = _before_commit.get()
            if before is not None:
                await points.pass_by(before, _order.get())

    Database.transaction = held  # type: ignore[method-assign]


def _committing(
    points: Failpoints, method: Callable[..., Any], around: tuple[Boundary, Boundary]
) -> Callable[..., Any]:
    @wraps(method)
    async def held(*args: Any, **kwargs: Any) -> Any:
        token = _before_commit.set(around[0])
        try:
            written = await method(*args, **kwargs)
        finally:
            _before_commit.reset(token)
        await points.pass_by(around[1], _order.get())
        return written

    return held


def _around_the_request(points: Failpoints) -> None:
    submit = AlpacaBroker.submit

    @wraps(submit)
    async def held(self: Any, request: Any, *args: Any) -> Any:
        await points.pass_by(Boundary.BEFORE_POST, request.client_order_id)
        answer = await submit(self, request, *args)
        await points.pass_by(Boundary.RESPONSE_READ, request.client_order_id)
        return answer

    AlpacaBroker.submit = held  # type: ignore[method-assign]


def _around_the_wire(points: Failpoints) -> None:
    """Below everything of ours that looks at a request, and right above the socket."""
    send, getresponse = requests.adapters.HTTPAdapter.send, urllib3.connection.HTTPConnection.getresponse

    @wraps(send)
    def struck(self: Any, request: Any, **kwargs: Any) -> Any:
        _wire.order = None
        if request.method != "POST" or urlsplit(request.url).path != "/v2/orders":
            return send(self, request, **kwargs)
        _wire.order = orjson.loads(request.body)["client_order_id"]
        match points.on_the_wire(_wire.order):
            case Act.CONNECT_TIMEOUT:
                raise requests.ConnectTimeout("planted")
            case Act.CONNECT_RESET:
                raise requests.ConnectionError(ConnectionResetError("planted"))
            case Act.BLACK_HOLE:
                request.url = f"{_black_hole()}/v2/orders"
            case Act.SLOW_ROAD:
                request.url = f"{os.environ['EXECUTOR_SLOW_ROAD']}/v2/orders"
            case Act.SEND_TWICE:
                send(self, request, **kwargs).content  # noqa: B018 - read, so that its connection is free again
        return send(self, request, **kwargs)

    @wraps(getresponse)
    def held(self: Any) -> Any:
        points.pass_by_in_thread(Boundary.AFTER_POST, getattr(_wire, "order", None))
        return getresponse(self)

    requests.adapters.HTTPAdapter.send = struck  # type: ignore[method-assign]
    urllib3.connection.HTTPConnection.getresponse = held  # type: ignore[method-assign]


_listeners: list[socket.socket] = []


def _black_hole() -> str:
    """Return an address that takes a request and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    _listeners.append(listener)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _around_publishing(points: Failpoints) -> None:
    """An order's second step is its first after the request; the relay writes it with whatever else waits."""
    publish = KafkaPublisher.publish

    @wraps(publish)
    async def held(self: Any, emissions: Any) -> None:
        steps = [e.message for e in emissions if isinstance(e.message, Execution)]
        orders = sorted({step.client_order_id for step in steps if step.sequence > 1})
        await asyncio.gather(*(points.pass_by(Boundary.BEFORE_PUBLISH, order) for order in orders))
        await publish(self, emissions)
        await asyncio.gather(*(points.pass_by(Boundary.AFTER_PUBLISH, order) for order in orders))

    KafkaPublisher.publish = held  # type: ignore[method-assign]
    publish_waiting = OutboxRelay.publish_waiting

    @wraps(publish_waiting)
    async def in_one_batch(self: Any) -> int:
        await points.until_relayed()
        return await publish_waiting(self)

    OutboxRelay.publish_waiting = in_one_batch  # type: ignore[method-assign]


def _around_updates(points: Failpoints) -> None:
    listen = AlpacaTradeUpdates.listen

    @wraps(listen)
    async def deaf(self: Any, on_order: Any, on_connect: Any, *others: Any) -> None:
        on_connect()
        await points.until_let_go()
        await listen(self, on_order, on_connect, *others)

    AlpacaTradeUpdates.listen = deaf  # type: ignore[method-assign]


if __name__ == "__main__":
    plant(Failpoints(Folder(Path(os.environ["EXECUTOR_FAILPOINTS"])), os.environ["DATABASE_URL"]))
    run(lambda: build(ExecutorSettings.from_env(os.environ)))
