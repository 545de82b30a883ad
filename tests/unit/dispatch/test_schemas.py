"""`dispatch schemas announced`: what a log is written with, as this release sees it."""

import json
from typing import Any

import pytest

from dispatch import cli
from dispatch.commands import schemas
from kernel.contracts.schema_store import load_store, schema_fingerprint
from tests.fakes.revisions import changed, exported, own_store, with_field, with_symbol


def _set_type(schema: dict[str, Any]) -> None:
    schema["fields"][-1] = {"name": "external_id", "type": "long"}


LATER = changed("signal", with_field("note", ["null", "string"], default=None))
UNREADABLE = changed("signal", _set_type)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was announced; the test fills it."""
    entries: dict[str, Any] = {}

    async def read(*_: object) -> dict[str, Any]:
        return entries

    class Connection:
        kafka = prefix = ""

    monkeypatch.setattr(schemas, "_read", read)
    monkeypatch.setattr(schemas, "connect", Connection)
    monkeypatch.setattr(schemas, "load_store", own_store)
    return entries


def announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *options: str) -> str:
    monkeypatch.setattr("sys.argv", ["dispatch", "schemas", "announced", *options])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    return capsys.readouterr().out


def test_each_schema_is_shown_with_what_this_release_makes_of_it(
    log: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log |= exported("rejection", load_store().history_raw["rejection"][1])
    log |= exported("signal", LATER)
    log |= exported("signal", UNREADABLE)
    rows = {row["fingerprint"]: row for row in json.loads(announced(monkeypatch, capsys, "--json"))}
    first = schema_fingerprint(load_store().history_raw["rejection"][1]).hex()
    assert (rows[first]["message"], rows[first]["here"]) == ("rejection", "version 1")
    assert rows[schema_fingerprint(LATER).hex()]["here"] == "of another release, readable here"
    told = rows[schema_fingerprint(UNREADABLE).hex()]["here"]
    assert told.startswith("of no use: this release cannot read it: external_id: ")


def test_a_line_is_a_schema(
    log: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    later = changed("ticket", with_symbol("BoundBy", "later"))
    log |= exported("ticket", later)
    line = f"ticket       {schema_fingerprint(later).hex()}  of another release, readable here\n"
    assert announced(monkeypatch, capsys) == line
