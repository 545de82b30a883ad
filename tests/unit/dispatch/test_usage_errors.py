"""What is used wrongly is one line that names the remedy, before anything is started."""

from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from aiokafka.errors import KafkaConnectionError
from pydantic import BaseModel

from dispatch import cli
from dispatch.connection import last_demo_archive
from dispatch.stories.archive import save
from tests.fakes.stories import filled, records, signal_id


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr("sys.argv", ["dispatch", *words])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("variable", ["KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "APCA_API_BASE_URL"])
def test_the_demo_refuses_servers_that_are_not_its_own(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "APCA_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, "somewhere")
    assert run(monkeypatch, "demo") == 2
    assert f"unset {variable} " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["demo", "--fill-model", "foo"], "nbbo"),
        (["up", "--fill-model", "foo"], "nbbo"),
        (["demo", "--symbol", "NOPE"], "has no NOPE; it has SPY"),
        (["report", "--since", "99999999999d"], "--since: 99999999999d is before the calendar begins"),
        (["report", "--since", "900000d"], "--since: 900000d is before the calendar begins"),
        (["report", "--since", "soon"], "--since: 'soon' is no span"),
        (["replay", "selector", "--trace", ""], "--trace: name a signal's id, or its first characters"),
        (["replay", "selector", "--from", ""], "--from: '' is no instant"),
        (["halt", "--reason", " "], "--reason: say why, in a few words"),
        (["resume", "--reason", ""], "--reason: say why, in a few words"),
        (["shadow", "chef"], "there is nothing to shadow of 'chef'"),
        (["shadow", "sizer", "--set", "sizer.nothing=1"], "--set: there is no 'sizer.nothing'"),
    ],
)
def test_a_value_that_cannot_be_is_said_in_words(
    words: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DATABASE_URL", "APCA_API_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert run(monkeypatch, *words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_demo_that_should_join_a_stack_says_that_none_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path))
    assert run(monkeypatch, "demo", "--attach") == 1
    assert "no stack runs here: start one with `dispatch up`" in capsys.readouterr().err


class _Number(BaseModel):
    value: int


def _wrong_value() -> None:
    _Number.model_validate({"value": "many"})


def _lost_broker() -> None:
    raise KafkaConnectionError("gone\nand gone")


def _lost_database() -> None:
    raise psycopg.OperationalError("server closed the connection")


@pytest.mark.parametrize(
    ("fail", "code", "said"),
    [
        (_wrong_value, 2, "dispatch: value: Input should be a valid integer"),
        (_lost_broker, 1, "dispatch: KafkaConnectionError: KafkaConnectionError: gone and gone\n"),
        (_lost_database, 1, "dispatch: OperationalError: server closed the connection\n"),
    ],
)
def test_a_librarys_error_is_one_line(
    fail: Callable[[], None],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "app", fail)
    assert run(monkeypatch) == code
    assert capsys.readouterr().err.startswith(said)


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect() -> None:
        raise KeyError("ours")

    monkeypatch.setattr(cli, "app", defect)
    with pytest.raises(KeyError):
        cli.main()


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["status"], "dispatch up"),
        (["topics", "list"], "dispatch up"),
        (["explain", "chain", "SPY"], "dispatch up"),
        (["trace", "abc"], "dispatch demo"),
        (["report"], "dispatch demo"),
    ],
)
def test_where_no_stack_runs_the_answer_is_no_and_says_what_to_start(
    words: list[str],
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path))
    assert run(monkeypatch, *words) == 1
    assert remedy in capsys.readouterr().err


def test_the_last_demo_is_named_when_its_messages_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path))
    save(last_demo_archive(), records(filled("one")))
    assert run(monkeypatch, "trace", signal_id("one")) == 0
    told = capsys.readouterr()
    assert "the last demo's messages" in told.err
    assert "order FILLED" in told.out


def test_a_broker_without_a_port_number_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:abc")
    assert run(monkeypatch, "topics", "list") == 2
    assert "KAFKA_BOOTSTRAP_SERVERS: '127.0.0.1:abc' is not host:port" in capsys.readouterr().err
