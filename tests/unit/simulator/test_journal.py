"""Rows in order, kept in memory and in a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from simulator import journal as journal_module
from simulator.journal import Journal

WALL = datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=UTC)
MARKET = datetime(2014, 6, 6, 16, tzinfo=UTC)


def rows(journal: Journal, after: int = 0, limit: int = 100) -> list[dict[str, object]]:
    found = json.loads(journal.after(after, limit))
    assert isinstance(found, list)
    return found


def test_a_row_tells_both_times_and_its_number() -> None:
    journal = Journal(wall=lambda: WALL)
    journal.write("request", MARKET, {"path": "/v2/clock"})
    assert rows(journal) == [
        {
            "seq": 1,
            "wall_at": "2026-11-22T09:00:00.123456Z",
            "market_at": "2014-06-06T16:00:00.000000Z",
            "kind": "request",
            "path": "/v2/clock",
        }
    ]


def test_old_rows_leave_memory_but_not_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "KEPT_ROWS", 3)
    file = tmp_path / "journal.jsonl"
    journal = Journal(file, wall=lambda: WALL)
    for _ in range(5):
        journal.write("request", MARKET, {})
    journal.close()
    assert [row["seq"] for row in rows(journal)] == [3, 4, 5]
    assert [row["seq"] for row in rows(journal, after=4)] == [5]
    assert rows(journal, after=5) == []
    assert [json.loads(line)["seq"] for line in file.read_text().splitlines()] == [1, 2, 3, 4, 5]
