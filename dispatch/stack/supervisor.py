"""The process behind `dispatch up`: `python -m dispatch.stack.supervisor OPTIONS_FILE` runs a LocalStack until SIGTERM.

Entry points for other processes: `start_background`, `stop_background`; `state.read_state` finds what runs.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder, StackOptions
from dispatch.stack.processes import tail
from dispatch.stack.stack import LocalStack
from dispatch.stack.state import StackState, load_state, read_state
from dispatch.stack.waiting import wait_until
from kernel.domain.errors import TradingError
from kernel.runtime.settings import PROJECT_ROOT

START_DEADLINE_S = 300.0
STOP_DEADLINE_S = 60.0
# Kept so that the interpreter does not warn about a child it no longer knows, and so that we can wait for it.
_started_here: dict[int, "subprocess.Popen[bytes]"] = {}


def start_background(
    options: StackOptions, on_state: Callable[[StackState], None] = lambda _state: None
) -> StackState:
    """Start a supervisor and return its state once all runs; raises StackError with the reason if it gave up.

    `on_state` is called with every state seen on the way.
    """
    folder = options.folder
    running = read_state(folder)
    if running is not None:
        raise StackError(
            f"a stack runs in {folder.path} already (pid {running.owner.pid}); stop it with `dispatch down`"
        )
    supervisor = _spawn(options, folder)
    seen: StackState | None = None
    end = time.monotonic() + START_DEADLINE_S
    while supervisor.poll() is None and time.monotonic() < end:
        state = load_state(folder)
        if state is not None and state != seen:
            on_state(state)
            seen = state
        if state is not None and state.phase == "running":
            _started_here[supervisor.pid] = supervisor
            return state
        time.sleep(0.1)
    supervisor.terminate()
    supervisor.wait()
    raise StackError(tail(folder.log("supervisor"), 1) or "the stack did not start")


def stop_background(folder: RunFolder) -> bool:
    """Stop the stack that runs in the folder, by force after a minute; False if none does."""
    state = read_state(folder)
    if state is None:
        return False
    with suppress(ProcessLookupError):
        os.kill(state.owner.pid, signal.SIGTERM)
    if not wait_until(lambda: not state.owner.alive, STOP_DEADLINE_S):
        with suppress(ProcessLookupError):
            os.kill(state.owner.pid, signal.SIGKILL)  # its children die with it
        wait_until(lambda: not state.owner.alive, STOP_DEADLINE_S)
    ours = _started_here.pop(state.owner.pid, None)
    if ours:
        ours.wait()
    read_state(folder)  # removes what a killed owner left
    return True


def main(options_file: Path) -> int:
    """Run the stack of the options file until SIGTERM; returns the exit code."""
    options = StackOptions.model_validate_json(options_file.read_text())
    try:
        with LocalStack(
            options, on_event=lambda e: print(f"{e.elapsed_s:7.1f} s {e.part} {e.state} {e.detail}")
        ) as stack:
            while stack.failure is None:
                time.sleep(0.2)
            failure = stack.failure
    except TradingError as e:
        failure = str(e)
    print(failure, file=sys.stderr)
    return 1


def _spawn(options: StackOptions, folder: RunFolder) -> "subprocess.Popen[bytes]":
    log = folder.log("supervisor")
    log.parent.mkdir(parents=True, exist_ok=True)
    folder.options.write_text(options.model_dump_json(indent=2))
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-u", "-m", "dispatch.stack.supervisor", str(folder.options)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT_ROOT,
            start_new_session=True,
        )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
