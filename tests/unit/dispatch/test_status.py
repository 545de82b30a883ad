"""What `dispatch status` tells where something is away, and what the books' line says of entries."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch import cli
from dispatch.reconciling import BookLine, line_of
from kernel.domain.control import ControlState, Switch
from kernel.domain.errors import DatabaseUnavailable, TransientError
from kernel.testing.builders import NOW
from services.executor.adapters.postgres_drift import Standing
from services.executor.core.readiness import READINESS_UNKNOWN, Readiness

HALTED = Switch(
    scope="*",
    state=ControlState.HALTED,
    reason="odd quotes",
    by="ada",
    since=NOW,
    version=2,
    counts_from=NOW,
)
STANDING = Standing(
    account_id="PA1",
    stream_ready=True,
    pass_at=NOW - timedelta(seconds=7),
    pass_ms=40.0,
    clean_at=NOW - timedelta(seconds=7),
    drift=[],
    unconfirmed=[],
    expected=0,
)
READY = Readiness(stream_ready=True, reconciled=True)
BOOKS = [BookLine(STANDING, READY)]
SERVERS = {"DATABASE_URL": "postgresql://somewhere/db", "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"}


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["dispatch", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing runs here; the environment names servers, as in a container."""
    for name, value in {**SERVERS, "DISPATCH_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)

    async def switch(_url: str) -> Switch:
        return HALTED

    def books(_url: str, _reconcile_s: float) -> list[BookLine]:
        return BOOKS

    def lags(_servers: str, _prefix: str) -> Mapping[str, int]:
        return {"selector": 0, "sizer": 3, "executor": 0}

    monkeypatch.setattr("dispatch.standing.standing_switch", switch)
    monkeypatch.setattr("dispatch.standing.books_here", books)
    monkeypatch.setattr("dispatch.standing.consumer_lags", lags)


def fails(error: Exception) -> Callable[..., object]:
    def fail(*_: object, **_named: object) -> object:
        raise error

    return fail


@pytest.mark.usefixtures("servers")
def test_where_the_environment_names_servers_switch_lag_and_books_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "status") == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("trading: HALTED  by ada since ")
    assert "sizer     3" in "\n".join(told)
    assert told[-1].startswith("books of PA1: agree, compared ")


@pytest.mark.usefixtures("servers")
def test_without_kafka_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dispatch.standing.consumer_lags", fails(TransientError("Kafka did not answer")))
    assert run(monkeypatch, "status") == 1
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("trading: HALTED")
    assert "lag: not known, Kafka did not answer" in told
    assert not [line for line in told if line.split() == ["stage", "lag"]], "a table of nothing"
    assert told[-1].startswith("books of PA1: agree")


@pytest.mark.usefixtures("servers")
def test_without_postgres_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dispatch.standing.standing_switch", fails(DatabaseUnavailable("Postgres is away")))
    assert run(monkeypatch, "status", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["control"] == {"trouble": "trading: not known, Postgres is away"}
    assert told["consumer_lag"] == {"selector": 0, "sizer": 3, "executor": 0}
    assert (told["phase"], told["parts"], told["books"]) == (None, [], [])


@pytest.mark.usefixtures("servers")
def test_with_a_database_alone_only_the_lag_is_not_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS")
    assert run(monkeypatch, "status") == 1
    told = capsys.readouterr().out
    assert "trading: HALTED" in told
    assert "lag: not known, no stack runs here" in told
    assert "books of PA1: agree" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["halt", "--reason", "x"], "dispatch: nothing was stopped: no stack runs here"),
        (["reduce", "--reason", "x"], "dispatch: nothing was stopped: no stack runs here"),
        (["resume", "--reason", "x"], "dispatch: nothing was resumed: no stack runs here"),
        (["status"], "dispatch: no stack runs here"),
        (["reconcile"], "dispatch: no stack runs here"),
    ],
)
def test_in_the_wrong_folder_it_says_where_it_looked_and_that_nothing_was_done(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in (*SERVERS, "DISPATCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    assert run(monkeypatch, *words) == 1
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert f"looked into {tmp_path / '.dispatch'}" in told


@pytest.mark.usefixtures("servers")
def test_a_database_that_does_not_answer_leaves_open_whether_it_was_stopped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("dispatch.commands.control.stop_trading", fails(DatabaseUnavailable("it is away")))
    assert run(monkeypatch, "halt", "--reason", "x") == 1
    assert capsys.readouterr().err == "dispatch: not known whether it was done, ask again: it is away\n"


@pytest.mark.parametrize(
    ("readiness", "word"),
    [
        (READY, "agree"),
        (READINESS_UNKNOWN, "no new order, STREAM_NOT_READY"),
        (replace(READY, reconciled=False), "no new order, RECONCILING"),
        (replace(READY, drift=("cash",)), "no new order, DRIFT_UNEXPLAINED"),
    ],
)
def test_the_books_line_begins_with_what_a_ticket_would_be_refused_with(
    readiness: Readiness, word: str
) -> None:
    said = line_of(BookLine(STANDING, readiness), NOW)
    assert said == f"books of PA1: {word}, compared 7 s ago in 40 ms, clean 7 s ago, stream up"


def test_the_books_line_tells_how_old_the_last_clean_comparison_is() -> None:
    stale = replace(STANDING, clean_at=NOW - timedelta(minutes=5), unconfirmed=["cash: …"])
    said = line_of(BookLine(stale, replace(READY, reconciled=False)), NOW)
    assert said == (
        "books of PA1: no new order, RECONCILING, compared 7 s ago in 40 ms, clean 5 min ago, 1 not explained yet, stream up"
    )
