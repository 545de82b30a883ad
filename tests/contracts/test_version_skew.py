"""Releases side by side, for every message: the older reads what the newer writes and the other way round, values kept.

The next release is made up: what a later version may add (a field with a default, a symbol) is added to today's schema.
"""

import copy
import io
from itertools import permutations
from typing import Any

import fastavro
import pytest
from pydantic import create_model

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.evolution import pair_problems
from kernel.contracts.resolution import Schema, named_types, unwritten
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import Topic
from kernel.domain.errors import UndecodableMessage
from tests.contracts.samples import SAMPLED
from tests.fakes.revisions import (
    changed,
    exported,
    own_store,
    store_of_next,
    values,
    with_field,
    with_symbol,
    written,
)

STORE = load_store()
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 6}
each_sample = pytest.mark.parametrize(("topic", "message"), SAMPLED, ids=[t.name for t, _ in SAMPLED])

#: A field a later release may add, the value it writes, and its type in the model.
ADDED: dict[str, tuple[Any, Any, Any, Any]] = {
    "text that may be missing": (["null", "string"], None, "later", str | None),
    "text": ("string", "", "later", str),
    "a whole number": ("long", 0, 7, int),
    "a map": ({"type": "map", "values": "long"}, {}, {"SPY": 3}, dict[str, int]),
}
ENUMS = [
    (topic, message, enum)
    for topic, message in SAMPLED
    for enum, kind in named_types(STORE.current_raw[topic.schema_name]).items()
    if kind["type"] == "enum" and "." not in enum
]
each_enum = pytest.mark.parametrize(
    ("topic", "message", "enum"), ENUMS, ids=[f"{t.name}-{e}" for t, _, e in ENUMS]
)
#: Enums that only tell what happened: their models know the default, so a reader goes on. On the others a stage acts.
#: Nothing is decided on a control message either; the default of its state is the one that lets nothing through.
FOR_THE_RECORD = {"OrderStatus", "RejectionCode", "ControlState"}


def older() -> Codec:
    """Return this release's codec."""
    return Codec(own_store())


def older_that_learnt(topic: Topic[Any], schema: Schema) -> Codec:
    """Return this release's codec after the log told it of `schema`."""
    store = own_store()
    assert store.learn(exported(topic.schema_name, schema)) == {}
    return Codec(store)


def next_topic(topic: Topic[Any], kind: Any, default: Any) -> Topic[Any]:
    """Return the topic as the next release has it: its model has the field too."""
    model = create_model(topic.model.__name__, __base__=topic.model, added=(kind, default))
    return Topic(topic.name, model, topic.schema_name, topic.key)


@pytest.mark.parametrize("what", ADDED)
@each_sample
def test_an_older_reader_keeps_every_value_it_knows_of_a_newer_message(
    topic: Topic[Any], message: Message, what: str
) -> None:
    kind, default, value, _ = ADDED[what]
    schema = changed(topic.schema_name, with_field("added", kind, default=default))
    data = written(schema, values(message) | {"added": value})
    assert older_that_learnt(topic, schema).decode(topic, data) == message


@pytest.mark.parametrize("what", ADDED)
@each_sample
def test_a_newer_reader_gives_the_default_to_an_older_message_and_keeps_its_own(
    topic: Topic[Any], message: Message, what: str
) -> None:
    kind, default, value, annotation = ADDED[what]
    schema = changed(topic.schema_name, with_field("added", kind, default=default))
    newer, later = Codec(store_of_next(topic, schema)), next_topic(topic, annotation, default)
    read = newer.decode(later, older().encode(topic, message))
    assert (values(read), read.added) == (values(message) | {"added": default}, default)
    own = read.model_copy(update={"added": value})
    assert newer.decode(later, newer.encode(later, own)) == own


@each_sample
def test_fields_added_in_every_record_inside_are_passed_over(topic: Topic[Any], message: Message) -> None:
    schema = copy.deepcopy(STORE.current_raw[topic.schema_name])
    for name, kind in named_types(schema).items():
        if "fields" in kind and "." not in name:
            kind["fields"].insert(1, {"name": "added", "type": ["null", DECIMAL], "default": None})
    assert pair_problems(STORE.current_raw[topic.schema_name], schema) == []
    assert older_that_learnt(topic, schema).decode(topic, written(schema, values(message))) == message


@each_sample
def test_an_older_reader_reads_two_newer_releases_at_once(topic: Topic[Any], message: Message) -> None:
    first = changed(topic.schema_name, with_field("added", ["null", "string"], default=None))
    second = copy.deepcopy(first)
    second["fields"].append({"name": "added_later", "type": ["null", "long"], "default": None})
    store = own_store()
    for schema in (second, first):
        assert store.learn(exported(topic.schema_name, schema)) == {}
        assert Codec(store).decode(topic, written(schema, values(message))) == message


@each_sample
def test_a_release_that_was_rolled_back_is_read_by_the_one_that_follows(
    topic: Topic[Any], message: Message
) -> None:
    tried = changed(topic.schema_name, with_field("tried", ["null", "string"], default=None))
    follows = changed(topic.schema_name, with_field("added", ["null", "string"], default=None))
    store = store_of_next(topic, follows)
    assert store.learn(exported(topic.schema_name, tried)) == {}
    data = written(tried, values(message) | {"tried": "given up"})
    read = Codec(store).decode(next_topic(topic, str | None, None), data)
    assert values(read) == values(message) | {"added": None}


@each_enum
def test_a_symbol_an_older_release_does_not_know_falls_to_the_default(
    topic: Topic[Any], message: Message, enum: str
) -> None:
    today = STORE.current_raw[topic.schema_name]
    schema = changed(topic.schema_name, with_symbol(enum, "ADDED_LATER"))
    assert pair_problems(today, schema) == []
    default = named_types(schema)[enum]["default"]
    written_so = _resolved(schema, today, _with_symbol(topic, message, enum, "ADDED_LATER"))
    assert written_so == _resolved(today, today, _with_symbol(topic, message, enum, default))


@each_enum
def test_nothing_is_decided_on_a_symbol_nobody_here_knows(
    topic: Topic[Any], message: Message, enum: str
) -> None:
    schema = changed(topic.schema_name, with_symbol(enum, "ADDED_LATER"))
    data = written(schema, _with_symbol(topic, message, enum, "ADDED_LATER"))
    codec = older_that_learnt(topic, schema)
    if enum in FOR_THE_RECORD:
        read = codec.decode(topic, data)
        as_default = _with_symbol(topic, message, enum, named_types(schema)[enum]["default"])
        assert codec.encode(topic, read) == written(STORE.current_raw[topic.schema_name], as_default)
    else:
        with pytest.raises(UndecodableMessage, match=r"^written by another release, .* \(was 'UNKNOWN'\)"):
            codec.decode(topic, data)


def _resolved(writer: Schema, reader: Schema, record: dict[str, Any]) -> Any:
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(copy.deepcopy(writer)), record)
    body.seek(0)
    return fastavro.schemaless_reader(
        body, fastavro.parse_schema(copy.deepcopy(writer)), fastavro.parse_schema(copy.deepcopy(reader))
    )


def _with_symbol(topic: Topic[Any], message: Message, enum: str, symbol: str) -> dict[str, Any]:
    """Return the message's fields with `symbol` wherever a value of that enum stands."""
    known = named_types(STORE.current_raw[topic.schema_name])

    def put(value: Any, kind: Any) -> Any:
        branches = kind if isinstance(kind, list) else [kind]
        described = next(
            (known.get(str(b), b) for b in branches if isinstance(b, dict) or str(b) in known), None
        )
        if described is None or value is None:
            return value
        if described["type"] == "enum":
            return symbol if described["name"] == enum else value
        if described["type"] == "array":
            return [put(item, described["items"]) for item in value]
        return (
            {f["name"]: put(value[f["name"]], f["type"]) for f in described["fields"]}
            if "fields" in described
            else value
        )

    changed_fields: dict[str, Any] = put(values(message), topic.model.__name__)
    assert changed_fields != values(message), "the sample message has no field of this enum"
    return changed_fields


@each_sample
def test_every_version_there_ever_was_reads_every_other(topic: Topic[Any], message: Message) -> None:
    for reader, writer in permutations(STORE.history_raw[topic.schema_name].values(), 2):
        read = _resolved(writer, reader, values(message))
        written_fields = {field["name"] for field in writer["fields"]}
        same = _resolved(writer, writer, values(message))
        assert {k: v for k, v in read.items() if k in written_fields} == {
            k: same[k] for k in read if k in same
        }


def test_fields_a_writer_did_not_know_are_named_inside_records_lists_and_unions_too() -> None:
    reader = changed("ticket", with_field("note", ["null", "string"], default=None))
    named_types(reader)["Leg"]["fields"].append(
        {"name": "gamma", "type": ["null", "double"], "default": None}
    )
    writer = changed("ticket", lambda schema: None)
    assert unwritten(reader, writer) == {"note", "legs.gamma"}
    assert unwritten(writer, reader) == unwritten(writer, writer) == frozenset()
