"""What the venue saw and did, in order: the referee of duplicates and latency.

1. Every row has `seq` (from 1, without gaps), `wall_at` (the machine's UTC), `market_at` and `kind`.
2. What happened to an order is written before the answer that tells of it; a request when it has been answered.
3. Keys and secrets never reach it.
"""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from simulator.clock import wall_now
from simulator.venue.money_text import money_text
from simulator.venue.orders import EventKind, OrderEvent
from simulator.wire_time import rfc3339

#: Rows kept for GET /sim/journal; the file has all of them.
KEPT_ROWS = 200_000

_KINDS = {EventKind.PENDING_NEW: "order_accepted", EventKind.ACCEPTED: "order_accepted"}


class Journal:
    """Rows in memory and, if asked, appended to a file as JSON lines."""

    def __init__(self, path: Path | None = None, *, wall: Callable[[], datetime] = wall_now) -> None:
        self._wall = wall
        self._rows: deque[tuple[int, bytes]] = deque(maxlen=KEPT_ROWS)
        self._seq = 0
        self._file = path.open("ab", buffering=0) if path else None

    def write(self, kind: str, market_at: datetime, fields: Mapping[str, Any]) -> None:
        """Append a row."""
        self._seq += 1
        head = {
            "seq": self._seq,
            "wall_at": rfc3339(self._wall()),
            "market_at": rfc3339(market_at),
            "kind": kind,
        }
        row = orjson.dumps({**head, **fields})
        self._rows.append((self._seq, row))
        if self._file is not None:
            self._file.write(row + b"\n")

    def write_event(self, event: OrderEvent, fill_model: str) -> None:
        """Append a step of an order's life."""
        order = event.order
        price = event.price if event.price is not None else order.limit_price
        self.write(
            _KINDS.get(event.kind, event.kind.value),
            event.at,
            {
                "order_id": order.id,
                "client_order_id": order.client_order_id,
                "symbol": order.symbol,
                "side": order.side,
                "qty": event.qty if event.qty is not None else order.qty,
                "price": None if price is None else money_text(price),
                "fill_model": fill_model,
                **({"reason": event.reason} if event.reason else {}),
            },
        )

    def after(self, seq: int, limit: int) -> bytes:
        """Return up to `limit` kept rows later than `seq` as a JSON array."""
        first = self._rows[0][0] if self._rows else 1
        start = max(0, seq - first + 1)
        rows = (row for _, row in islice(self._rows, start, start + limit))
        return b"[" + b",".join(rows) + b"]"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
