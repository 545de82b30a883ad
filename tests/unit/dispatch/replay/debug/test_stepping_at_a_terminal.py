"""`dispatch replay --step` as a person has it: a terminal, keys, Ctrl-C."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dispatch.stories import archive
from kernel.contracts.topics import DEFAULT_PREFIX
from tests.fakes.replays import a_recording

DEADLINE_S = 90.0
PROMPT = "[q] stop: "
#: Only the terminal a session controls turns Ctrl-C into an interrupt.
OWN_THE_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from dispatch.cli import main
main()
"""


@pytest.fixture
async def home(tmp_path: Path) -> Path:
    """A run folder whose last demo had four signals."""
    log = await a_recording()
    kept = [replace(r, topic=r.topic.replace(log.prefix, DEFAULT_PREFIX, 1)) for r in log.records]
    (tmp_path / "demo").mkdir()
    archive.save(tmp_path / "demo" / "messages.jsonl", kept)
    return tmp_path


class Terminal:
    """A command at a pseudo-terminal of its own."""

    def __init__(self, home: Path, *words: str) -> None:
        own = {k: v for k, v in os.environ.items() if not k.startswith(("DISPATCH_", "KAFKA_"))}
        self._fd, theirs = pty.openpty()
        self._command = subprocess.Popen(
            [sys.executable, "-c", OWN_THE_TERMINAL, "replay", *words],
            env={**own, "DISPATCH_HOME": str(home), "COLUMNS": "100"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self.seen = ""

    def until(self, text: str, *, times: int = 1) -> None:
        """Read until `text` was seen so many times."""
        deadline = time.monotonic() + DEADLINE_S
        while self.seen.count(text) < times:
            assert time.monotonic() < deadline, self.seen
            if not self._read():
                raise AssertionError(f"it ended without {text!r}: {self.seen}")

    def type(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    def ended(self) -> int:
        """Return the exit code once the command has ended."""
        while self._read():
            pass
        return self._command.wait(DEADLINE_S)

    def close(self) -> None:
        self._command.kill()
        self._command.wait(DEADLINE_S)
        os.close(self._fd)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._fd], [], [], DEADLINE_S)
        assert ready, self.seen
        try:
            data = os.read(self._fd, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode()
        return bool(data)


@pytest.fixture
def terminal(home: Path) -> Iterator[Terminal]:
    opened = Terminal(home, "selector", "--step", "--set", "selector.min_score=90")
    yield opened
    opened.close()


def test_enter_goes_on_and_q_stops(terminal: Terminal) -> None:
    terminal.until(PROMPT)
    assert "1 of 4  SPY  same" in terminal.seen
    assert "2 of 4" not in terminal.seen
    terminal.type("\n")
    terminal.until(PROMPT, times=2)
    assert "2 of 4  SPY  changed" in terminal.seen
    terminal.type("q\n")
    assert terminal.ended() == 1
    assert "stopped before the end: 2 more inputs were not decided" in terminal.seen
    assert "3 of 4" not in terminal.seen


@pytest.mark.parametrize("key", ["\x03", "\x04"])
def test_ctrl_c_and_the_end_of_input_stop_it_with_what_was_decided(terminal: Terminal, key: str) -> None:
    terminal.until(PROMPT)
    terminal.type(key)
    assert terminal.ended() == 0
    assert "stopped before the end: 3 more inputs were not decided" in terminal.seen
    assert "Traceback" not in terminal.seen


def test_without_a_terminal_it_is_one_line_and_exit_code_2(home: Path) -> None:
    command = [sys.executable, "-m", "dispatch", "replay", "selector", "--step"]
    done = subprocess.run(
        command,
        env={**os.environ, "DISPATCH_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("dispatch: --step asks at a terminal")
    assert len(done.stderr.splitlines()) == 1
