"""What the venue saw and did, in order: the referee of duplicates and latency.

1. Every row has `seq` (from 1, without gaps), `wall_at` (the machine's UTC), `market_at` and `kind`, and `account`
   where it is one account's.
2. A row is written, to the file too, before the answer or the trade update that tells of what it says.
3. A file that has rows already is continued: its last rows are kept in memory, and the numbers go on.
4. Keys and secrets never reach it.
"""

from collections import deque
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.clock import wall_now
from simulator.venue.money_text import money_text
from simulator.venue.orders import EventKind, Order, OrderEvent
from simulator.wire_time import rfc3339

#: Rows kept for GET /sim/journal; the file has all of them.
KEPT_ROWS = 200_000

_KINDS = {EventKind.PENDING_NEW: "order_accepted", EventKind.ACCEPTED: "order_accepted"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows a reader asks for; None asks for all."""

    kinds: Container[str] | None = None
    client_order_id: str | None = None
    account: str | None = None

    def __contains__(self, row: object) -> bool:
        """Tell whether a row is asked for."""
        if not isinstance(row, _Row):
            return False
        return (
            (self.kinds is None or row.kind in self.kinds)
            and self.client_order_id in (None, row.client_order_id)
            and self.account in (None, row.account)
        )


EVERYTHING = Wanted()


class Journal:
    """Rows in memory and, if asked, appended to a file as JSON lines."""

    def __init__(
        self, path: Path | None = None, *, after: int = 0, wall: Callable[[], datetime] = wall_now
    ) -> None:
        """Open `path`; the first row's number is the one after the file's last, and after `after`."""
        self._rows: deque[_Row] = deque(maxlen=KEPT_ROWS)
        self._wall = wall
        self._last_seq = after
        self._file = self._continue(path) if path else None

    @property
    def last_seq(self) -> int:
        """Return the number of the latest row."""
        return self._last_seq

    def of_account(self, account: str) -> "AccountJournal":
        """Return the journal as one account writes it."""
        return AccountJournal(self, account)

    def write(
        self, kind: str, market_at: datetime, fields: Mapping[str, Any], *, account: str | None = None
    ) -> None:
        """Append a row."""
        self._last_seq += 1
        head = {
            "seq": self._last_seq,
            "wall_at": rfc3339(self._wall()),
            "market_at": rfc3339(market_at),
            "kind": kind,
            **({"account": account} if account else {}),
        }
        text = orjson.dumps({**head, **fields})
        self._rows.append(_Row(self._last_seq, kind, fields.get("client_order_id"), account, text))
        if self._file is not None:
            self._file.write(text + b"\n")

    def after(self, seq: int, limit: int, wanted: Wanted = EVERYTHING) -> bytes:
        """Return up to `limit` kept rows later than `seq` as a JSON array."""
        first = self._rows[0].seq if self._rows else 1
        later = islice(self._rows, max(0, seq - first + 1), None)
        rows = islice((row.text for row in later if wanted is EVERYTHING or row in wanted), limit)
        return b"[" + b",".join(rows) + b"]"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _continue(self, path: Path) -> BinaryIO:
        """Open a file at the end of its last whole row, having read the rows before."""
        file = path.open("a+b", buffering=0)
        file.seek(0)
        end = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                self._rows.append(_read(line[:-1]))
        file.truncate(end)
        if self._rows:
            self._last_seq = max(self._last_seq, self._rows[-1].seq)
        return file


class AccountJournal:
    """The journal as one account writes it."""

    def __init__(self, journal: Journal, account: str) -> None:
        self._journal = journal
        self.account = account

    def write(self, kind: str, market_at: datetime, fields: Mapping[str, Any]) -> None:
        """Append a row of this account."""
        self._journal.write(kind, market_at, fields, account=self.account)

    def after(self, seq: int, limit: int) -> bytes:
        """Return up to `limit` kept rows of this account later than `seq` as a JSON array."""
        return self._journal.after(seq, limit, Wanted(account=self.account))

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
                **({"net_usd": money_text(_net_usd(event))} if event.price is not None else {}),
                **({"legs": [_leg(leg) for leg in order.legs]} if order.legs else {}),
                **({"reason": event.reason} if event.reason else {}),
            },
        )


@dataclass(frozen=True, slots=True)
class _Row:
    seq: int
    kind: str
    client_order_id: str | None
    account: str | None
    text: bytes


def _read(line: bytes) -> _Row:
    row = orjson.loads(line)
    return _Row(row["seq"], row["kind"], row.get("client_order_id"), row.get("account"), line)


def _net_usd(event: OrderEvent) -> Decimal:
    """Return what a fill did to cash; legs are options, and their net price is what was paid."""
    order = event.order
    multiplier = order.instrument.multiplier if order.instrument else CONTRACT_MULTIPLIER
    sign = order.side.sign if order.side else 1
    return -(event.price or Decimal(0)) * (event.qty or 0) * sign * multiplier


def _leg(leg: Order) -> dict[str, Any]:
    average = leg.filled_avg_price
    return {
        "order_id": leg.id,
        "symbol": leg.symbol,
        "side": leg.side,
        "ratio_qty": leg.ratio_qty,
        "filled_qty": leg.filled_qty,
        "filled_avg_price": None if average is None else money_text(average),
    }
