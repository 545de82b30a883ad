"""What the venue saw and did, in order: the referee of duplicates and latency.

1. Every row has `seq` (from 1, without gaps), `wall_at` (the machine's UTC), `market_at` and `kind`, and `account`
   where it is one account's.
2. A row is written, to the file too, before the answer or the trade update that tells of what it says.
3. A file that has rows already is continued: its last rows are kept in memory, and the numbers go on. A row that was
   torn at its end is cut; a file of anything else is refused and left as it is.
4. Keys and secrets never reach it.
5. A number is never given twice: those the file cannot vouch for are reserved beforehand (`reserve`).
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

from kernel.domain.errors import ConfigError
from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.clock import wall_now
from simulator.venue.money_text import money_text
from simulator.venue.orders import EventKind, Order, OrderEvent
from simulator.wire_time import rfc3339

#: Rows kept for GET /sim/journal; the file has all of them.
KEPT_ROWS = 200_000

#: Numbers reserved at a time: as many may stay unused when a venue without a journal file is killed.
_BLOCK = 1000
_ROW_BEGINS = b'{"seq":'

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The row numbers that are gone: up to `used` for certain, up to `reserved` perhaps."""

    used: int
    reserved: int


NO_NUMBERS = Numbers(used=0, reserved=0)


def _nobody_reserves(_up_to: int) -> None:
    """Keep nothing: there is no state that a later venue goes on from."""


class Journal:
    """Rows in memory and, if asked, appended to a file as JSON lines."""

    def __init__(
        self,
        path: Path | None = None,
        *,
        numbers: Numbers = NO_NUMBERS,
        reserve: Callable[[int], None] = _nobody_reserves,
        wall: Callable[[], datetime] = wall_now,
    ) -> None:
        """Open `path` and go on after its last row, where that is the last there was, else after all of `numbers`.

        `reserve` keeps the highest number that may be given. Raises ConfigError on a file that is no journal.
        """
        self._rows: deque[_Row] = deque(maxlen=KEPT_ROWS)
        self._wall = wall
        self._reserve = reserve
        self._reserved = numbers.reserved
        self._file = self._continue(path) if path else None
        self.is_continued = bool(self._rows)
        in_file = self._rows[-1].seq if self._rows else -1
        self._last_seq = in_file if in_file >= numbers.used else max(numbers.used, numbers.reserved)

    @property
    def last_seq(self) -> int:
        """Return the number of the latest row."""
        return self._last_seq

    @property
    def numbers(self) -> Numbers:
        """Return the numbers that are gone."""
        return Numbers(used=self._last_seq, reserved=max(self._last_seq, self._reserved))

    def of_account(self, account: str) -> "AccountJournal":
        """Return the journal as one account writes it."""
        return AccountJournal(self, account)

    def write(
        self, kind: str, market_at: datetime, fields: Mapping[str, Any], *, account: str | None = None
    ) -> None:
        """Append a row."""
        if self._last_seq >= self._reserved:
            self._reserved = self._last_seq + _BLOCK
            self._reserve(self._reserved)
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
        self._reserved = self._last_seq
        if self._file is not None:
            self._file.close()

    def _continue(self, path: Path) -> BinaryIO:
        """Open a file at the end of its last whole row, having read the rows before."""
        file = path.open("a+b", buffering=0)
        try:
            file.truncate(self._read_rows(path))
        except BaseException:
            file.close()
            raise
        return file

    def _read_rows(self, path: Path) -> int:
        """Read the rows of a file; return where its last whole row ends."""
        end = 0
        with path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    if not self._rows or line[: len(_ROW_BEGINS)] != _ROW_BEGINS[: len(line)]:
                        raise _no_journal(path)
                    break
                row = _read(line[:-1])
                if row is None:
                    raise _no_journal(path)
                end += len(line)
                self._rows.append(row)
        return end


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


def _no_journal(path: Path) -> ConfigError:
    return ConfigError(f"the journal {path} has other content than a journal's rows; name another file")


def _read(line: bytes) -> _Row | None:
    """Return a row, or None when the line is none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if (
        not isinstance(row, dict)
        or not isinstance(row.get("seq"), int)
        or not isinstance(row.get("kind"), str)
    ):
        return None
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
