"""One message of each topic, the same for ever: what the golden bytes hold.

`python -m tests.contracts.samples` writes the golden bytes of schema versions that have none yet. It never rewrites a
file: bytes that were written once must stay readable.
"""

import io
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro

from kernel.contracts.base import Message
from kernel.contracts.codec import MARKER
from kernel.contracts.messages import (
    Control,
    Evidence,
    EvidenceItem,
    Execution,
    OrderStatus,
    Rejection,
    RejectionCode,
)
from kernel.contracts.parts import Action
from kernel.contracts.schema_store import load_store, schema_fingerprint
from kernel.contracts.topics import ALL_TOPICS, Topic
from kernel.domain.control import ControlState
from kernel.testing.builders import (
    NOW,
    a_leg,
    a_meta,
    a_selection,
    a_signal,
    a_ticket,
    an_account,
    an_idea,
)

GOLDEN = Path(__file__).parent / "golden"


def an_execution(**values: Any) -> Execution:
    """Return the fill of the sample ticket."""
    defaults: dict[str, Any] = {
        "meta": a_meta("ticket-1", "executor"),
        "idea": an_idea(),
        "ticket_id": "ticket-1",
        "client_order_id": "client-order-1",
        "venue_order_id": "venue-order-1",
        "sequence": 3,
        "status": OrderStatus.FILLED,
        "action": Action.BUY_TO_OPEN,
        "legs": (a_leg(),),
        "contracts": 4,
        "filled_contracts": 4,
        "limit_price": Decimal("2.50"),
        "average_fill_price": Decimal("2.495"),
        "notional_usd": Decimal(998),
        "venue_at": NOW + timedelta(milliseconds=730),
        "reason": None,
    }
    return Execution(**(defaults | values))


def a_rejection(**values: Any) -> Rejection:
    """Return a no of the selector."""
    defaults: dict[str, Any] = {
        "meta": a_meta("signal-1", "selector"),
        "idea": an_idea(),
        "code": RejectionCode.NO_CONTRACT_QUALIFIES,
        "message": "none of 40 contracts qualifies",
        "figures": {"candidates": "40"},
        "rejects": {"VOLUME_TOO_LOW": 28, "SPREAD_TOO_WIDE": 12},
        "account": an_account(),
        "observed_at": NOW,
    }
    return Rejection(**(defaults | values))


def an_evidence(**values: Any) -> Evidence:
    """Return what a decision saw."""
    item = EvidenceItem(name="account", observed_at=NOW, encoding="json", body=b'{"equity":"100000"}')
    defaults: dict[str, Any] = {
        "meta": a_meta("signal-1", "evidence"),
        "input_id": "signal-1",
        "decided_at": NOW,
        "items": (item,),
    }
    return Evidence(**(defaults | values))


def a_control(**values: Any) -> Control:
    """Return a change by a person."""
    defaults: dict[str, Any] = {
        "meta": a_meta("control-2", "operator"),
        "scope": "*",
        "state": ControlState.REDUCING,
        "reason": "the venue shows odd quotes",
        "changed_by": "ada",
        "version": 2,
        "cancel_orders": True,
    }
    return Control(**(defaults | values))


SAMPLES: dict[str, Message] = {
    "signals": a_signal(external_id="tv-1"),
    "selections": a_selection(),
    "tickets": a_ticket(),
    "executions": an_execution(),
    "rejections": a_rejection(),
    "evidence": an_evidence(),
    "control": a_control(),
}
SAMPLED: list[tuple[Topic[Any], Message]] = [(topic, SAMPLES[topic.name]) for topic in ALL_TOPICS]


def golden_file(topic: Topic[Any], version: int) -> Path:
    """Return where the sample's bytes by that schema version are kept, as hex digits."""
    return GOLDEN / f"{topic.schema_name}.{version}.hex"


def bytes_by(topic: Topic[Any], version: int, message: Message) -> bytes:
    """Return the wire bytes of `message` as the release with that schema version wrote them."""
    schema = load_store().history_raw[topic.schema_name][version]
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(schema), message.model_dump())
    return MARKER + schema_fingerprint(schema) + body.getvalue()


def write_missing() -> None:
    """Write the bytes of every schema version where no file holds them yet."""
    for topic, message in SAMPLED:
        for version in load_store().history_raw[topic.schema_name]:
            file = golden_file(topic, version)
            if not file.exists():
                file.write_text(bytes_by(topic, version, message).hex("\n", -40) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_missing()
