"""Where a process under test is struck: a plan the test writes, and what the process does when it comes there.

A failpoint names a boundary and an order; it strikes at the first passage, once in a process's life. A hold says so in
the folder and lasts until the test lets all go, or ends the process.
"""

import asyncio
import json
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

import psycopg

from tests.chaos.matrix.cells import Boundary

_LOOK_EVERY_S = 0.02
_LOSE_ALL = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name <> 'referee'
"""


class Act(StrEnum):
    """What happens at a failpoint; the last five happen to the POST on its way."""

    HOLD = "hold"
    LOSE_DATABASE = "lose the database"
    CONNECT_TIMEOUT = "connect time-out"
    CONNECT_RESET = "connect reset"
    BLACK_HOLE = "black hole"
    SLOW_ROAD = "slow road"
    SEND_TWICE = "send twice"


@dataclass(frozen=True, slots=True)
class Failpoint:
    """`boundary` and the order it waits for."""

    boundary: Boundary
    client_order_id: str
    act: Act


class Folder:
    """What test and process tell each other, in files."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self._path

    def write_plan(self, plan: list[Failpoint]) -> None:
        """Say what is to happen, before the process starts."""
        self._plan.write_text(json.dumps([asdict(point) for point in plan]))

    def read_plan(self) -> list[Failpoint]:
        """Return what is to happen."""
        return [
            Failpoint(Boundary(row["boundary"]), row["client_order_id"], Act(row["act"]))
            for row in json.loads(self._plan.read_text())
        ]

    def say_reached(self, point: Failpoint) -> None:
        """Say that a failpoint was struck."""
        self._mark(point).touch()

    def is_reached(self, point: Failpoint) -> bool:
        """Tell whether a failpoint was struck."""
        return self._mark(point).exists()

    def let_go(self) -> None:
        """End every hold, and let the process hear its stream."""
        (self._path / "go").touch()

    def say_past(self, client_order_id: str) -> None:
        """Say that the process is done with an order's record."""
        (self._path / f"past.{client_order_id}").touch()

    def is_past(self, client_order_id: str) -> bool:
        """Tell whether the process is done with an order's record."""
        return (self._path / f"past.{client_order_id}").exists()

    def let_publish(self) -> None:
        """Let the relay take what waits: all steps of the orders under test in one batch."""
        (self._path / "publish").touch()

    @property
    def may_publish(self) -> bool:
        """Whether the relay may run."""
        return (self._path / "publish").exists() or self.is_let_go

    @property
    def is_let_go(self) -> bool:
        """Whether nothing is held any more."""
        return (self._path / "go").exists()

    @property
    def _plan(self) -> Path:
        return self._path / "plan.json"

    def _mark(self, point: Failpoint) -> Path:
        return self._path / f"{point.boundary.name}.{point.act.name}.{point.client_order_id}"


class Failpoints:
    """The failpoints of this process."""

    def __init__(self, folder: Folder, database_url: str) -> None:
        self._folder = folder
        self._database_url = database_url
        self._waiting = set(folder.read_plan())
        relay = {Boundary.BEFORE_PUBLISH, Boundary.AFTER_PUBLISH}
        self._strikes_relay = any(p.boundary in relay and p.act is Act.HOLD for p in self._waiting)

    async def pass_by(self, boundary: Boundary, client_order_id: str | None) -> None:
        """Come to a boundary in the loop."""
        if self._strikes(boundary, client_order_id) is Act.HOLD:
            await self.until_let_go()

    def pass_by_in_thread(self, boundary: Boundary, client_order_id: str | None) -> None:
        """Come to a boundary in a thread of the venue's clients."""
        if self._strikes(boundary, client_order_id) is Act.HOLD:
            while not self._folder.is_let_go:
                time.sleep(_LOOK_EVERY_S)

    def on_the_wire(self, client_order_id: str) -> Act | None:
        """Return what happens to this POST on its way, if anything does."""
        acts = (Act.CONNECT_TIMEOUT, Act.CONNECT_RESET, Act.BLACK_HOLE, Act.SLOW_ROAD, Act.SEND_TWICE)
        return next((a for a in acts if self._take(Boundary.BEFORE_POST, client_order_id, a)), None)

    def say_past(self, client_order_id: str) -> None:
        """Say that this process is done with an order's record."""
        self._folder.say_past(client_order_id)

    async def until_relayed(self) -> None:
        """Wait for the test where the relay itself is to be struck: it must find all orders in one batch."""
        while self._strikes_relay and not self._folder.may_publish:  # noqa: ASYNC110 - as below
            await asyncio.sleep(_LOOK_EVERY_S)

    async def until_let_go(self) -> None:
        """Wait for the test."""
        while not self._folder.is_let_go:  # noqa: ASYNC110 - the word comes from another process
            await asyncio.sleep(_LOOK_EVERY_S)

    def _strikes(self, boundary: Boundary, client_order_id: str | None) -> Act | None:
        for act in (Act.HOLD, Act.LOSE_DATABASE):
            if client_order_id is not None and self._take(boundary, client_order_id, act):
                if act is Act.LOSE_DATABASE:
                    with psycopg.connect(self._database_url, autocommit=True) as connection:
                        connection.execute(_LOSE_ALL)
                return act
        return None

    def _take(self, boundary: Boundary, client_order_id: str, act: Act) -> bool:
        point = Failpoint(boundary, client_order_id, act)
        if point not in self._waiting:
            return False
        self._waiting.discard(point)
        self._folder.say_reached(point)
        return True
