"""The asking side against workers that do as a script says; real ones are in tests/integration/test_replay_revisions.py."""

import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from dispatch.replay import run
from dispatch.replay.deciding import Decided, LocalDecider, Question, replay_of
from dispatch.replay.elsewhere.remote import Errand, RemoteDecider, Worker, WorkerFailed, worker_environment
from dispatch.replay.elsewhere.revisions import Code, this_code
from dispatch.replay.results import Status
from dispatch.replay.span import Span
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import a_signal
from tests.fakes import chains
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

FRAMES = (PROJECT_ROOT / "dispatch" / "replay" / "elsewhere" / "frames.py").read_text("utf-8")
GREETS = """
import os, sys, time
from dispatch.replay.elsewhere.frames import PROTOCOL, read_frame, to_frame
hello = read_frame(sys.stdin.buffer)
def say(message):
    sys.stdout.buffer.write(to_frame(message))
    sys.stdout.buffer.flush()
def greet(**other):
    say({"protocol": PROTOCOL, "revision": "scripted", "config_hash": "c", "code": os.getcwd(), "schemas": {}} | other)
"""
ERRAND = Errand(stage="selector", params=None, settings=("selector.min_score=60",))
ASKED = [(b"input", b"evidence", None)]


def scripted(folder: Path, script: str) -> Code:
    """Return code whose worker runs `script`."""
    package = folder / "dispatch" / "replay" / "elsewhere"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").touch()
    (package / "frames.py").write_text(FRAMES, "utf-8")
    (package / "worker.py").write_text(GREETS + script, "utf-8")
    return Code(label="scripted code", python=Path(sys.executable), path=folder, folder=folder, revision="r1")


async def asked_once(code: Code, silent_s: float) -> None:
    async with Worker(code, ERRAND, silent_s=silent_s) as worker:
        await worker.greet()
        await worker.decide(ASKED)


async def failure(code: Code, *, silent_s: float = 60.0) -> str:
    """Return what the asking side says of a worker that fails, greeted and then asked once."""
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(WorkerFailed) as caught:
        await asked_once(code, silent_s)
    assert {child.pid for child in psutil.Process().children()} <= before, "a worker was left behind"
    return str(caught.value)


async def test_a_worker_is_told_its_errand_and_says_who_it_is(tmp_path: Path) -> None:
    echo = (
        "greet(revision=f\"{hello['stage']} {hello['params']} {hello['set']}\")\nread_frame(sys.stdin.buffer)"
    )
    async with Worker(scripted(tmp_path, echo), ERRAND) as worker:
        introduction = await worker.greet()
    assert introduction.revision == "selector None ['selector.min_score=60']"
    assert introduction.config_hash == "c"


async def test_a_worker_that_dies_is_told_of_with_its_last_words(tmp_path: Path) -> None:
    said = await failure(
        scripted(tmp_path, "greet()\nread_frame(sys.stdin.buffer)\nraise ZeroDivisionError('oh')")
    )
    assert said.startswith("scripted code ended; its last words:\n")
    assert said.endswith("ZeroDivisionError: oh")


async def test_of_a_worker_that_talks_without_end_only_the_last_is_kept(tmp_path: Path) -> None:
    talks = "greet()\nread_frame(sys.stdin.buffer)\nfor n in range(40_000): print('line', n, file=sys.stderr)\nsay({})"
    async with Worker(scripted(tmp_path, talks), ERRAND) as worker:
        await worker.greet()
        with pytest.raises(WorkerFailed):
            await worker.decide(ASKED)
        words = worker._words
        assert words is not None
        await words.all_said(60)
        lines = words.lines(1_000_000)
    assert lines[-1] == "line 39999"
    assert 60 * 1024 < sum(len(line) + 1 for line in lines) <= 64 * 1024


async def test_a_worker_that_hangs_is_given_up_and_killed(tmp_path: Path) -> None:
    said = await failure(scripted(tmp_path, "greet()\nwhile True: time.sleep(60)"), silent_s=5)
    assert said == "scripted code said nothing for 5 s"


async def test_a_worker_that_prints_into_the_pipe_is_told_of(tmp_path: Path) -> None:
    said = await failure(scripted(tmp_path, "print('hello', flush=True)"))
    assert "stopped in the middle" in said
    assert "something else writes to this pipe" in said


async def test_too_few_answers_are_no_answers(tmp_path: Path) -> None:
    said = await failure(scripted(tmp_path, "greet()\nread_frame(sys.stdin.buffer)\nsay({'answers': []})"))
    assert said == "scripted code gave 0 answers to 1 questions"


async def test_a_revision_of_another_protocol_says_so_in_one_line(tmp_path: Path) -> None:
    assert await failure(scripted(tmp_path, "greet(protocol=2)")) == (
        "scripted code speaks replay protocol 2, not 1"
    )


async def test_what_a_revision_cannot_do_is_its_own_line(tmp_path: Path) -> None:
    said = await failure(scripted(tmp_path, "greet(error='there is nothing to replay of it')"))
    assert said == "scripted code cannot be asked: there is nothing to replay of it"


async def test_code_that_python_found_elsewhere_is_not_taken_for_the_revision(tmp_path: Path) -> None:
    said = await failure(scripted(tmp_path, "greet(code='/somewhere/else')"))
    assert said == "scripted code has no code of its own: /somewhere/else would answer for it"


async def test_a_revision_without_a_worker_is_older_in_one_line(tmp_path: Path) -> None:
    code = scripted(tmp_path, "")
    (tmp_path / "dispatch" / "replay" / "elsewhere" / "worker.py").unlink()
    assert await failure(code) == ("scripted code is older than replays of other revisions: it has no worker")


async def test_an_answer_no_one_here_can_read_is_one_input_that_failed(tmp_path: Path) -> None:
    answers = "{'answers': [{'emissions': [['selections', b'nonsense']]}]}"
    code = scripted(
        tmp_path, f"greet()\nread_frame(sys.stdin.buffer)\nsay({answers})\nread_frame(sys.stdin.buffer)"
    )
    async with RemoteDecider(code, ERRAND, replay_of("selector", PARAMS, "here")) as decider:
        (decided,) = await decider.decide([Question(a_signal(), None)])
    assert decided.emissions == ()
    assert decided.failed is not None
    assert decided.failed.startswith("this revision cannot read the other's answer: ")


async def test_a_real_worker_tells_what_it_cannot_decide() -> None:
    errand = Errand(stage="selector", params=None)
    replay = replay_of("selector", PARAMS, "here")
    async with RemoteDecider(this_code("there"), errand, replay, workers=2) as decider:
        assert decider.introduction.revision == "there"
        signal = a_signal()
        undecided, unread = await decider.decide([Question(signal, None), Question(signal, None, wire=b"?")])
    assert undecided == Decided([], unrecorded=f"no evidence of the decision on signal {signal.meta.id}")
    assert unread.failed is not None
    assert "cannot read what it is asked" in unread.failed


async def test_many_workers_decide_what_this_process_decides() -> None:
    pipeline = RecordedPipeline()
    for number in range(150):  # three batches for two workers
        row = chains.Row(day_volume=300 + number) if number % 3 else chains.Row(day_volume=1)
        await pipeline.send(a_signal(f"signal {number}"), row)
    replay = replay_of("selector", PARAMS, "here")
    errand = Errand(stage="selector", params=PARAMS.model_dump_json())
    (alone,) = await run.replay(
        pipeline.log, [run.Played("selector", replay, LocalDecider(replay))], Span(), lambda *_: None
    )
    async with RemoteDecider(this_code(), errand, replay, workers=2) as decider:
        (together,) = await run.replay(
            pipeline.log, [run.Played("selector", replay, decider)], Span(), lambda *_: None
        )
    assert together.counts == alone.counts
    assert together.counts["same"] == 150
    assert together.digest == alone.digest
    assert [row.message.meta.id for row in together.rows] == [row.message.meta.id for row in alone.rows]


async def test_an_answer_that_differs_is_signed_by_the_worker_that_gave_it() -> None:
    pipeline = RecordedPipeline()
    await pipeline.send(a_signal(), chains.Row())
    replay = replay_of("selector", PARAMS, "here")
    errand = Errand(stage="selector", params=None, settings=("selector.min_score=99",))
    async with RemoteDecider(this_code("there"), errand, replay) as decider:
        (result,) = await run.replay(
            pipeline.log, [run.Played("selector", replay, decider)], Span(), lambda *_: None
        )
        hash_there = decider.introduction.config_hash
    (row,) = result.rows
    meta = row.replayed[0].message.meta
    assert (row.status, meta.revision, meta.config_hash) == (Status.CHANGED, "there", hash_there)
    assert hash_there != PARAMS.config_hash


@pytest.mark.parametrize(
    ("errand", "said"),
    [
        (Errand(stage="barber", params=None), "nothing to replay of 'barber'"),
        (Errand(stage="selector", params="{}"), "the parameters given: "),
        (Errand(stage="selector", params=None, settings=("a.b=1",)), "--set: there is no 'a.b'"),
    ],
)
async def test_a_real_worker_refuses_an_errand_in_one_line(errand: Errand, said: str) -> None:
    with pytest.raises(WorkerFailed, match=said) as caught:
        async with Worker(this_code(), errand) as worker:
            await worker.greet()
    assert "\n" not in str(caught.value)


def test_a_worker_knows_no_address_and_no_key(tmp_path: Path) -> None:
    secret: dict[str, Any] = {
        "APCA_API_KEY_ID": "PKLIVE",
        "APCA_API_SECRET_KEY": "secret",
        "APCA_API_BASE_URL": "https://paper-api.alpaca.markets",
        "DATABASE_URL": "postgresql://dispatch:secret@127.0.0.1/dispatch",
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092",
        "DISPATCH_SIGNALS_TOKEN": "secret",
        "DISPATCH_PARAMS_FILE": "/elsewhere.json",
        "PYTHONPATH": "/elsewhere",
        "PATH": "/bin",
        "HOME": "/home/trader",
    }
    code = Code(label="x", python=Path(sys.executable), path=tmp_path, folder=tmp_path, revision="r1")
    assert worker_environment(code, secret) == {
        "PATH": "/bin",
        "HOME": "/home/trader",
        "DISPATCH_REVISION": "r1",
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
