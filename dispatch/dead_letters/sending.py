"""Reads the dead topics, and sends letters back one after another in the order in which they died."""

from collections.abc import Sequence
from typing import Any

from dispatch.connection import Connection
from dispatch.dead_letters.letters import Letter, read_letters
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import Topic
from kernel.domain.errors import TransientError, UnprocessableError
from kernel.stream.reader import LogReader
from kernel.stream.requeue import Requeuer
from kernel.stream.schemas import learn_writers


async def gather(connection: Connection, topics: Sequence[Topic[Any]]) -> list[Letter]:
    """Return every letter of `topics`, oldest first; learns the schemas that writers announced, to decode them."""
    await learn_writers(connection.kafka, connection.prefix, load_store())
    by_name = {topic.dead_name(connection.prefix): topic for topic in topics}
    async with LogReader(connection.kafka, list(by_name)) as reader:
        return read_letters([record async for record in reader.to_the_end()], by_name)


async def send_back(connection: Connection, letters: Sequence[Letter]) -> dict[str, str]:
    """Send `letters` to where they came from; returns why, by address, for those no topic will ever take.

    Raises TransientError that says how many went before Kafka failed; those are marked.
    """
    refused: dict[str, str] = {}
    done = 0
    async with Requeuer(connection.kafka, connection.prefix, "operator") as requeuer:
        for letter in letters:
            topic, record = letter.topic.full_name(connection.prefix), letter.record
            try:
                await requeuer.send_back(letter.place, topic, record.key, record.value, letter.deaths)
            except UnprocessableError as e:
                refused[letter.address] = str(e)
            except TransientError as e:
                raise TransientError(f"{done} of {len(letters)} went back; run it again: {e}") from e
            else:
                done += 1
    return refused
