"""A deploy stage by stage, under load: old and new revision side by side, whose messages differ, and one stage back again.

The new revision is a copy of this checkout in which selections and tickets have one field more, and stages that write it.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dispatch.connection import Connection, connection_from
from dispatch.demo.plan import PlannedSignal, plan_live
from dispatch.demo.run import DemoRun
from dispatch.demo.summary import all_accounted_for
from dispatch.stack.options import StackOptions
from dispatch.stack.processes import ChildProcess
from dispatch.stack.stack import LocalStack
from dispatch.stack.waiting import wait_until
from kernel.contracts.codec import Codec
from kernel.contracts.resolution import Schema
from kernel.contracts.schema_store import load_store, schema_fingerprint
from kernel.contracts.topics import CONSUMED_TOPICS, EXECUTIONS, REJECTIONS, SELECTIONS, TICKETS, Topic
from kernel.runtime.settings import PROJECT_ROOT
from kernel.stream.reader import LogReader, StoredRecord
from tests.fakes.params import widened_params_file

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

OLD, NEW = "revision-1", "revision-2"
#: Seconds between two signals.
PACE_S = 0.3
DEADLINE_S = 90.0
#: Topic, revision that wrote the message that was answered, revision that answered it there.
Meeting = tuple[str, str, str]
FIELD = "added_by_revision_2"
#: Message, its class, and the file and call of the stage that writes it.
CHANGED = (
    ("selection", "Selection", "services/selector/core/answers.py"),
    ("ticket", "Ticket", "services/sizer/core/outputs.py"),
)


class NewRevision:
    """A checkout of the next release: `fingerprints` are those of the messages it changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("kernel", "services", "schemas", "config"):
            shutil.copytree(PROJECT_ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        self.schemas = {name: self._add_field(name, model, writer) for name, model, writer in CHANGED}
        self._holds()

    def _add_field(self, name: str, model: str, writer: str) -> Schema:
        file = self.folder / "schemas" / f"{name}.avsc"
        schema: Schema = json.loads(file.read_text("utf-8"))
        schema["fields"].append({"name": FIELD, "type": ["null", "string"], "default": None, "doc": "New."})
        history = self.folder / "schemas" / "history" / name
        for place in (file, history / f"{len(list(history.iterdir())) + 1}.avsc"):
            place.write_text(json.dumps(schema), "utf-8")
        self._edit(
            "kernel/contracts/messages.py",
            f"class {model}(Message):\n",
            f"    {FIELD}: str | None = None\n\n",
        )
        self._edit(writer, f"return {model}(\n", f'        {FIELD}="yes",\n')
        return schema

    def _edit(self, file: str, after: str, line: str) -> None:
        text = (self.folder / file).read_text("utf-8")
        assert text.count(after) == 1, f"{file} has changed: this test looks for {after!r}"
        (self.folder / file).write_text(text.replace(after, after + line), "utf-8")

    def _holds(self) -> None:
        """A release that `make schemas` would not let pass proves nothing."""
        check = "from kernel.contracts.compatibility import check_contracts as c; print(*c(), sep='; ')"
        done = subprocess.run(
            [sys.executable, "-c", check], cwd=self.folder, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == ""


class Load(Sequence[PlannedSignal]):
    """Signals until `enough` is set."""

    def __init__(self) -> None:
        self.enough = threading.Event()
        self._plan = plan_live(1000)

    def __iter__(self) -> Iterator[PlannedSignal]:
        for planned in self._plan:
            if self.enough.is_set():
                return
            yield planned

    def __len__(self) -> int:
        return len(self._plan)

    def __getitem__(self, index: Any) -> Any:
        return self._plan[index]


@dataclass(frozen=True)
class Deploy:
    """Replaces processes of a running stack, one at a time, each awaited by what it writes."""

    stack: LocalStack
    connection: Connection
    checkouts: dict[str, Path]

    def roll(self, name: str, revision: str, writes: Sequence[Topic[Any]]) -> None:
        """Stop a process as an orchestrator would, start that revision in its place, wait until it has worked."""
        part = self.stack.part(name)
        spec = replace(
            part.child.spec,
            folder=self.checkouts[revision],
            environment={**part.child.spec.environment, "DISPATCH_REVISION": revision},
        )
        part.start = lambda _ended: ChildProcess.start(spec)
        starts = part.restarts + 1
        assert (part.child.stop(), name) == (0, name)
        assert wait_until(lambda: part.restarts == starts and part.state == "ready", DEADLINE_S), (
            part.last_error
        )
        asyncio.run(self._until_written(writes, revision))

    def until_met(self, *meetings: Meeting) -> None:
        """Wait until each of the meetings is on the topics: a stage that is stopped before is none that was tested."""
        asyncio.run(self._until_met(set(meetings)))

    async def _until_met(self, missing: set[Meeting]) -> None:
        known = {
            topic.full_name(self.connection.prefix): topic for topic in (SELECTIONS, TICKETS, EXECUTIONS)
        }
        revisions: dict[str, str] = {}
        answers: list[tuple[str, Any]] = []  # all of them, for an answer may be read before what it answers
        async with LogReader(self.connection.kafka, list(known)) as reader, asyncio.timeout(DEADLINE_S):
            async for record in reader.follow():
                message = _message(known, record)
                revisions[message.meta.id] = message.meta.revision
                answers.append((known[record.topic].name, message.meta))
                missing -= {(name, revisions.get(m.causation_id), m.revision) for name, m in answers}
                if not missing:
                    return

    async def _until_written(self, topics: Sequence[Topic[Any]], revision: str) -> None:
        known = {topic.full_name(self.connection.prefix): topic for topic in topics}
        async with LogReader(self.connection.kafka, list(known)) as reader, asyncio.timeout(DEADLINE_S):
            await reader.to_now()
            async for record in reader.follow():
                if _message(known, record).meta.revision == revision:
                    return


def _message(topics: dict[str, Topic[Any]], record: StoredRecord) -> Any:
    return Codec().decode(topics[record.topic], record.value or b"")


def _deploy(deploy: Deploy, load: Load) -> None:
    try:
        deploy.roll("sizer", NEW, [TICKETS])  # beside sizer-2, and before the executor
        deploy.until_met((TICKETS.name, OLD, NEW), (EXECUTIONS.name, NEW, OLD))
        deploy.roll("executor", NEW, [EXECUTIONS])
        deploy.roll("selector", NEW, [SELECTIONS, REJECTIONS])  # before sizer-2
        deploy.until_met((TICKETS.name, NEW, NEW), (TICKETS.name, NEW, OLD))
        deploy.roll("sizer", OLD, [TICKETS])  # and back, with new stages before and after it
    finally:
        load.enough.set()


async def _records(connection: Connection, topics: Sequence[str]) -> list[StoredRecord]:
    async with LogReader(connection.kafka, topics) as reader:
        return [record async for record in reader.to_the_end()]


def _seen(connection: Connection, topic: Topic[Any]) -> list[tuple[bytes, Any]]:
    """Return fingerprint and message of everything on the topic."""
    name = topic.full_name(connection.prefix)
    return [
        ((record.value or b"")[2:10], _message({name: topic}, record))
        for record in asyncio.run(_records(connection, [name]))
    ]


def _check_that_both_wrote(connection: Connection, new: NewRevision) -> None:
    store = load_store()
    tickets, selections = _seen(connection, TICKETS), _seen(connection, SELECTIONS)
    for seen, name in ((selections, "selection"), (tickets, "ticket")):
        wrote = {(message.meta.revision, fingerprint) for fingerprint, message in seen}
        assert wrote == {
            (OLD, store.fingerprints[name]),
            (NEW, schema_fingerprint(new.schemas[name])),
        }
    executions = [message for _, message in _seen(connection, EXECUTIONS)]
    revision_of = {message.meta.id: message.meta.revision for _, message in (*tickets, *selections)}
    pairs = {(revision_of[m.meta.causation_id], m.meta.revision) for m in executions if m.sequence == 1}
    assert (NEW, OLD) in pairs, "the old executor never met a new ticket"
    sized = {(revision_of[m.meta.causation_id], m.meta.revision) for _, m in tickets}
    assert sized == {(OLD, OLD), (OLD, NEW), (NEW, OLD), (NEW, NEW)}


def test_stages_are_rolled_one_by_one_and_one_back_under_load_and_nothing_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    new = NewRevision(tmp_path / "checkout")
    for name, schema in new.schemas.items():  # this process looks on, and shall read what it sees
        load_store().learn({schema_fingerprint(schema).hex(): {"name": name, "schema": schema}})
    options = StackOptions(
        run_folder=tmp_path / "run",
        revision=OLD,
        scanner=False,
        fill_model="mid",
        equity=10_000_000,
        params_file=widened_params_file(tmp_path),
        workers={"sizer": 2},
    )
    load = Load()
    with LocalStack(options, given={}) as stack, ThreadPoolExecutor(1) as pool:
        connection = connection_from({**os.environ, **stack.environment})
        run = DemoRun(
            connection=connection,
            plan=load,
            pace_s=PACE_S,
            settle_s=90.0,
            show=lambda _story: None,
            run_id="rolling",
        )
        deploy = Deploy(stack, connection, {OLD: PROJECT_ROOT, NEW: new.folder})
        rolled = pool.submit(_deploy, deploy, load)
        summary = asyncio.run(run.execute())
        rolled.result()
        assert all_accounted_for(summary), {k: v for k, v in summary.items() if k != "executions"}
        assert summary["duplicate_orders"] == 0
        dead = [topic.dead_name(connection.prefix) for topic in CONSUMED_TOPICS]
        assert asyncio.run(_records(connection, dead)) == []
        _check_that_both_wrote(connection, new)
        deployed = {"selector": 1, "sizer": 2, "sizer-2": 0, "executor": 1, "signals": 0}
        assert {name: stack.part(name).restarts for name in deployed} == deployed
