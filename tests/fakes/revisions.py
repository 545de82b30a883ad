"""Another revision of a message: its schema changed as a later release may change it, and bytes as that release writes them."""

import copy
import io
from collections.abc import Callable
from typing import Any

import fastavro

from kernel.contracts.base import Message
from kernel.contracts.codec import MARKER
from kernel.contracts.resolution import Schema, named_types
from kernel.contracts.schema_store import SchemaStore, load_store, schema_fingerprint
from kernel.contracts.topics import Topic

Change = Callable[[Schema], None]


def own_store() -> SchemaStore:
    """Return a store of this release that other tests' learning does not reach."""
    store = load_store()
    return SchemaStore(store.current_raw, store.history_raw)


def changed(name: str, change: Change) -> Schema:
    """Return today's schema of message `name` after `change`."""
    schema = copy.deepcopy(load_store().current_raw[name])
    change(schema)
    return schema


def with_field(name: str, kind: Any, **rest: Any) -> Change:
    """Add a field at the end of the message."""
    return lambda schema: schema["fields"].append({"name": name, "type": kind, **rest})


def with_symbol(enum: str, symbol: str) -> Change:
    """Add a symbol to an enum, wherever it is defined."""
    return lambda schema: named_types(schema)[enum]["symbols"].append(symbol)


def exported(name: str, schema: Schema) -> dict[str, Any]:
    """Return what the log would say of that schema."""
    return {schema_fingerprint(schema).hex(): {"name": name, "schema": schema}}


def written(schema: Schema, record: dict[str, Any]) -> bytes:
    """Return the wire bytes of `record` as a release with that schema writes it."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(copy.deepcopy(schema)), record)
    return MARKER + schema_fingerprint(schema) + body.getvalue()


def store_of_next(topic: Topic[Any], schema: Schema) -> SchemaStore:
    """Return the store of the release in which `schema` is the next version of that topic's message."""
    store = load_store()
    history = {name: dict(versions) for name, versions in store.history_raw.items()}
    own = history[topic.schema_name]
    own[max(own) + 1] = schema
    return SchemaStore({**store.current_raw, topic.schema_name: schema}, history)


def values(message: Message) -> dict[str, Any]:
    """Return a message's fields as a schema takes them."""
    return message.model_dump()
