"""`dispatch trace` over a kept demo: which parameters it judges by, what it writes, what it says when it cannot."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dispatch.cli import app
from dispatch.connection import demo_params_file, last_demo_archive
from dispatch.stories.archive import save
from kernel.domain.errors import ConfigError
from kernel.stream.reader import StoredRecord
from tests.fakes.chains import Row
from tests.fakes.decided import decided
from tests.fakes.params import params_with
from tests.fakes.stories import records, signal_id

WIDER = params_with(spread_pct_below=20)
WIDE = Row(bid="2.30", ask="2.60")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.delenv("DISPATCH_PARAMS_FILE", raising=False)
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path / "home"))
    keep(records(decided("one", WIDE, params=WIDER)))


def keep(of_a_demo: list[StoredRecord]) -> None:
    save(last_demo_archive(), of_a_demo)


def trace(*words: str) -> Result:
    return CliRunner().invoke(app, ["trace", signal_id("one")[:8], *words])


def warnings_of(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    said: list[str] = json.loads(done.stdout)["why"][0]["warnings"]
    return said


def test_parameters_that_have_changed_since_are_said_to_have() -> None:
    assert WIDER.config_hash in warnings_of(trace("--json"))[0]


def test_the_parameters_of_that_time_may_be_named(tmp_path: Path) -> None:
    path = tmp_path / "then.json"
    path.write_text(WIDER.model_dump_json())
    assert warnings_of(trace("--json", "--params", str(path))) == []


def test_the_parameters_a_demo_widened_are_found() -> None:
    demo_params_file().write_text(WIDER.model_dump_json())
    assert warnings_of(trace("--json")) == []


def test_a_demos_parameters_that_cannot_be_read_are_no_hindrance() -> None:
    demo_params_file().write_text("{")
    assert len(warnings_of(trace("--json"))) == 2


def test_parameters_that_were_named_must_be_there(tmp_path: Path) -> None:
    done = trace("--params", str(tmp_path / "absent.json"))
    assert isinstance(done.exception, ConfigError)
    assert "absent.json" in str(done.exception)


def test_the_page_is_written_besides(tmp_path: Path) -> None:
    path = tmp_path / "trace.html"
    done = trace("--html", str(path))
    assert done.exit_code == 0
    assert "<!doctype html>" in path.read_text("utf-8")
    assert "selected SPY" in done.stdout
    assert f"written: {path}" in done.stderr


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    done = trace("--html", str(tmp_path / "absent" / "trace.html"))
    assert isinstance(done.exception, ConfigError)
    assert "cannot be written" in str(done.exception)


def test_top_says_how_many_alternatives() -> None:
    rows = [Row(strike=str(520 + n)) for n in range(8)]
    keep(records(decided("one", *rows)))
    (why,) = json.loads(trace("--json", "--top", "2").stdout)["why"]
    assert len(why["shortlists"][0]["candidates"]) == 3
