import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dispatch.stack import launch
from dispatch.stack.errors import StackError
from dispatch.stack.processes import Backoff, ChildProcess, ProcessSpec, stop_all, tail
from dispatch.stack.state import ProcessId
from dispatch.stack.waiting import wait_until
from kernel.runtime.settings import PROJECT_ROOT

OBEDIENT = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


def start(code: str, log: Path, **more: object) -> ChildProcess:
    """Start Python code and wait for its first line."""
    child = ChildProcess.start(
        ProcessSpec(name="it", command=[sys.executable, "-c", code], log_path=log, **more)  # type: ignore[arg-type]
    )
    assert wait_until(lambda: not child.running or "up" in tail(log), 10)
    return child


def test_a_process_that_obeys_ends_by_the_stop_signal(tmp_path: Path) -> None:
    child = start(OBEDIENT, tmp_path / "log")
    assert child.stop() == -signal.SIGTERM


def test_a_process_that_ignores_the_stop_signal_is_killed_at_the_deadline(tmp_path: Path) -> None:
    child = start(STUBBORN, tmp_path / "log", stop_deadline_s=0.2)
    assert child.stop() == -signal.SIGKILL


def test_stopping_takes_the_whole_process_group(tmp_path: Path) -> None:
    code = f"import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); print(p.pid, flush=True); p.wait()"
    child = start(code, tmp_path / "log", stop_deadline_s=0.2)
    grandchild = ProcessId.of(int(tail(tmp_path / "log").split()[0]))
    assert grandchild.alive
    child.stop()
    assert wait_until(lambda: not grandchild.alive, 5)


def test_the_exit_code_and_the_output_of_a_process_are_kept(tmp_path: Path) -> None:
    child = start("import sys; print('up'); print('no', file=sys.stderr); sys.exit(3)", tmp_path / "log")
    assert wait_until(lambda: not child.running, 10)
    assert child.exit_code == 3
    assert child.log_tail().splitlines() == ["up", "no"]


def test_several_processes_stop_together(tmp_path: Path) -> None:
    children = [start(OBEDIENT, tmp_path / f"log{n}") for n in range(3)]
    stop_all(children)
    assert [child.exit_code for child in children] == [-signal.SIGTERM] * 3


def test_a_program_that_is_not_there_ends_at_once_and_says_so(tmp_path: Path) -> None:
    child = ChildProcess.start(
        ProcessSpec(name="it", command=["/no/such/program"], log_path=tmp_path / "log")
    )
    assert wait_until(lambda: not child.running, 10)
    assert child.exit_code != 0
    assert "/no/such/program" in child.log_tail() or "No such file" in child.log_tail()


def test_a_folder_that_is_not_there_is_an_error_with_the_name(tmp_path: Path) -> None:
    spec = ProcessSpec(name="it", command=["true"], log_path=tmp_path / "log", folder=tmp_path / "nowhere")
    with pytest.raises(StackError, match="cannot start it"):
        ChildProcess.start(spec)


def test_children_die_with_an_owner_that_is_killed(tmp_path: Path) -> None:
    owner = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""
import sys, threading, time
from pathlib import Path
from dispatch.stack.processes import ChildProcess, ProcessSpec, tail
from dispatch.stack.waiting import wait_until
def begin():
    log = Path({str(tmp_path / "log")!r})
    child = ChildProcess.start(ProcessSpec(name="it", command=[sys.executable, "-c", {STUBBORN!r}], log_path=log))
    assert wait_until(lambda: "up" in tail(log), 10)
    print(child.pid, flush=True)
thread = threading.Thread(target=begin)
thread.start()
thread.join()  # the end of the thread that started it must not take the child with it
print("joined", flush=True)
time.sleep(600)
""",
        ],
        stdout=subprocess.PIPE,
        cwd=PROJECT_ROOT,
    )
    assert owner.stdout is not None
    child = ProcessId.of(int(owner.stdout.readline()))
    assert owner.stdout.readline() == b"joined\n"
    assert not wait_until(lambda: not child.alive, 0.5)
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert wait_until(lambda: not child.alive, 5)


def test_where_the_kernel_cannot_help_a_pipe_tells_that_the_owner_died(tmp_path: Path) -> None:
    watcher = _watching(STUBBORN, tmp_path / "log")
    [program] = _children(watcher.pid)
    assert watcher.stdin is not None
    watcher.stdin.close()
    assert watcher.wait(10) == -signal.SIGKILL % 256
    assert not program.alive


def test_the_watching_launcher_passes_the_exit_code_on(tmp_path: Path) -> None:
    watcher = _watching("import sys; print('up', flush=True); sys.exit(7)", tmp_path / "log")
    assert watcher.wait(10) == 7
    assert watcher.stdin is not None
    watcher.stdin.close()


@pytest.mark.parametrize(("crashes", "delay_s"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (10_000, 30.0)])
def test_the_delay_doubles_with_every_crash_up_to_a_limit(crashes: int, delay_s: float) -> None:
    assert Backoff().delay_s(crashes) == delay_s


def test_a_long_run_forgives_earlier_crashes() -> None:
    assert Backoff().crashes_in_a_row(5, ran_s=60.0) == 1
    assert Backoff().crashes_in_a_row(5, ran_s=59.9) == 6


def _watching(code: str, log: Path) -> "subprocess.Popen[bytes]":
    script = f"import sys; sys.path.insert(0, {str(Path(launch.__file__).parent)!r}); import launch; sys.exit(launch.watch(sys.argv[1:], 9) % 256)"
    with log.open("wb") as output:
        watcher = subprocess.Popen(
            [sys.executable, "-c", script, sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=output,
            env=dict(os.environ),
        )
    assert wait_until(lambda: "up" in tail(log), 10)
    return watcher


def _children(pid: int) -> list[ProcessId]:
    import psutil

    return [ProcessId.of(child.pid) for child in psutil.Process(pid).children()]
