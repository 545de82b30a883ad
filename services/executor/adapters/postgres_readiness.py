"""What the listener wrote of the venue's side, read by every worker before it sends a new order.

1. A listener that died is noticed by its heartbeat: no stream, then, whatever it said last.
2. Reconciled: a pass of the present listener that began after its stream was up was clean, and not too long ago. While
   drift stands no pass is clean, and what is to be told is the drift: then a recent pass is enough.
"""

from collections.abc import Callable

from kernel.adapters.postgres import Database
from services.executor.core.readiness import READINESS_UNKNOWN, Readiness

#: A heartbeat comes every second; another worker takes over within five.
STALE_S = 4.0
#: Passes that may be missed.
_PASSES = 3


class PostgresReadiness:
    """A ReadinessBoard for one account."""

    def __init__(self, database: Database, account_id: Callable[[], str], reconcile_s: float) -> None:
        self._database = database
        self._account_id = account_id
        self._clean_s = _PASSES * reconcile_s

    async def readiness(self) -> Readiness:
        """Return what is known; `READINESS_UNKNOWN` where no listener was ever elected."""
        asked = {"account_id": self._account_id(), "stale_s": STALE_S, "clean_s": self._clean_s}
        async with self._database.transaction() as connection:
            row = await (await connection.execute(_READ, asked)).fetchone()
        if row is None:
            return READINESS_UNKNOWN
        stream_ready, reconciled, drift = row
        return Readiness(stream_ready=stream_ready, reconciled=bool(reconciled), drift=tuple(drift or ()))


_READ = """
    SELECT l.stream_ready AND l.beat_at > clock_timestamp() - make_interval(secs => %(stale_s)s),
        CASE WHEN r.drift = '{}'
            THEN r.clean_epoch = l.epoch AND r.clean_at >= l.stream_at
                AND r.clean_at > clock_timestamp() - make_interval(secs => %(clean_s)s)
            ELSE r.pass_epoch = l.epoch AND r.pass_at > clock_timestamp() - make_interval(secs => %(clean_s)s)
        END,
        r.drift
    FROM dispatch_listeners l LEFT JOIN dispatch_reconciliation r USING (account_id)
    WHERE l.account_id = %(account_id)s
"""
