"""Runs lives side by side on shared servers."""

import asyncio
import traceback
from collections.abc import Sequence
from pathlib import Path

from tests.chaos.matrix.lives import Life
from tests.chaos.matrix.living import live
from tests.chaos.matrix.referee import Verdict
from tests.chaos.matrix.world import Servers

#: Most of a life is waiting for time-outs; two keep two cores busy.
_AT_ONCE = 3


async def run_lives(servers: Servers, lives: Sequence[Life], folder: Path) -> list[Verdict]:
    """Run `lives`; one that fails before its end fails all its cells, in words."""
    seats = asyncio.Semaphore(_AT_ONCE)

    async def one(life: Life) -> list[Verdict]:
        home = folder / life.name
        home.mkdir(parents=True)
        async with seats:
            try:
                return await live(servers, life, home)
            except Exception as e:  # noqa: BLE001 - whatever it was, the other lives go on and the report has it
                (home / "failure.txt").write_text(traceback.format_exc())
                wrong = (f"the life {life.name} failed: {type(e).__name__}: {e} (logs: {home})",)
                return [Verdict(cell, wrong, (), 0) for cell in life.cells]

    return [verdict for part in await asyncio.gather(*(one(life) for life in lives)) for verdict in part]
