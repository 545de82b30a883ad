"""`dispatch case`: what a person types, reads and gets as an exit code."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from dispatch import cli
from dispatch.connection import last_demo_archive
from dispatch.replay.overrides import with_overrides
from dispatch.stories.archive import save
from kernel.contracts.topics import DEFAULT_PREFIX, SIGNALS
from kernel.domain.params import TradingParams
from kernel.testing.builders import a_signal, an_idea
from tests.fakes.chains import Row
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline
from tests.unit.dispatch.cases.making import GOOD, WORSE

Command = Callable[..., int]
STRICT = with_overrides(PARAMS, ["selector.min_score=90"])


@pytest.fixture
def dispatch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Yield a way to run a command in a folder of its own, where a demo ran and nothing runs any more."""
    monkeypatch.setenv("DISPATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KAFKA_BOOTSTRAP_SERVERS", raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> int:
        monkeypatch.setattr("sys.argv", ["dispatch", "case", *words])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code

    yield run
    structlog.reset_defaults()  # what the command silenced


def demo(*rows: Row, params: TradingParams = PARAMS, log: MemoryLog | None = None) -> MemoryLog:
    """Leave the messages of a demo: a signal for each row, which is all the chain it sees."""
    pipeline = RecordedPipeline(params)
    pipeline.log = log or MemoryLog()
    pipeline.log.prefix = DEFAULT_PREFIX
    for row in rows:
        asyncio.run(pipeline.send(a_signal(f"signal {len(pipeline.log.records)}", idea=an_idea()), row))
    save(last_demo_archive(), pipeline.log.records)
    return pipeline.log


def test_a_demo_is_recorded_and_taken_again(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    demo(GOOD, WORSE)
    assert dispatch("record", "a.json", "--stage", "selector..sizer", "--note", "why") == 0
    said = capsys.readouterr()
    assert "a.json: decisions: 2 of the selector, 2 of the sizer; " in said.out
    assert "no key and no password" in said.err
    assert dispatch("run", "a.json") == 0
    told = capsys.readouterr().out
    assert told.splitlines()[0] == "same  a.json  why"
    assert "selector 2 decisions" in told


def test_the_same_range_gives_the_same_bytes(dispatch: Command) -> None:
    demo(GOOD, WORSE)
    for name in ("a.json", "b.json"):
        assert dispatch("record", name, "--stage", "selector") == 0
    assert Path("a.json").read_bytes() == Path("b.json").read_bytes()


def test_inputs_that_are_left_out_are_counted(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    log = demo(GOOD)
    log.write(SIGNALS, a_signal("not decided yet"))
    save(last_demo_archive(), log.records)
    assert dispatch("record", "a.json", "--stage", "selector") == 0
    assert "1 inputs without evidence cannot be decided again and are left out" in capsys.readouterr().err


def test_a_file_is_not_overwritten_unasked(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    demo(GOOD)
    Path("a.json").write_text("precious")
    assert dispatch("record", "a.json", "--stage", "selector") == 2
    assert "a.json is there already; --force overwrites it" in capsys.readouterr().err
    assert Path("a.json").read_text() == "precious"
    assert dispatch("record", "a.json", "--stage", "selector", "--force") == 0
    assert json.loads(Path("a.json").read_text())["format"] == 1


def test_an_empty_range_makes_no_file(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    demo(GOOD)
    assert dispatch("record", "a.json", "--stage", "selector", "--trace", "nobody's") == 2
    assert "nothing was decided in that range" in capsys.readouterr().err
    assert not Path("a.json").exists()


def test_the_parameters_of_then_are_asked_for_where_no_file_has_them(
    dispatch: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(WORSE, params=STRICT)
    assert dispatch("record", "a.json", "--stage", "selector") == 2
    assert (
        f"decided with parameters {STRICT.config_hash}, which no file here holds" in capsys.readouterr().err
    )
    Path("then.json").write_text(STRICT.model_dump_json())
    assert dispatch("record", "a.json", "--stage", "selector", "--params", "then.json") == 0
    assert dispatch("run", "a.json") == 0


def test_a_range_of_two_sets_of_parameters_is_refused(
    dispatch: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(GOOD, params=STRICT, log=demo(GOOD))
    assert dispatch("record", "a.json", "--stage", "selector") == 2
    assert "the range was decided with several parameters" in capsys.readouterr().err


def test_a_difference_is_shown_and_ends_with_1(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    demo(GOOD, WORSE)
    dispatch("record", "a.json", "--stage", "selector")
    dispatch("record", "b.json", "--stage", "selector", "--offsets", "0:0-0", "--offsets", "1:0-0")
    capsys.readouterr()
    assert dispatch("run", "a.json", "b.json", "--set", "selector.min_score=90") == 1
    told = capsys.readouterr().out
    assert "differs  a.json" in told
    assert "no: SCORE_BELOW_MINIMUM" in told
    assert "same  b.json" in told


def test_a_run_needs_no_kafka_and_writes_the_same_bytes_each_time(
    dispatch: Command, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    demo(GOOD, WORSE)
    dispatch("record", "a.json", "--stage", "selector..sizer")
    capfdbinary.readouterr()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    written = []
    for _ in range(2):
        assert dispatch("run", "a.json", "--json") == 0
        written.append(capfdbinary.readouterr().out)
    assert written[0] == written[1]
    (case,) = json.loads(written[0])["cases"]
    assert (case["file"], case["differences"], [s["same"] for s in case["stages"]]) == ("a.json", 0, [2, 2])
    assert all(stage["digest"] for stage in case["stages"])


def test_a_blessing_takes_todays_answers_for_the_truth(
    dispatch: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(GOOD, WORSE)
    dispatch("record", "a.json", "--stage", "selector..sizer")
    _edit("a.json", lambda case: case["parameters"]["selector"].update(min_score=90))
    assert dispatch("run", "a.json") == 1
    assert dispatch("run", "a.json", "--bless") == 0
    assert "a.json: 2 answers changed; review the diff" in capsys.readouterr().err
    assert dispatch("run", "a.json") == 0
    before = Path("a.json").read_bytes()
    assert dispatch("run", "a.json", "--bless") == 0
    assert "a.json: 0 answers changed" in capsys.readouterr().err
    assert Path("a.json").read_bytes() == before


def test_a_blessing_of_other_parameters_is_refused(
    dispatch: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(GOOD)
    dispatch("record", "a.json", "--stage", "selector")
    before = Path("a.json").read_bytes()
    assert dispatch("run", "a.json", "--bless", "--set", "selector.min_score=95") == 2
    assert "leave out --set" in capsys.readouterr().err
    assert Path("a.json").read_bytes() == before


def test_what_has_no_truth_is_not_blessed(dispatch: Command, capsys: pytest.CaptureFixture[str]) -> None:
    demo(GOOD)
    dispatch("record", "a.json", "--stage", "selector")
    _edit("a.json", lambda case: case["records"][0]["message"]["idea"].update(direction="bearish"))
    before = Path("a.json").read_bytes()
    assert dispatch("run", "a.json", "--bless") == 2
    assert "a.json: the puts of SPY were not asked for then" in capsys.readouterr().err
    assert Path("a.json").read_bytes() == before


def test_a_blessing_brings_the_parameters_up_to_the_code(
    dispatch: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(GOOD)
    dispatch("record", "a.json", "--stage", "selector")
    recorded = Path("a.json").read_bytes()
    _edit("a.json", lambda case: case["parameters"]["sizer"].pop("ticket_ttl_s"))
    assert dispatch("run", "a.json") == 2
    assert "a.json: sizer.ticket_ttl_s: Field required" in capsys.readouterr().err
    assert dispatch("run", "a.json", "--bless") == 0
    assert Path("a.json").read_bytes() == recorded


def _edit(file: str, change: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(Path(file).read_text())
    change(document)
    Path(file).write_text(json.dumps(document))


def test_a_file_that_cannot_be_written_is_told_in_one_line(
    dispatch: Command, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    demo(GOOD)
    (tmp_path / "note").write_text("a file")
    (tmp_path / "folder").mkdir()
    for words in (["note/a.json"], ["folder", "--force"]):
        assert dispatch("record", *words, "--stage", "selector") == 2
        *_, last = capsys.readouterr().err.splitlines()
        assert last.startswith(f"dispatch: {words[0]} cannot be written: ")
    assert not (tmp_path / "folder.new").exists()
