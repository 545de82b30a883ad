"""`--into PREFIX`: what a replay decides, written to topics of its own. The only part of a replay that writes.

Entry points: `into_topics`, `ShadowWriter`.
1. Nobody trades on shadow topics: a prefix is refused when it is a pipeline's, or when a consumer group reads under it.
2. What goes there is what a live stage would have written: same keys, same derived ids, in the order of the inputs,
   acknowledged; revision and parameters in `meta` say who decided it. Written twice it has the same ids.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from dispatch.replay.history import Input
from dispatch.replay.observing import Taken
from dispatch.replay.source import KafkaSource, Source
from kernel.contracts.topics import DEFAULT_PREFIX
from kernel.domain.errors import ConfigError
from kernel.stream.admin import create_topics, groups_reading, settings_of, topic_names
from kernel.stream.producer import KafkaPublisher
from kernel.stream.stage import Publisher

_CLIENT = "replay"
#: What Kafka allows in a topic's name, with room for the longest of ours (a prefix of 200 and its dead letters).
_PREFIX = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,198}[._-]$")


class ShadowWriter:
    """An Observer that publishes what is decided."""

    at_once = None

    def __init__(self, publisher: Publisher, announce: Callable[[], Awaitable[None]]) -> None:
        """`announce` says how other revisions write; by the first of their answers they have told."""
        self._publisher = publisher
        self._announce = announce
        #: Messages acknowledged so far.
        self.written = 0

    def begin(self, stage: str, inputs: Sequence[Input]) -> None:
        """See Observer."""

    async def before(self, given: Input) -> None:
        """See Observer."""

    async def after(self, taken: Sequence[Taken]) -> bool:
        """See Observer; raises TransientError when Kafka does not acknowledge."""
        emissions = [emission for each in taken for emission in each.row.replayed]
        if emissions and not self.written:
            await self._announce()
        await self._publisher.publish(emissions)
        self.written += len(emissions)
        return True


def check_prefix(prefix: str, live_prefix: str) -> None:
    """Raise ConfigError where messages under `prefix` could be taken for a pipeline's."""
    if not _PREFIX.match(prefix):
        raise ConfigError(f"--into: {prefix!r} is no prefix; it ends with a dot, like shadow.monday.")
    for known in (live_prefix, DEFAULT_PREFIX):
        if set(topic_names(prefix)) & set(topic_names(known)):
            raise ConfigError(
                f"--into: the stages listen under {known!r}; name another prefix, like shadow.monday."
            )


@asynccontextmanager
async def into_topics(source: Source, prefix: str) -> AsyncIterator[ShadowWriter]:
    """Yield a writer to the topics under `prefix`, made like those of `source` where they are missing.

    Raises ConfigError for a prefix that somebody listens under and where `source` is no Kafka, TransientError when
    Kafka does not answer.
    """
    if not isinstance(source, KafkaSource):
        raise ConfigError("--into writes to Kafka, and no stack runs: start one with `dispatch up`")
    check_prefix(prefix, source.prefix)
    kafka = source.bootstrap_servers
    readers = await groups_reading(kafka, topic_names(prefix))
    if readers:
        topic, group = min(readers.items())
        raise ConfigError(f"--into: the group {group} reads {topic}; name a prefix that nobody reads")
    await create_topics(kafka, replace(await settings_of(kafka, source.prefix), prefix=prefix))
    async with KafkaPublisher(kafka, prefix, _CLIENT) as publisher:
        yield ShadowWriter(publisher, publisher.announce_others)
