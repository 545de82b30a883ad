"""The venue's state on disk: a SQLite file that a restart, or a crash, finds as it was at the last answer.

1. What an answer or a trade update tells of is in the file before it is told.
2. One change is one transaction: the file never has an order without its hold, or a fill without its cash.
3. One venue has the file at a time, and a file belongs to one market and seed.
4. Rows are JSON by the dataclasses' own types; faults are not kept.
"""

import sqlite3
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from kernel.domain.errors import ConfigError
from simulator.journal import Numbers
from simulator.venue.account import Account
from simulator.venue.activities import Activity
from simulator.venue.daybook import EquityMark
from simulator.venue.memory import AccountFacts, AccountMemory
from simulator.venue.orders import Order
from simulator.venue.positions import Position

_FORMAT = "1"
_ORDER, _ACTIVITY, _POSITION = TypeAdapter(Order), TypeAdapter[Activity](Activity), TypeAdapter(Position)
_MARK, _FACTS = TypeAdapter(EquityMark), TypeAdapter(AccountFacts)

#: `holder` is the APCA key id an account belongs to, "" for the one that all others share.
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (holder TEXT PRIMARY KEY, seen_to TEXT, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS orders
    (holder TEXT, id TEXT, sequence INTEGER NOT NULL, body BLOB NOT NULL, PRIMARY KEY (holder, id));
CREATE TABLE IF NOT EXISTS activities (holder TEXT, number INTEGER, body BLOB NOT NULL, PRIMARY KEY (holder, number));
CREATE TABLE IF NOT EXISTS positions (holder TEXT, symbol TEXT, body BLOB NOT NULL, PRIMARY KEY (holder, symbol));
CREATE TABLE IF NOT EXISTS marks (holder TEXT, number INTEGER, body BLOB NOT NULL, PRIMARY KEY (holder, number));
CREATE TABLE IF NOT EXISTS closes (holder TEXT, day TEXT, body BLOB NOT NULL, PRIMARY KEY (holder, day));
"""
_OF_AN_ACCOUNT = ("accounts", "orders", "activities", "positions", "marks", "closes")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMemory:
    """Where the market's time and the journal's numbers stood."""

    at: datetime
    speed: float
    numbers: Numbers


@dataclass(slots=True)
class _Written:
    """What of an account the file has already."""

    facts: bytes = b""
    activities: int = 0
    marks: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    closes: dict[date, EquityMark] = field(default_factory=dict)


class StateFile:
    """Opens or makes the file at `path` for the market named `market`. Raises ConfigError when it cannot."""

    def __init__(self, path: Path, market: str) -> None:
        self._written: dict[str, _Written] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # The venue opens it in one thread and serves in another, never in both at once.
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
        except (sqlite3.Error, OSError) as e:
            raise _unusable(path, e) from e
        try:
            for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=NORMAL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_TABLES)
            self._check(path, {"format": _FORMAT, "market": market})
        except (sqlite3.Error, ConfigError) as e:
            self._db.close()
            raise (e if isinstance(e, ConfigError) else _unusable(path, e)) from e

    def clock(self) -> ClockMemory | None:
        """Return where time stood, or None when nothing was ever kept."""
        facts = dict(self._db.execute("SELECT name, value FROM facts"))
        if "at" not in facts:
            return None
        at = datetime.fromisoformat(facts["at"])
        return ClockMemory(at=at, speed=float(facts["speed"]), numbers=_numbers(facts))

    def numbers(self) -> Numbers:
        """Return the journal's numbers that are gone."""
        return _numbers(dict(self._db.execute("SELECT name, value FROM facts")))

    def reserve_numbers(self, up_to: int) -> None:
        """Keep that the journal may have given numbers up to this one."""
        with self._transaction():
            self._put_facts({"journal_reserved": str(up_to)})

    def accounts(self) -> dict[str, AccountMemory]:
        """Return every account that was kept, by holder."""
        kept = self._db.execute("SELECT holder, seen_to, body FROM accounts").fetchall()
        return {holder: self._account(holder, seen_to, body) for holder, seen_to, body in kept}

    def keep(self, holder: str, account: Account, facts: AccountFacts, clock: ClockMemory) -> None:
        """Keep what changed of an account since the last time."""
        written = self._written.setdefault(holder, _Written())
        with self._transaction():
            self._keep_orders(holder, account)
            self._keep_lists(holder, account, written)
            self._keep_positions(holder, account, written)
            self._keep_facts(holder, account, facts, written)
            self._keep_clock(clock)
        account.ledger.book.changed.clear()

    def keep_clock(self, clock: ClockMemory) -> None:
        """Keep where time stands."""
        with self._transaction():
            self._keep_clock(clock)

    def forget(self, holder: str) -> None:
        """Let go of an account."""
        self._written.pop(holder, None)
        with self._transaction():
            for table in _OF_AN_ACCOUNT:
                self._db.execute(f"DELETE FROM {table} WHERE holder = ?", (holder,))  # noqa: S608  names of our own

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _check(self, path: Path, wanted: dict[str, str]) -> None:
        found = dict(self._db.execute("SELECT name, value FROM facts"))
        for name, value in wanted.items():
            if found.get(name, value) != value:
                msg = (
                    f"the state file {path} is of the {name} {found[name]!r}, not {value!r};"
                    " delete it or name another"
                )
                raise ConfigError(msg)
        self._put_facts(wanted)

    def _account(self, holder: str, seen_to: str | None, body: bytes) -> AccountMemory:
        memory = AccountMemory(
            facts=_FACTS.validate_json(body),
            orders=tuple(self._read(_ORDER, "orders", holder, "sequence")),
            activities=tuple(self._read(_ACTIVITY, "activities", holder, "number")),
            positions=tuple(self._read(_POSITION, "positions", holder, "rowid")),
            marks=tuple(self._read(_MARK, "marks", holder, "number")),
            closes={date.fromisoformat(day): mark for day, mark in self._closes(holder)},
            seen_to=None if seen_to is None else datetime.fromisoformat(seen_to),
        )
        self._written[holder] = _Written(
            facts=body,
            activities=len(memory.activities),
            marks=len(memory.marks),
            positions={held.symbol: held for held in memory.positions},
            closes=dict(memory.closes),
        )
        return memory

    def _read(self, adapter: TypeAdapter[Any], table: str, holder: str, order: str) -> list[Any]:
        rows = self._db.execute(f"SELECT body FROM {table} WHERE holder = ? ORDER BY {order}", (holder,))  # noqa: S608
        return [adapter.validate_json(body) for (body,) in rows]

    def _closes(self, holder: str) -> list[tuple[str, EquityMark]]:
        rows = self._db.execute("SELECT day, body FROM closes WHERE holder = ? ORDER BY day", (holder,))
        return [(day, _MARK.validate_json(body)) for day, body in rows]

    def _keep_orders(self, holder: str, account: Account) -> None:
        changed = account.ledger.book.changed
        rows = [(holder, o.id, o.sequence, _ORDER.dump_json(o)) for o in changed.values()]
        self._db.executemany("INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?)", rows)

    def _keep_lists(self, holder: str, account: Account, written: _Written) -> None:
        activities, marks = account.activities, account.days.marks
        self._append("activities", holder, written.activities, activities, _ACTIVITY)
        self._append("marks", holder, written.marks, marks, _MARK)
        written.activities, written.marks = len(activities), len(marks)
        fresh = {
            day: mark for day, mark in account.days.closes.items() if written.closes.get(day) is not mark
        }
        rows = [(holder, day.isoformat(), _MARK.dump_json(mark)) for day, mark in fresh.items()]
        self._db.executemany("INSERT OR REPLACE INTO closes VALUES (?, ?, ?)", rows)
        written.closes |= fresh

    def _append(self, table: str, holder: str, have: int, items: Any, adapter: TypeAdapter[Any]) -> None:
        rows = [(holder, have + n, adapter.dump_json(item)) for n, item in enumerate(items[have:])]
        self._db.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608  a name of our own

    def _keep_positions(self, holder: str, account: Account, written: _Written) -> None:
        now, before = account.positions, written.positions
        gone = [(holder, symbol) for symbol in before if symbol not in now]
        fresh = {symbol: held for symbol, held in now.items() if before.get(symbol) is not held}
        self._db.executemany("DELETE FROM positions WHERE holder = ? AND symbol = ?", gone)
        rows = [(holder, symbol, _POSITION.dump_json(held)) for symbol, held in fresh.items()]
        self._db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", rows)
        if gone or fresh:
            written.positions = dict(now)

    def _keep_facts(self, holder: str, account: Account, facts: AccountFacts, written: _Written) -> None:
        body, seen_to = _FACTS.dump_json(facts), account.days.seen_to
        row = (holder, None if seen_to is None else seen_to.isoformat(), body)
        self._db.execute("INSERT OR REPLACE INTO accounts VALUES (?, ?, ?)", row)
        written.facts = body

    def _keep_clock(self, clock: ClockMemory) -> None:
        self._put_facts(
            {
                "at": clock.at.isoformat(),
                "speed": repr(clock.speed),
                "journal_seq": str(clock.numbers.used),
                "journal_reserved": str(clock.numbers.reserved),
            }
        )

    def _put_facts(self, facts: dict[str, str]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", list(facts.items()))

    def _transaction(self) -> "_Transaction":
        return _Transaction(self._db)


def _numbers(facts: dict[str, str]) -> Numbers:
    used = int(facts.get("journal_seq", 0))
    return Numbers(used=used, reserved=max(used, int(facts.get("journal_reserved", 0))))


class _Transaction:
    """BEGIN … COMMIT, or ROLLBACK when anything fails."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._db.execute("COMMIT" if kind is None else "ROLLBACK")


def _unusable(path: Path, error: Exception) -> ConfigError:
    hint = "is another venue using it?" if "locked" in str(error) else "is it a state file of this venue?"
    return ConfigError(f"the state file {path} cannot be used ({error}); {hint}")
