"""`dispatch topics create|list|cat|dead`: topics, decoded."""

import asyncio
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dispatch.connection import Connection, connect
from dispatch.console import err, out, write_json
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS, CONSUMED_TOPICS, DEAD_SUFFIX, Topic
from kernel.domain.errors import ConfigError, UndecodableMessage
from kernel.stream.admin import TopicSettings, create_topics, list_topics
from kernel.stream.dead_letter import read_headers
from kernel.stream.producer import KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make, list and read topics.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_HEX_SHOWN = 64


@app.command("create")
def create(
    partitions: Annotated[int, typer.Option("--partitions", min=1)] = 4,
    replicas: Annotated[int, typer.Option("--replicas", min=1)] = 1,
    retention_days: Annotated[int, typer.Option("--retention-days", min=1)] = 30,
) -> None:
    """Make the topics that are missing."""
    connection = connect()
    settings = TopicSettings(
        prefix=connection.prefix, partitions=partitions, replicas=replicas, retention_days=retention_days
    )
    made = asyncio.run(create_topics(connection.kafka, settings))
    err.print("\n".join(f"made {name}" for name in made) or "all topics are there")


@app.command("list")
def show_list(as_json: AsJson = False) -> None:
    """List topics with their partitions."""
    connection = connect()
    found = asyncio.run(list_topics(connection.kafka, connection.prefix))
    if as_json:
        write_json(found)
        return
    for name, partitions in found.items():
        out.print(f"{name:<32} {partitions} partitions", markup=False)


@app.command("cat")
def cat(
    topic: Annotated[str, typer.Argument(help=f"One of {', '.join(t.name for t in ALL_TOPICS)}.")],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="At most this many, oldest first.")
    ] = 1000,
    as_json: AsJson = False,
) -> None:
    """Show a topic's messages, decoded."""
    known = _topic(topic)
    connection = connect()
    rows = asyncio.run(_read(connection, [known.full_name(connection.prefix)], limit))
    decoded = [_decoded(known, record) for record in rows]
    if as_json:
        write_json(decoded)
        return
    for row in decoded:
        out.print(f"{row['partition']}/{row['offset']} {row['written_at']}", markup=False)
        out.print_json(data=row["message"], default=str)


@app.command("dead")
def dead(
    topic: Annotated[str | None, typer.Argument(help="Only those of this topic.")] = None,
    requeue: Annotated[
        bool, typer.Option("--requeue", help="Send them back to where they came from.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before requeueing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show dead letters: where from, why, and the bytes; or send them back."""
    connection = connect()
    topics = [_topic(topic)] if topic else list(CONSUMED_TOPICS)
    letters = asyncio.run(_read(connection, [t.dead_name(connection.prefix) for t in topics], None))
    rows = [_letter(connection.prefix, record) for record in letters]
    if as_json:
        write_json(rows)
    for row in [] if as_json else rows:
        out.print(f"{row['topic']} {row['partition']}/{row['offset']}: {row['message']}", markup=False)
        out.print(f"  {row['hex']}", markup=False)
    if not rows:
        err.print("no dead letters")
        return
    if requeue:
        _requeue(connection, letters, yes=yes)


def _requeue(connection: Connection, letters: Sequence[StoredRecord], *, yes: bool) -> None:
    if not yes and not typer.confirm(f"send {len(letters)} records back?", err=True):
        sys.exit(1)

    async def send() -> None:
        async with KafkaPublisher(connection.kafka, connection.prefix, "operator") as publisher:
            for record in letters:
                await publisher.publish_raw(record.topic.removesuffix(DEAD_SUFFIX), record.key, record.value)

    asyncio.run(send())
    err.print(f"sent {len(letters)} back; ids are derived, so what was handled before is not handled again")


def _topic(name: str) -> Topic[Any]:
    for topic in ALL_TOPICS:
        if topic.name == name:
            return topic
    raise ConfigError(f"there is no topic {name!r}; topics: {', '.join(t.name for t in ALL_TOPICS)}")


async def _read(connection: Connection, topics: list[str], limit: int | None) -> list[StoredRecord]:
    rows: list[StoredRecord] = []
    async with LogReader(connection.kafka, topics) as reader:
        async for record in reader.to_the_end():
            rows.append(record)
            if len(rows) == limit:
                break
    return rows


def _decoded(topic: Topic[Any], record: StoredRecord) -> dict[str, Any]:
    try:
        message: Any = Codec().decode(topic, record.value or b"").model_dump()
    except UndecodableMessage as e:
        message = {"undecodable": str(e)}
    return {
        "partition": record.partition,
        "offset": record.offset,
        "written_at": record.written_at.isoformat(),
        "key": (record.key or b"").decode("utf-8", "replace"),
        "message": _without_bytes(message),
    }


def _letter(prefix: str, record: StoredRecord) -> dict[str, str]:
    figures = read_headers(list(record.headers))
    return {
        **figures,
        "topic": figures.get("topic", record.topic).removeprefix(prefix),
        "hex": (record.value or b"")[:_HEX_SHOWN].hex(),
    }


def _without_bytes(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"<{len(value)} bytes>"
    if isinstance(value, dict):
        return {key: _without_bytes(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_bytes(inner) for inner in value]
    return value
