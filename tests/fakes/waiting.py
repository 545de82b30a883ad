"""Waiting for what nobody tells."""

import asyncio
import inspect
from collections.abc import Callable


async def eventually(
    holds: Callable[[], object], *tasks: asyncio.Task[None], within_s: float = 60, every_s: float = 0.01
) -> None:
    """Poll until `holds` does, which may be asynchronous; a task that ends meanwhile fails the test."""
    async with asyncio.timeout(within_s):
        while True:
            answer = holds()
            if await answer if inspect.isawaitable(answer) else answer:
                return
            for task in tasks:
                if task.done():
                    task.result()
            await asyncio.sleep(every_s)
