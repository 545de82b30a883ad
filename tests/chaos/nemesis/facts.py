"""What there is to see after a run: the log, the ledger, and what the venue says. Read without any go-between."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import psycopg

from dispatch.lag import consumer_lags
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS, CONSUMED_TOPICS, CONTROL
from kernel.domain.errors import UndecodableMessage
from kernel.stream.reader import LogReader
from tests.chaos.nemesis.arena import PREFIX, Arena

_FILLS = ("fill", "partial_fill")


@dataclass(frozen=True, slots=True)
class Written:
    """A message as the log has it; `written_at` is its writer's wall clock."""

    topic: str
    message: Message
    written_at: datetime


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the ledger, which may have had several attempts at the venue."""

    order_id: str
    ticket_id: str
    signal_id: str
    occ_symbol: str
    status: str
    contracts: int
    filled: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request of an order."""

    client_order_id: str
    order_id: str
    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tables of the executor. `differences`: what the last comparison with the venue could not explain."""

    orders: Sequence[Order]
    attempts: Sequence[Attempt]
    unpublished: int
    switch: Sequence[tuple[str, str, str]]
    positions: dict[str, int]
    differences: Sequence[str]


@dataclass(frozen=True, slots=True)
class Venue:
    """The journal's orders and fills by client order id, and the account's positions."""

    accepted: Counter[str]
    filled: Counter[str]
    positions: dict[str, int]
    open_orders: frozenset[str]


@dataclass(frozen=True, slots=True)
class Facts:
    """All of it."""

    log: Sequence[Written]
    dead: dict[str, list[bytes]]
    lags: dict[str, int]
    ledger: Ledger
    venue: Venue


async def read_log(arena: Arena) -> tuple[list[Written], dict[str, list[bytes]]]:
    """Return every message, and the bytes of every dead letter by the topic it came from."""
    codec = Codec()
    topics = {topic.full_name(PREFIX): topic for topic in ALL_TOPICS if topic.name != "evidence"}
    graves = {topic.dead_name(PREFIX): topic.full_name(PREFIX) for topic in CONSUMED_TOPICS}
    written: list[Written] = []
    dead: dict[str, list[bytes]] = {}
    async with LogReader(arena.bootstrap, [*topics, *graves]) as reader:
        async for record in reader.to_the_end():
            if record.topic in graves:
                dead.setdefault(graves[record.topic], []).append(record.value or b"")
            elif topics[record.topic] is not CONTROL:
                try:
                    message = codec.decode(topics[record.topic], record.value or b"")
                except UndecodableMessage:
                    continue  # the poison; its dead letter is looked for
                written.append(Written(topics[record.topic].name, message, record.written_at))
    return written, dead


def read_lags(arena: Arena) -> dict[str, int]:
    """Return what each stage has yet to acknowledge. Asks in a loop of its own."""
    return consumer_lags(arena.bootstrap, PREFIX)


def what_waits(arena: Arena) -> str:
    """Return in words what is obviously under way yet, or nothing. Cheap: an audit reads everything there is."""
    behind = {stage: lag for stage, lag in read_lags(arena).items() if lag}
    with psycopg.connect(arena.database_url, connect_timeout=5) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM dispatch_outbox WHERE published_at IS NULL),"
            " (SELECT count(*) FROM dispatch_orders WHERE status IN ('NEW', 'SENDING', 'UNKNOWN'))"
        ).fetchone()
    assert row is not None
    counts = {"messages unpublished": row[0], "orders in doubt": row[1]}
    return ", ".join(f"{n} {what}" for what, n in (behind | counts).items() if n)


def read_ledger(database_url: str) -> Ledger:
    """Return the executor's tables."""
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        orders = connection.execute(
            "SELECT o.client_order_id, o.ticket_id, o.signal_id, e.occ_symbol, o.status, o.contracts, o.filled_contracts"
            " FROM dispatch_orders o JOIN dispatch_executions e"
            " ON e.client_order_id = o.client_order_id AND e.sequence = 1"
        ).fetchall()
        attempts = connection.execute(
            "SELECT client_order_id, order_id, number, status FROM dispatch_attempts"
        ).fetchall()
        waiting = connection.execute(
            "SELECT count(*) FROM dispatch_outbox WHERE published_at IS NULL"
        ).fetchone()
        switch = connection.execute("SELECT scope, state, reason FROM dispatch_control").fetchall()
        positions = connection.execute(
            "SELECT symbol, quantity FROM dispatch_positions WHERE quantity <> 0"
        ).fetchall()
        compared = connection.execute(
            "SELECT s FROM dispatch_reconciliation r, jsonb_array_elements(r.suspects) AS s"
            " UNION ALL SELECT to_jsonb('no comparison since the last step of an order'::text) WHERE NOT EXISTS"
            " (SELECT FROM dispatch_reconciliation"
            "  WHERE pass_at > (SELECT max(simulated_ts) FROM dispatch_executions))"
        ).fetchall()
    assert waiting is not None
    return Ledger(
        [Order(*row) for row in orders],
        [Attempt(*row) for row in attempts],
        waiting[0],
        [(str(a), str(b), str(c)) for a, b, c in switch],
        {symbol: int(quantity) for symbol, quantity in positions},
        [str(each) for (each,) in compared],
    )


async def read_venue(arena: Arena) -> Venue:
    """Return what the venue's journal and its account say."""
    accepted: Counter[str] = Counter()
    filled: Counter[str] = Counter()
    for line in arena.journal.read_text("utf-8").splitlines():
        row = _row(line)
        if row.get("kind") in ("order_accepted", "replaced_by"):
            accepted[row["client_order_id"]] += 1
        elif row.get("kind") in _FILLS:
            filled[row["client_order_id"]] += int(row["qty"])
    headers = {"APCA-API-KEY-ID": "demo", "APCA-API-SECRET-KEY": "demo"}
    async with httpx.AsyncClient(base_url=arena.venue_url, headers=headers, timeout=30) as venue:
        held = (await venue.get("/v2/positions")).raise_for_status().json()
        orders = (
            (await venue.get("/v2/orders", params={"status": "open", "limit": 500})).raise_for_status().json()
        )
    return Venue(
        accepted,
        filled,
        {row["symbol"]: int(row["qty"]) for row in held},
        frozenset(row["client_order_id"] for row in orders),
    )


def _row(line: str) -> dict[str, Any]:
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:  # a kill in the middle of a line; the venue writes it anew when it is back
        return {}
    return row
