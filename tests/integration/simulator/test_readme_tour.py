"""The README's four steps, run as they are printed; what they print is what the README shows."""

import contextlib
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dispatch.stack.waiting import free_ports, wait_until
from kernel.runtime.settings import PROJECT_ROOT
from tests.architecture import markdown

pytestmark = pytest.mark.integration
README = PROJECT_ROOT / "simulator" / "README.md"
_PORT = "8080"


@pytest.fixture
def blocks(tmp_path: Path) -> Iterator[list[tuple[str, str]]]:
    """Run the venue as the first block starts it, on a port that is free; yield the blocks that follow."""
    [port] = free_ports(1)
    text = markdown.section(README.read_text("utf-8"), "Four steps").replace(_PORT, str(port))
    (kind, start), *rest = markdown.blocks(text)
    assert (kind, start.split()[0]) == ("sh", "python")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIMULATOR_")}
    with (tmp_path / "venue.log").open("w") as log:
        venue = subprocess.Popen(
            [sys.executable, *shlex.split(start)[1:]],
            cwd=PROJECT_ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        ready = wait_until(lambda: venue.poll() is not None or _answers(port), deadline_s=60)
        assert ready, (tmp_path / "venue.log").read_text()
        yield rest
    finally:
        venue.terminate()
        venue.wait(timeout=30)


def test_the_four_steps_print_what_the_readme_shows(blocks: list[tuple[str, str]]) -> None:
    names: dict[str, Any] = {}
    printed, shown = "", 0
    for kind, body in blocks:
        if kind == "sh":
            for line in body.splitlines():
                subprocess.run([*shlex.split(line), "--fail", "--silent"], check=True, timeout=30)
        elif kind == "python":
            with contextlib.redirect_stdout(io.StringIO()) as output:
                exec(body, names)
            printed = output.getvalue()
        else:
            assert printed == body
            shown += 1
    assert shown == 4


def _answers(port: int) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://127.0.0.1:{port}/healthz").is_success
    return False
