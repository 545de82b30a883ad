import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder
from dispatch.stack.ownership import owned
from dispatch.stack.state import (
    PartRecord,
    ProcessId,
    StackState,
    load_state,
    part_log,
    part_statuses,
    read_state,
    write_state,
)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path)


def state_of(owner: ProcessId, *parts: PartRecord) -> StackState:
    return StackState(
        owner=owner, phase="running", environment={"DATABASE_URL": "postgresql://u:p@h/d"}, parts=parts
    )


def us() -> ProcessId:
    return ProcessId.of(os.getpid())


def dead() -> ProcessId:
    process = subprocess.Popen([sys.executable, "-c", ""])
    identity = ProcessId.of(process.pid)
    process.wait()
    return identity


def test_a_state_is_read_as_it_was_written(folder: RunFolder) -> None:
    state = state_of(us())
    write_state(folder, state)
    assert read_state(folder) == state


def test_only_its_owner_may_read_the_state(folder: RunFolder) -> None:
    write_state(folder, state_of(us()))
    assert stat.S_IMODE(folder.state.stat().st_mode) == 0o600


def test_the_state_of_a_dead_owner_is_removed(folder: RunFolder) -> None:
    write_state(folder, state_of(dead()))
    assert read_state(folder) is None
    assert not folder.state.exists()


def test_a_pid_that_another_program_got_meanwhile_does_not_count(folder: RunFolder) -> None:
    other = ProcessId(pid=os.getpid(), created=us().created - 3600)
    write_state(folder, state_of(other))
    assert read_state(folder) is None


def test_a_damaged_state_is_an_error_that_names_the_file(folder: RunFolder) -> None:
    folder.state.write_text('{"owner": ')
    with pytest.raises(StackError, match=r"state\.json is damaged; delete it"):
        load_state(folder)


def test_the_status_tells_the_living_from_the_dead_and_their_memory(folder: RunFolder) -> None:
    alive = PartRecord(name="sizer", state="ready", process=us(), log="")
    gone = PartRecord(name="selector", state="crashed", process=dead(), log="")
    supervisor, first, second = part_statuses(state_of(us(), alive, gone))
    assert (supervisor.record.name, first.alive, second.alive) == ("supervisor", True, False)
    assert first.rss_bytes > 1_000_000
    assert second.rss_bytes == 0


def test_the_log_of_a_part_is_found_by_its_name(folder: RunFolder) -> None:
    folder.log("sizer").parent.mkdir()
    folder.log("sizer").write_text("one\ntwo\nthree\n")
    state = state_of(
        us(), PartRecord(name="sizer", state="ready", process=us(), log=str(folder.log("sizer")))
    )
    assert part_log(state, "sizer", 2) == "two\nthree"
    with pytest.raises(StackError, match="no part 'sizzer'; it has sizer"):
        part_log(state, "sizzer", 2)


def test_a_run_folder_has_one_owner_at_a_time(folder: RunFolder) -> None:
    with owned(folder), pytest.raises(StackError, match=rf"already \(pid {os.getpid()}\)"), owned(folder):
        pass
    with owned(folder):
        pass
