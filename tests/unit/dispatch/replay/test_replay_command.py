"""`dispatch replay` on the messages of a demo: what it says and how it ends."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from dispatch import cli
from dispatch.connection import demo_params_file, last_demo_archive
from dispatch.replay.overrides import with_overrides
from dispatch.stories.archive import save
from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.domain.params import TradingParams
from kernel.testing.builders import a_signal, an_idea
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline
from tests.fakes.replays import GOOD, WORSE

STRICT = with_overrides(PARAMS, ["selector.min_score=90"])
OTHER = with_overrides(PARAMS, ["selector.min_score=91"])
Command = Callable[..., int]


@pytest.fixture
def replay(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`dispatch replay WORDS` in an empty folder that is its home; returns the exit code."""
    for name in ("KAFKA_BOOTSTRAP_SERVERS", "DISPATCH_PARAMS_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DISPATCH_REVISION", "now")
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["dispatch", "replay", *words])
        capsys.readouterr()  # what the live stages logged
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    yield run
    structlog.reset_defaults()  # what the command silenced


def demo(*decided_with: TradingParams) -> None:
    """Leave the messages of a demo: with each parameters, a signal that scores 94 and one that scores 72."""
    log = MemoryLog()
    log.prefix = DEFAULT_PREFIX
    for params in decided_with:
        pipeline = RecordedPipeline(params)
        pipeline.log = log
        for row in (GOOD, WORSE):
            signal = a_signal(f"signal {len(log.records)}", idea=an_idea())
            asyncio.run(pipeline.send(signal, row))
    save(last_demo_archive(), log.records)


def document(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(capsys.readouterr().out)
    return read


def test_decisions_of_other_parameters_are_told_in_one_line_with_counts(
    replay: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(PARAMS, STRICT)
    assert replay("selector") == 1
    said = [line for line in capsys.readouterr().out.splitlines() if "other parameters" in line]
    (line,) = said
    assert line == (
        f"  2 were decided with other parameters (2 × {STRICT.config_hash}; here {PARAMS.config_hash}): --params then,"
        " or --params FILE, takes theirs; 4 were decided by another revision (4 × recorded; here now)"
    )


def test_json_says_who_decided_then_and_who_decides_now(
    replay: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(PARAMS, STRICT)
    replay("selector", "--json", "--set", "selector.min_score=80")
    told = document(capsys)
    assert told["deciding"] == {"revision": "now", "config_hash": PARAMS.config_hash}
    (stage,) = told["stages"]
    assert stage["decided_then"] == {
        "revisions": {"recorded": 4},
        "config_hashes": {PARAMS.config_hash: 2, STRICT.config_hash: 2},
    }
    assert stage["decided_by_others"] == {"parameters": 2, "revision": 4}


def test_the_page_says_it_too(replay: Command) -> None:
    demo(STRICT)
    replay("selector", "--html", "a.html")
    assert f"2 were decided with other parameters (2 × {STRICT.config_hash};" in Path("a.html").read_text()


def test_what_the_same_parameters_and_revision_decided_needs_no_word(
    replay: Command, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    demo(PARAMS)
    monkeypatch.setenv("DISPATCH_REVISION", "recorded")
    assert replay("selector") == 0
    assert "other" not in capsys.readouterr().out


def test_a_file_of_parameters_decides_instead_of_the_present_ones(replay: Command) -> None:
    demo(STRICT)
    assert replay("selector") == 1
    Path("then.json").write_text(STRICT.model_dump_json())
    assert replay("selector", "--params", "then.json") == 0


def test_each_decision_can_be_taken_with_the_parameters_of_then(
    replay: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(PARAMS, STRICT)
    demo_params_file().write_text(STRICT.model_dump_json())
    assert replay("selector..sizer") == 1
    assert replay("selector..sizer", "--params", "then", "--html", "a.html") == 0
    assert "other parameters" not in capsys.readouterr().out
    assert "each decision its own" in Path("a.html").read_text()
    assert replay("selector", "--params", "then", "--set", "selector.min_score=95") == 1


def test_parameters_of_then_that_no_file_has_are_a_difference_that_says_so(
    replay: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(PARAMS, OTHER)
    assert replay("selector", "--params", "then", "--json") == 1
    notes = [row["note"] for row in document(capsys)["stages"][0]["rows"]]
    assert notes[:2] == [None, None]
    assert all(
        f"decided with parameters {OTHER.config_hash}, which no file here holds" in n for n in notes[2:]
    )


@pytest.mark.parametrize("words", [("--workers", "2"), ("--rev", "HEAD")])
def test_parameters_of_then_are_this_codes_business(
    replay: Command, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    demo(PARAMS)
    assert replay("selector", "--params", "then", *words) == 2
    assert "--params then decides in this process" in capsys.readouterr().err


def test_a_range_that_names_nothing_is_no_success(
    replay: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(PARAMS)
    assert replay("selector", "--offsets", "9:0-5") == 2
    assert "nothing was decided in that range" in capsys.readouterr().err
