"""The switch of `kernel.domain.control` in Postgres: read, changed and announced, and the lock that orders hold it by.

1. A change, its row of history and its message in the outbox are one transaction, serialised by the switch's row.
2. An order is sent inside `held`, which reads the switch after it has taken the shared lock; so once a change is
   committed and `drained` says yes, nothing that the new state forbids is on its way or will be.
3. A holder that stands still loses its lock when the server ends its transaction. It must not send after that:
   see `Lease`.
4. No row, no trading: a switch that is missing reads as HALTED.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from psycopg.rows import class_row

from kernel.adapters.postgres import Connection, Database, transaction_limit
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Control
from kernel.contracts.origin import Origin
from kernel.contracts.topics import CONTROL
from kernel.domain.control import EVERYTHING, ControlState, Switch
from kernel.domain.errors import DatabaseUnavailable
from kernel.runtime.clock import seconds_gone_by

#: Any fixed number: the advisory lock of the switch. Orders on their way share it, `drained` takes it alone.
_LOCK = 5_319_089
#: The longest from holding the switch to the first byte of the request, where the venue's deadline is not shorter.
_LEASE_S = 5.0
_MARGIN_S = 5.0
#: Longer than the server lets any transaction of ours last.
_PATIENT_S = 60.0
Change = Callable[[Switch, datetime], Switch]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingTimes:
    """How long an order may hold the switch, seconds.

    `lease_s`: within it sending is begun, or not at all. `at_most_s`: then the server ends the transaction, whatever its
    holder does. `longest_s`: by then no order can hold it any more.
    """

    lease_s: float
    at_most_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to send one order as the switch stands; it ends before the server could take the lock away."""

    switch: Switch
    ends_at_s: float
    time_s: Callable[[], float] = seconds_gone_by

    @property
    def over(self) -> bool:
        """Whether it is too late to begin to send."""
        return self.time_s() >= self.ends_at_s


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveOrder:
    """An order of ours that has not ended, as the ledger has it."""

    client_order_id: str
    occ_symbol: str
    status: str
    opens: bool


def holding_times(venue_deadline_s: float) -> HoldingTimes:
    """Return the times that go with the venue's deadline: an order is waited for twice as long at most."""
    lease_s = min(_LEASE_S, venue_deadline_s)
    at_most_s = lease_s + 2 * venue_deadline_s + _MARGIN_S
    return HoldingTimes(lease_s=lease_s, at_most_s=at_most_s, longest_s=at_most_s + _MARGIN_S)


async def read_switch(connection: Connection, scope: str = EVERYTHING) -> Switch:
    """Return the switch as the transaction sees it; HALTED where there is none."""
    return await _read(connection, scope, "")


async def change_switch(
    connection: Connection, change: Change, origin: Origin, scope: str = EVERYTHING, *, patient: bool = False
) -> Switch:
    """Lock the switch, let `change` see it and the present, write and announce what it returns, unless it is the same.

    Returns the switch as it stands then. The outbox's relay is to be told after the commit. `patient`: outwait whoever
    stands still inside his own change, until the server ends that.
    """
    standing = await _read(connection, scope, "")
    # Without the lock: every ticket of a storm comes here, and a person must get past them all.
    if standing.version and change(standing, await _now(connection)) is standing:
        return standing
    if patient:
        await _outwait(connection, _PATIENT_S)
    await connection.execute(_MAKE, {"scope": scope})
    before = await _read(connection, scope, "FOR UPDATE")
    after = change(before, await _now(connection))
    if after is not before:
        message = announcement(after, origin)
        payload = Codec().encode(CONTROL, message)
        async with connection.pipeline():
            await connection.execute(_UPDATE, _row(after))
            await connection.execute(_HISTORY, _row(after))
            await connection.execute(
                "INSERT INTO dispatch_outbox (message_id, topic, key, payload) VALUES (%s, %s, %s, %s)",
                (message.meta.id, CONTROL.name, CONTROL.key(message), payload),
            )
    return after


@asynccontextmanager
async def held(database: Database, times: HoldingTimes) -> AsyncIterator[Lease]:
    """Yield the right to send as the switch stands; no change of it is drained before the block ends.

    Raises DatabaseUnavailable before the block only: what happened in it counts, even if the lock was lost meanwhile.
    """
    # Before the lock, so that a holder that is stopped right after it was given the lock counts from then.
    ends_at_s, over_to_us, failed = seconds_gone_by() + times.lease_s, False, False
    try:
        async with database.transaction() as connection:
            switch = await _hold(connection, times.at_most_s)
            over_to_us = True
            try:
                yield Lease(switch, ends_at_s)
            except BaseException:
                failed = True
                raise
    except DatabaseUnavailable:
        if failed or not over_to_us:
            raise


async def drained(database: Database, patience_s: float) -> bool:
    """Wait until no order is on its way that was let through before; returns whether that was so within `patience_s`."""
    try:
        async with database.transaction() as connection:
            await _outwait(connection, patience_s)
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    except DatabaseUnavailable as e:
        if isinstance(e.__cause__, psycopg.errors.LockNotAvailable):
            return False
        raise
    return True


async def live_orders(connection: Connection) -> list[LiveOrder]:
    """Return our orders that have not ended, oldest first."""
    async with connection.cursor(row_factory=class_row(LiveOrder)) as cursor:
        await cursor.execute(_LIVE_ORDERS)
        return await cursor.fetchall()


def announcement(switch: Switch, origin: Origin) -> Control:
    """Return the message that tells of a change. Its time is the database's: the venue may be away."""
    cause = f"control:{switch.scope}:{switch.version}:{switch.since.isoformat()}"
    return Control(
        meta=origin.root_meta(cause, "control", switch.since),
        scope=switch.scope,
        state=switch.state,
        reason=switch.reason,
        changed_by=switch.by,
        version=switch.version,
        cancel_orders=switch.cancel_orders,
    )


async def _outwait(connection: Connection, patience_s: float) -> None:
    """Let the transaction wait that long for a lock, whatever its other limits."""
    await connection.execute(
        "SELECT set_config('lock_timeout', %s, true), set_config('statement_timeout', '0', true),"
        " set_config(%s, '0', true)",
        (_ms(patience_s), transaction_limit(connection)),
    )


async def _hold(connection: Connection, at_most_s: float) -> Switch:
    limit = transaction_limit(connection)
    # A limit that runs already is not set anew: it is taken away first.
    tried = await connection.execute(
        "SELECT set_config(%s, '0', true), set_config(%s, %s, true), pg_try_advisory_xact_lock_shared(%s)",
        (limit, limit, _ms(at_most_s), _LOCK),
    )
    row = await tried.fetchone()
    # Another statement, for it must see what was committed until the lock was given.
    switch = await read_switch(connection)
    if (row is not None and row[2]) or switch.state is ControlState.HALTED:
        return switch
    # Somebody waits for the orders on their way: behind them, until all is in that was let through before.
    await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (_LOCK,))
    return await read_switch(connection)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f}ms"


async def _read(connection: Connection, scope: str, lock: str) -> Switch:
    cursor = await connection.execute(f"{_SELECT} {lock}".encode(), (scope,))
    row = await cursor.fetchone()
    if row is None:
        return _missing(scope)
    state, reason, by, since, version, counts_from, cancel_orders = row
    return Switch(
        scope=scope,
        state=ControlState(state),
        reason=reason,
        by=by,
        since=since,
        version=version,
        counts_from=counts_from,
        cancel_orders=cancel_orders,
    )


async def _now(connection: Connection) -> datetime:
    cursor = await connection.execute("SELECT clock_timestamp()")
    row = await cursor.fetchone()
    assert row is not None
    now: datetime = row[0]
    return now


def _missing(scope: str) -> Switch:
    epoch = datetime.fromtimestamp(0, UTC)
    return Switch(
        scope=scope,
        state=ControlState.HALTED,
        reason="the switch is missing in the database",
        by="nobody",
        since=epoch,
        version=0,
        counts_from=epoch,
    )


def _row(switch: Switch) -> dict[str, object]:
    return {
        "scope": switch.scope,
        "state": switch.state.value,
        "reason": switch.reason,
        "changed_by": switch.by,
        "since": switch.since,
        "version": switch.version,
        "counts_from": switch.counts_from,
        "cancel_orders": switch.cancel_orders,
    }


_SELECT = (
    "SELECT state, reason, changed_by, since, version, counts_from, cancel_orders"
    " FROM dispatch_control WHERE scope = %s"
)
# A row that was deleted comes back as what its absence meant.
_MAKE = """
    INSERT INTO dispatch_control (scope, state, reason, changed_by, since, version, counts_from)
    VALUES (%(scope)s, 'HALTED', 'the switch was missing in the database', 'nobody', now(), 1, now())
    ON CONFLICT DO NOTHING
"""
_UPDATE = """
    UPDATE dispatch_control
    SET state = %(state)s, reason = %(reason)s, changed_by = %(changed_by)s, since = %(since)s, version = %(version)s,
        counts_from = %(counts_from)s, cancel_orders = %(cancel_orders)s
    WHERE scope = %(scope)s
"""
_HISTORY = """
    INSERT INTO dispatch_control_history (scope, version, state, reason, changed_by, since, cancel_orders)
    VALUES (%(scope)s, %(version)s, %(state)s, %(reason)s, %(changed_by)s, %(since)s, %(cancel_orders)s)
"""
# The states of the partial index on orders that have not ended, in its own words.
_LIVE_ORDERS = """
    SELECT o.client_order_id, e.occ_symbol, o.status, e.action IN ('buy_to_open', 'sell_to_open') AS opens
    FROM dispatch_orders o
    JOIN dispatch_executions e ON e.client_order_id = o.client_order_id AND e.sequence = 1
    WHERE o.status IN ('NEW', 'SENDING', 'UNKNOWN', 'ACKNOWLEDGED', 'PARTIALLY_FILLED')
    ORDER BY o.created_at, o.client_order_id
"""
