"""What a store learns of other releases, and what it refuses to."""

import copy
from typing import Any

import pytest

from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import schema_fingerprint
from kernel.contracts.topics import SIGNALS
from kernel.domain.errors import UndecodableMessage, UnknownSchema
from kernel.testing.builders import a_signal
from tests.fakes.revisions import changed, exported, own_store, values, with_field, written

NEXT = changed("signal", with_field("note", ["null", "string"], default=None))
KEY = schema_fingerprint(NEXT).hex()
DATA = written(NEXT, values(a_signal()) | {"note": "later"})


def test_a_message_of_a_later_release_is_read_once_its_schema_is_learnt() -> None:
    store = own_store()
    with pytest.raises(UnknownSchema) as caught:
        Codec(store).decode(SIGNALS, DATA)
    assert caught.value.fingerprint.hex() == KEY
    assert store.learn(exported("signal", NEXT)) == {}
    assert Codec(store).decode(SIGNALS, DATA) == a_signal()


def test_what_one_store_exports_another_can_learn() -> None:
    ours, theirs = own_store(), own_store()
    ours.learn(exported("signal", NEXT))
    assert theirs.learn(ours.export()) == {}
    assert theirs.export() == ours.export()
    assert Codec(theirs).decode(SIGNALS, DATA) == a_signal()


def test_a_release_announces_what_it_writes_and_knows_it_itself() -> None:
    store = own_store()
    announced = store.announced()
    assert {entry["name"] for entry in announced.values()} == set(store.current_raw)
    assert Codec(store).encode(SIGNALS, a_signal())[2:10].hex() in announced
    assert announced.items() <= store.export().items()


def test_what_is_known_is_never_replaced() -> None:
    store = own_store()
    key = store.fingerprints["signal"].hex()
    assert store.learn({key: {"name": "ticket", "schema": store.current_raw["ticket"]}}) == {}
    assert store.export()[key]["name"] == "signal"


def _with_text_for_a_price(schema: dict[str, Any]) -> None:
    (idea,) = (f["type"] for f in schema["fields"] if f["name"] == "idea")
    (price,) = (f for f in idea["fields"] if f["name"] == "stop_price")
    price["type"] = ["null", "string"]


def _with_cents(schema: dict[str, Any]) -> None:
    (idea,) = (f["type"] for f in schema["fields"] if f["name"] == "idea")
    (price,) = (f for f in idea["fields"] if f["name"] == "stop_price")
    price["type"][1]["scale"] = 2
    schema["fields"].append({"name": "note", "type": ["null", "string"], "default": None})


UNREADABLE = changed("signal", _with_text_for_a_price)
MISREADABLE = changed("signal", _with_cents)


@pytest.mark.parametrize(
    ("offered", "reason"),
    [
        ({"01" * 8: exported("signal", NEXT)[KEY]}, f"has another fingerprint, {KEY}"),
        (exported("hedge", NEXT), "it writes 'hedge' messages, which this release does not know"),
        (exported("ticket", NEXT), "this release cannot read it: the message: written as Signal, read as Ticket"),
        (exported("signal", UNREADABLE), "idea.stop_price: written as string, read as bytes(decimal, 18, 6)"),
        (exported("signal", MISREADABLE), "it would be read as bytes(decimal, 18, 6), another value"),
        ({KEY: {"name": "signal", "schema": {"type": "record"}}}, "is no schema"),
        ({KEY: {"schema": NEXT}}, "is no schema"),
        ({KEY: None}, "is no schema"),
        ({"a key": {"name": "signal", "schema": NEXT}}, "not a fingerprint"),
    ],
)  # fmt: skip
def test_a_schema_that_is_not_what_it_should_be_is_refused_with_the_reason(
    offered: dict[str, Any], reason: str
) -> None:
    store = own_store()
    before = store.export()
    (told,) = store.learn(offered).values()
    assert reason in told
    assert store.export() == before


def test_the_reason_of_a_refusal_is_the_reason_of_the_dead_letter() -> None:
    store = own_store()
    store.learn(exported("signal", UNREADABLE))
    record = values(a_signal())
    record["idea"]["stop_price"] = "600"
    with pytest.raises(UndecodableMessage) as caught:
        Codec(store).decode(SIGNALS, written(UNREADABLE, record))
    assert "this release cannot read it: idea.stop_price: written as string" in str(caught.value)


def test_a_refusal_is_forgotten_when_the_true_schema_comes() -> None:
    store = own_store()
    store.learn({KEY: copy.deepcopy(exported("ticket", NEXT)[KEY])})
    assert store.refusal(bytes.fromhex(KEY))
    assert store.learn(exported("signal", NEXT)) == {}
    assert store.refusal(bytes.fromhex(KEY)) is None
