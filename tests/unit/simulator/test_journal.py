"""Rows in order, kept in memory and in a file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kernel.domain.errors import ConfigError
from simulator import journal as journal_module
from simulator.journal import Journal, Numbers

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


ROW = b'{"seq":1,"wall_at":"w","market_at":"m","kind":"request"}\n'


@pytest.mark.parametrize(
    "content",
    [
        b"dear diary",
        b"dear diary\n",
        b"[1]\n",
        b'{"name": "x"}\n',
        ROW + b"dear diary",
        ROW + b"dear diary\n",
        b"\x00\xff",
    ],
)
def test_a_file_of_other_content_is_refused_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "diary.txt"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"diary\.txt has other content"):
        Journal(file)
    assert file.read_bytes() == content


@pytest.mark.parametrize("torn", [b"{", b'{"seq":2,"wall_at":"20'])
def test_a_torn_row_behind_others_is_cut(tmp_path: Path, torn: bytes) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_bytes(ROW + torn)
    Journal(file).close()
    assert file.read_bytes() == ROW


def test_a_number_is_reserved_before_it_is_given() -> None:
    told: list[int] = []
    journal = Journal(reserve=told.append)
    for _ in range(1001):
        journal.write("request", MARKET, {})
    assert told == [1000, 2000]
    killed = Journal(numbers=Numbers(used=0, reserved=2000))
    killed.write("request", MARKET, {})
    assert rows(killed)[0]["seq"] == 2001


def test_a_file_goes_on_without_gaps_unless_others_had_numbers_since(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    file.write_bytes(ROW)
    journal = Journal(file, numbers=Numbers(used=1, reserved=1000))
    journal.write("request", MARKET, {})
    journal.close()
    assert [row["seq"] for row in rows(journal)] == [1, 2]
    later = Journal(file, numbers=Numbers(used=1000, reserved=2000))
    later.write("request", MARKET, {})
    assert rows(later)[-1]["seq"] == 2001
    later.close()
