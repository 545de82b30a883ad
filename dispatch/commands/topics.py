"""`dispatch topics create|list|cat|dead`: topics, decoded."""

import asyncio
from typing import Annotated, Any

import typer

from dispatch.commands.dead import dead
from dispatch.connection import Connection, connect
from dispatch.console import err, out, write_json
from dispatch.plain import without_bytes
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS, Topic
from kernel.domain.errors import ConfigError, UndecodableMessage
from kernel.stream.admin import TopicSettings, create_topics, list_topics
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.schemas import learn_writers

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Make, list and read topics.")
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


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


app.command("dead")(dead)


def _topic(name: str) -> Topic[Any]:
    for topic in ALL_TOPICS:
        if topic.name == name:
            return topic
    raise ConfigError(f"there is no topic {name!r}; topics: {', '.join(t.name for t in ALL_TOPICS)}")


async def _read(connection: Connection, topics: list[str], limit: int | None) -> list[StoredRecord]:
    rows: list[StoredRecord] = []
    await learn_writers(connection.kafka, connection.prefix)
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
        "message": without_bytes(message),
    }
