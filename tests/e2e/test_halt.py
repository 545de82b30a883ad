"""The switch on the whole stack: nothing is sent after a halt has returned, restarts change nothing, a resume does."""

import json
import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest

from dispatch.stack.options import RunFolder
from dispatch.stack.state import read_state
from tests.e2e.conftest import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
DEADLINE_S = 120.0


class Stack:
    """A stack that `dispatch up` started, and its venue's journal."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def done(self, *words: str, code: int = 0) -> CompletedProcess[str]:
        done = self.operator.run(*words)
        assert done.returncode == code, (words, done.stdout[-2000:], done.stderr[-3000:])
        return done

    def up(self) -> None:
        self.done("up")

    def status(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.done("status", "--json").stdout)
        return document

    def journal(self) -> list[dict[str, Any]]:
        state = read_state(RunFolder(self.operator.home))
        assert state is not None
        rows: list[dict[str, Any]] = httpx.get(
            f"{state.urls['venue']}/sim/journal", params={"limit": 100_000}, timeout=10
        ).json()
        return rows

    def accepted(self) -> int:
        return sum(row["kind"] == "order_accepted" for row in self.journal())

    def posts_after(self, seq: int) -> list[dict[str, Any]]:
        """Return the requests for an order that the venue saw after a row of its journal, refused ones too."""
        return [
            row
            for row in self.journal()
            if row["seq"] > seq
            and row["kind"] == "request"
            and row["method"] == "POST"
            and row["path"] == "/v2/orders"
        ]

    def signal(self, underlying: str = "SPY") -> str:
        done = self.done(
            "signal", underlying, "--direction", "bullish", "--strategy", "swing", "--wait", "--wait-s", "60"
        )
        return done.stdout


@pytest.fixture
def stack(operator: Operator) -> Iterator[Stack]:
    running = Stack(operator)
    running.up()
    try:
        yield running
    finally:
        operator.run("down")


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)


def test_a_halt_under_load_holds_through_restarts_until_somebody_resumes(stack: Stack) -> None:
    with ThreadPoolExecutor(1) as pool:
        load: Future[CompletedProcess[str]] = pool.submit(
            stack.operator.run, "demo", "--attach", "--signals", "60", "--json", "-"
        )
        until(lambda: stack.accepted() >= 5)
        halted = json.loads(stack.done("halt", "--reason", "a drill", "--json").stdout)
        last = stack.journal()[-1]["seq"]
        assert (halted["state"], halted["changed"], halted["drained"]) == ("HALTED", True, True)
        summary = json.loads(load.result().stdout)
    assert stack.posts_after(last) == []
    assert summary["rejections"].get("TRADING_HALTED", 0) > 0, summary["rejections"]

    stack.done("down")
    stack.up()

    control = stack.status()["control"]
    assert (control["state"], control["reason"], control["version"]) == (
        "HALTED",
        "a drill",
        halted["version"],
    )
    assert stack.done("status").stdout.splitlines()[0].startswith("trading: HALTED  by ")
    before = stack.accepted()
    assert re.search(r"trading is halted", stack.signal())
    assert stack.accepted() == before

    stack.done("resume", "--reason", "the drill is over")

    assert "filled" in stack.signal("QQQ")
    assert stack.accepted() == before + 1
    told = json.loads(stack.done("topics", "cat", "control", "--json").stdout)
    assert [(row["message"]["state"], row["message"]["version"]) for row in told] == [
        ("HALTED", halted["version"]),
        ("ACTIVE", halted["version"] + 1),
    ]
