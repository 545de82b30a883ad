"""Messages as plain JSON: the same bytes again, whoever wrote them."""

import copy
import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.cases.plain import to_plain, to_wire
from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.messages import Evidence, EvidenceItem
from kernel.contracts.schema_store import SchemaStore, load_store, schema_fingerprint
from kernel.contracts.topics import EVIDENCE, SELECTIONS
from kernel.domain.errors import ConfigError
from kernel.testing.builders import NOW, a_meta, a_selection
from tests.contracts.samples import GOLDEN

STORE = load_store()
SELECTION = Codec().encode(SELECTIONS, a_selection())


@pytest.mark.parametrize("file", sorted(GOLDEN.glob("*.hex")), ids=lambda file: file.stem)
def test_every_message_of_every_version_gives_the_same_bytes_again(file: Any) -> None:
    wire = bytes.fromhex(file.read_text("utf-8"))
    fingerprint, plain = to_plain(wire, STORE)
    assert to_wire(fingerprint, json.loads(json.dumps(plain)), STORE) == wire


def test_prices_and_times_can_be_read() -> None:
    _, plain = to_plain(SELECTION, STORE)
    assert (plain["mid"], plain["legs"][0]["quoted_at"]) == ("2.500000", "2026-06-05T14:30:00Z")


@given(body=st.one_of(st.binary(), st.text().map(str.encode)))
def test_bytes_are_the_same_again_whatever_they_are(body: bytes) -> None:
    item = EvidenceItem(name="chain", observed_at=NOW, encoding="any", body=body)
    wire = Codec().encode(EVIDENCE, Evidence(meta=a_meta(), input_id="i", decided_at=NOW, items=(item,)))
    fingerprint, plain = to_plain(wire, STORE)
    assert to_wire(fingerprint, json.loads(json.dumps(plain)), STORE) == wire


def test_text_in_evidence_can_be_read() -> None:
    item = EvidenceItem(name="account", observed_at=NOW, encoding="json", body=b'{"status": "ACTIVE"}')
    message = Evidence(meta=a_meta(), input_id="i", decided_at=NOW, items=(item,))
    _, plain = to_plain(Codec().encode(EVIDENCE, message), STORE)
    assert plain["items"][0]["body"] == 'text:{"status": "ACTIVE"}'


def test_what_a_newer_release_put_in_is_kept() -> None:
    raw = copy.deepcopy(STORE.current_raw["selection"])
    raw["fields"].append({"name": "mood", "type": {"type": "array", "items": "dispatch.Leg"}, "default": []})
    key = schema_fingerprint(raw)
    store = SchemaStore(STORE.current_raw, STORE.history_raw)
    assert store.learn({key.hex(): {"name": "selection", "schema": raw}}) == {}
    message = a_selection().model_dump()
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(raw), message | {"mood": message["legs"]})
    wire = MARKER + key + body.getvalue()
    fingerprint, plain = to_plain(wire, store)
    assert plain["mood"][0]["occ_symbol"] == "SPY260605C00520000"
    assert to_wire(fingerprint, plain, store) == wire


@pytest.mark.parametrize(
    "change",
    [
        {"mid": "dear"},
        {"mid": None},
        {"meta": {}},
        {"legs": 3},
        {"observed_at": "noon"},
        {"of_late": 1},
        {"structure": "triangle"},
        {"spread_pct": "wide"},
    ],
    ids=str,
)
def test_what_does_not_fit_its_schema_is_refused(change: dict[str, Any]) -> None:
    fingerprint, plain = to_plain(SELECTION, STORE)
    with pytest.raises(ConfigError, match="does not fit schema"):
        to_wire(fingerprint, plain | change, STORE)


@pytest.mark.parametrize("fingerprint", ["0123456789abcdef", "no hex"])
def test_a_schema_nobody_knows_is_refused(fingerprint: str) -> None:
    with pytest.raises(ConfigError, match=fingerprint):
        to_wire(fingerprint, {}, STORE)


def test_a_message_that_would_come_out_otherwise_is_not_kept() -> None:
    """A price may be written with a byte more than it needs; it means the same and is not the same."""
    lean, padded = b"\x06\x26\x25\xa0", b"\x08\x00\x26\x25\xa0"
    assert lean in SELECTION
    with pytest.raises(ConfigError, match="a selection message cannot be kept as text"):
        to_plain(SELECTION.replace(lean, padded), STORE)


@pytest.mark.parametrize("text", ["AA==", "base64:A*A="])
def test_bytes_that_are_not_written_as_bytes_are_refused(text: str) -> None:
    item = EvidenceItem(name="chain", observed_at=NOW, encoding="any", body=b"\x00")
    message = Evidence(meta=a_meta(), input_id="i", decided_at=NOW, items=(item,))
    fingerprint, plain = to_plain(Codec().encode(EVIDENCE, message), STORE)
    plain["items"][0]["body"] = text
    with pytest.raises(ConfigError, match=r"bytes stand behind|base64"):
        to_wire(fingerprint, plain, STORE)
