"""`state.json` of a run folder: how other processes find the running stack.

1. It is written in one rename and readable by its owner only: it carries the environment with the database's password.
2. A state whose owner is dead (or whose pid now belongs to another program) is stale: `read_state` removes it.
"""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, Field

from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder
from dispatch.stack.processes import resident_bytes, tail

# A creation time is derived from the wall clock, which may be set meanwhile.
_CLOCK_STEP_S = 5.0
Phase = Literal["starting", "running", "failed", "stopping"]
PartState = Literal["starting", "ready", "crashed", "stopped", "failed"]


class ProcessId(BaseModel):
    """A process, told apart from a later one with the same pid by when it was created (seconds since the epoch)."""

    model_config = ConfigDict(frozen=True)

    pid: int
    created: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId":
        """Identify a process that runs now; one that is gone already is identified as such."""
        try:
            return cls(pid=pid, created=psutil.Process(pid).create_time())
        except psutil.Error:
            return cls(pid=pid, created=0.0)

    @property
    def alive(self) -> bool:
        """Whether that very process runs; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < _CLOCK_STEP_S
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


class PartRecord(BaseModel):
    """One process of the stack."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: PartState
    process: ProcessId
    log: str
    #: Health and metrics of a stage, the listener of a server; None where there is none.
    port: int | None = None
    restarts: int = 0
    #: What ended it last time; None if nothing ever did.
    last_error: str | None = None


class StackState(BaseModel):
    """What state.json says."""

    model_config = ConfigDict(frozen=True)

    owner: ProcessId
    phase: Phase
    error: str | None = None
    #: What a program needs to talk to this stack: the same variables its stages were given.
    environment: Mapping[str, str] = Field(default_factory=dict)
    #: Where a person looks: "venue", "signals", "kafka".
    urls: Mapping[str, str] = Field(default_factory=dict)
    parts: tuple[PartRecord, ...] = ()

    def part(self, name: str) -> PartRecord:
        """Return the part of that name; raises StackError naming those there are."""
        for part in self.parts:
            if part.name == name:
                return part
        raise StackError(f"the stack has no part {name!r}; it has {', '.join(p.name for p in self.parts)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatus:
    """A part as it is now, for `dispatch status`."""

    record: PartRecord
    alive: bool
    rss_bytes: int


def part_statuses(state: StackState) -> list[PartStatus]:
    """Look at every process of the stack, and its owner."""
    owner = PartRecord(name="supervisor", state="ready", process=state.owner, log="")
    # The owner's children are the parts, counted by themselves.
    return [_status(owner, with_children=False), *(_status(part) for part in state.parts)]


def write_state(folder: RunFolder, state: StackState) -> None:
    """Replace the state in one step."""
    scratch = folder.state.with_suffix(".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(state.model_dump_json(indent=2))
    scratch.replace(folder.state)


def load_state(folder: RunFolder) -> StackState | None:
    """Return what state.json says, stale or not; None if there is none."""
    try:
        return StackState.model_validate_json(folder.state.read_text())
    except FileNotFoundError:
        return None
    except ValueError as e:
        raise StackError(f"{folder.state} is damaged; delete it if no stack runs in that folder") from e


def read_state(folder: RunFolder) -> StackState | None:
    """Return the state of the stack that runs in the folder; None, and a stale state removed, if none does."""
    state = load_state(folder)
    if state is not None and not state.owner.alive:
        with suppress(FileNotFoundError):
            folder.state.unlink()
        return None
    return state


def part_log(state: StackState, name: str, lines: int) -> str:
    """Return the last lines of a part's log."""
    return tail(Path(state.part(name).log), lines)


def _status(record: PartRecord, *, with_children: bool = True) -> PartStatus:
    alive = record.process.alive
    rss = resident_bytes(record.process.pid, with_children=with_children) if alive else 0
    return PartStatus(record=record, alive=alive, rss_bytes=rss)
