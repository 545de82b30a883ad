"""What the gates saw, written so that they can be asked again.

Entry points: `evidence_of`, `seen_in`.
1. `seen_in(evidence_of(…, order, facts))` is what the gates saw: how far `order` was, and `facts`, to the last digit.
2. How far the order was tells which decision it is. NEW: the first. UNKNOWN: again, after the venue had shown no order
   at any look-up. SENDING: again, after the venue's rate limit had turned the request away.
3. It is written in the order's own transaction, on the way of a ticket to the venue: small, and quick to write.
4. A fact that was asked for and not there is written as null; one that no gate knew of yet has no item, and the gates
   that need it are not asked again (`Seen.known`).
"""

import json
from dataclasses import dataclass
from typing import Any

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, EvidenceItem, OrderStatus
from services.executor.core.fact_documents import PARTS
from services.executor.core.facts import Fact, Facts
from services.executor.core.order_life import Order

_ORDER, _JSON = "order", "json"
#: Evidence without these was never written.
_FROM_THE_FIRST = frozenset({Fact.CLOCK, Fact.CALENDAR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a decision of the gates was taken on: the facts, which of them were asked for, and where the order stood."""

    status: OrderStatus
    sequence: int
    facts: Facts
    known: frozenset[Fact]


def evidence_of(meta: Meta, order: Order, facts: Facts) -> Evidence:
    """Return the evidence of a decision of the gates on `order`, as it stood before; `decided_at` is the clock."""
    items = [_item(_ORDER, facts, {"status": order.status.value, "sequence": order.sequence})]
    items += [_item(fact.value, facts, write(facts)) for fact, (write, _) in PARTS.items()]
    return Evidence(meta=meta, input_id=order.ticket.meta.id, decided_at=facts.now, items=tuple(items))


def seen_in(evidence: Evidence) -> Seen:
    """Return what a recorded decision was taken on; raises KeyError, TypeError or ValueError where it cannot be read."""
    found = {item.name: json.loads(item.body) for item in evidence.items}
    known = frozenset(fact for fact in Fact if fact.value in found)
    read: dict[str, Any] = {}
    for fact in PARTS:
        if fact in known or fact in _FROM_THE_FIRST:
            read |= PARTS[fact][1](found[fact.value])
    order = found[_ORDER]
    return Seen(
        status=OrderStatus(order["status"]),
        sequence=order["sequence"],
        facts=Facts(now=evidence.decided_at, **read),
        known=known,
    )


def _item(name: str, facts: Facts, document: object) -> EvidenceItem:
    body = json.dumps(document, separators=(",", ":")).encode()
    return EvidenceItem(name=name, observed_at=facts.now, encoding=_JSON, body=body)
