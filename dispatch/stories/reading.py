"""Gathers stories from the running stack's topics, or from the last demo's archive."""

import asyncio
import os
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dispatch.connection import connect, last_demo_archive, running_stack
from dispatch.console import err
from dispatch.stack.errors import StackError
from dispatch.stories import archive
from dispatch.stories.story import STORY_TOPICS, Library
from kernel.contracts.topics import DEFAULT_PREFIX, EVIDENCE, Topic
from kernel.stream.reader import LogReader
from kernel.stream.schemas import learn_writers


def read_stories(
    environ: Mapping[str, str] = os.environ, *, since: datetime | None = None, evidence: bool = False
) -> Library:
    """Return every story written since `since` (wall clock; None: all). Without `evidence`, that topic is left out.

    Where no stack runs and none is named, they are the last demo's, which standard error says; raises StackError when
    there was none.
    """
    if "KAFKA_BOOTSTRAP_SERVERS" not in environ and running_stack(environ) is None:
        saved = last_demo_archive(environ)
        if not saved.exists():
            raise StackError(
                "there is nothing to look back on: run `dispatch demo`, or start a stack with `dispatch up`"
            )
        err.print(f"no stack runs; these are the last demo's messages ({saved})", markup=False)
        library = Library(DEFAULT_PREFIX)
        library.add_all(r for r in archive.load(saved) if since is None or r.written_at >= since)
        return library
    connection = connect(environ)
    topics = [t for t in STORY_TOPICS if evidence or t.name != EVIDENCE.name]
    return asyncio.run(_read(connection.kafka, connection.prefix, topics, since))


async def _read(kafka: str, prefix: str, topics: list[Topic[Any]], since: datetime | None) -> Library:
    await learn_writers(kafka, prefix)
    library = Library(prefix)
    async with LogReader(kafka, [t.full_name(prefix) for t in topics]) as reader:
        if since is not None:
            await reader.since(since)
        async for record in reader.to_the_end():
            library.add(record)
    return library
