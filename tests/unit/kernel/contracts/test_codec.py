import copy
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import pytest

from kernel.contracts.base import Message
from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.schema_store import SchemaStore, load_store, schema_fingerprint
from kernel.contracts.topics import EVIDENCE, SELECTIONS, SIGNALS, TICKETS, Topic
from kernel.domain.errors import UndecodableMessage
from kernel.testing.builders import a_selection, a_signal, a_ticket, an_idea
from tests.contracts.samples import SAMPLED, an_evidence

STORE = load_store()


def raw(topic: Topic[Any], record: dict[str, Any]) -> bytes:
    """Return wire bytes of values no model would hold, as a stranger's program could write them."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, STORE.current[topic.schema_name], record)
    return MARKER + STORE.fingerprints[topic.schema_name] + body.getvalue()


def undecodable(topic: Topic[Any], data: bytes) -> str:
    with pytest.raises(UndecodableMessage) as caught:
        Codec().decode(topic, data)
    return str(caught.value)


@pytest.mark.parametrize(("topic", "message"), SAMPLED, ids=[topic.name for topic, _ in SAMPLED])
def test_every_message_comes_back_as_it_was_written(topic: Topic[Any], message: Message) -> None:
    codec = Codec()
    assert codec.decode(topic, codec.encode(topic, message)) == message


def test_the_wire_begins_with_the_marker_and_the_fingerprint_of_the_writers_schema() -> None:
    data = Codec().encode(SIGNALS, a_signal())
    assert data[:2] == bytes.fromhex("c301")
    assert data[2:10] == schema_fingerprint(STORE.current_raw["signal"])


def test_the_fingerprint_is_the_one_avros_specification_gives() -> None:
    # The specification's own example: the schema "int" has the CRC-64-AVRO 7275d51a3f395c8f, here little endian.
    assert schema_fingerprint("int")[::-1].hex() == "7275d51a3f395c8f"  # type: ignore[arg-type]


def test_prices_come_back_exact_and_times_to_the_microsecond() -> None:
    at = datetime(2026, 6, 5, 14, 30, 0, 123456, tzinfo=UTC)
    idea = an_idea(
        expires_at=at, reference_price=Decimal("0.000001"), target_price=Decimal("999999999999.999999")
    )
    codec = Codec()
    back = codec.decode(SIGNALS, codec.encode(SIGNALS, a_signal(idea=idea))).idea
    assert (back.expires_at, back.reference_price) == (at, Decimal("0.000001"))
    assert back.target_price == Decimal("999999999999.999999")


@pytest.mark.parametrize(
    "data", [b"", b"\xc3", b"\xc3\x01", b"\xc3\x01\x00\x00", b"hello, this is no message"]
)
def test_garbage_is_told_by_its_first_bytes(data: bytes) -> None:
    assert "not a single-object Avro message" in undecodable(SIGNALS, data)


def test_an_unknown_fingerprint_is_named() -> None:
    data = Codec().encode(SIGNALS, a_signal())
    reason = undecodable(SIGNALS, data[:2] + b"\x01\x23\x45\x67\x89\xab\xcd\xef" + data[10:])
    assert "unknown schema fingerprint 0123456789abcdef" in reason


def test_another_topics_message_is_refused_by_name() -> None:
    data = Codec().encode(SELECTIONS, a_selection())
    assert undecodable(SIGNALS, data) == "a selection message on the topic of signal messages"


def test_a_message_that_breaks_off_is_refused() -> None:
    data = Codec().encode(SIGNALS, a_signal())
    for length in (10, 11, len(data) // 2, len(data) - 1):
        assert "does not fit signal version 1" in undecodable(SIGNALS, data[:length])


def test_bytes_after_the_end_are_refused() -> None:
    data = Codec().encode(SIGNALS, a_signal())
    assert undecodable(SIGNALS, data + b"\x00") == "bytes follow the end of a signal message"


@pytest.mark.parametrize("price", ["-1.00", "0"])
def test_a_price_that_is_none_is_refused_by_its_field(price: str) -> None:
    record = a_ticket().model_dump() | {"limit_price": Decimal(price)}
    reason = undecodable(TICKETS, raw(TICKETS, record))
    assert reason.startswith("ticket.limit_price: Input should be greater than 0")


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_is_refused_by_its_field(figure: float) -> None:
    record = a_selection().model_dump()
    record["score"]["total"] = figure
    assert undecodable(SELECTIONS, raw(SELECTIONS, record)).startswith("selection.score.total:")


def test_a_symbol_of_a_later_release_is_refused_by_its_field() -> None:
    record = a_signal().model_dump()
    record["idea"]["direction"] = "UNKNOWN"
    assert undecodable(SIGNALS, raw(SIGNALS, record)).startswith("signal.idea.direction:")


def test_five_legs_are_refused() -> None:
    record = a_ticket().model_dump()
    record["legs"] = [record["legs"][0]] * 5
    assert undecodable(TICKETS, raw(TICKETS, record)).startswith("ticket.legs:")


def test_evidence_carries_any_bytes() -> None:
    body = bytes(range(256)) * 100
    item = an_evidence().items[0].model_copy(update={"body": body})
    codec = Codec()
    back = codec.decode(EVIDENCE, codec.encode(EVIDENCE, an_evidence(items=(item,))))
    assert back.items[0].body == body


def test_a_later_releases_extra_field_is_passed_over() -> None:
    second = copy.deepcopy(STORE.current_raw["signal"])
    second["fields"].append({"name": "added_later", "type": "string", "default": ""})
    store = SchemaStore(STORE.current_raw, {"signal": {1: STORE.current_raw["signal"], 2: second}})
    body = io.BytesIO()
    record = a_signal().model_dump() | {"added_later": "x"}
    fastavro.schemaless_writer(body, fastavro.parse_schema(second), record)
    data = MARKER + schema_fingerprint(second) + body.getvalue()
    assert Codec(store).decode(SIGNALS, data) == a_signal()


def test_an_earlier_releases_message_without_a_new_field_gets_its_default() -> None:
    first = copy.deepcopy(STORE.current_raw["signal"])
    first["fields"] = [field for field in first["fields"] if field["name"] != "external_id"]
    store = SchemaStore(STORE.current_raw, {"signal": {1: first, 2: STORE.current_raw["signal"]}})
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(first), a_signal().model_dump())
    data = MARKER + schema_fingerprint(first) + body.getvalue()
    assert Codec(store).decode(SIGNALS, data).external_id is None
