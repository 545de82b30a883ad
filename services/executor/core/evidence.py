"""What the gates saw, written so that they can be asked again.

Entry points: `evidence_of`, `seen_in`.
1. `seen_in(evidence_of(…, order, facts))` is what the gates saw: how far `order` was, and `facts`, to the last digit.
2. How far the order was tells which decision it is. NEW: the first. UNKNOWN: again, after the venue had shown no order
   at any look-up. SENDING: again, after the venue's rate limit had turned the request away.
3. It is written in the order's own transaction, on the way of a ticket to the venue: small, and quick to write.
"""

import json
from dataclasses import dataclass
from datetime import date

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, EvidenceItem, OrderStatus
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds, moment
from services.executor.core.gates import Facts
from services.executor.core.order_life import Order

_ORDER, _CLOCK, _CALENDAR, _JSON = "order", "clock", "calendar", "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a decision of the gates was taken on: the facts, and where the order stood."""

    status: OrderStatus
    sequence: int
    facts: Facts


def evidence_of(meta: Meta, order: Order, facts: Facts) -> Evidence:
    """Return the evidence of a decision of the gates on `order`, as it stood before; `decided_at` is the clock."""
    calendar = facts.calendar
    return Evidence(
        meta=meta,
        input_id=order.ticket.meta.id,
        decided_at=facts.now,
        items=(
            _item(_ORDER, facts, {"status": order.status.value, "sequence": order.sequence}),
            _item(_CLOCK, facts, {"skew_s": facts.clock_skew_s}),
            _item(
                _CALENDAR,
                facts,
                {
                    "covers_to": None if calendar.covers_to is None else calendar.covers_to.isoformat(),
                    "sessions": [
                        [s.day.isoformat(), microseconds(s.opens_at), microseconds(s.closes_at)]
                        for s in calendar.sessions
                    ],
                },
            ),
        ),
    )


def seen_in(evidence: Evidence) -> Seen:
    """Return what a recorded decision was taken on; raises KeyError, TypeError or ValueError where it cannot be read."""
    found = {item.name: json.loads(item.body) for item in evidence.items}
    order, calendar = found[_ORDER], found[_CALENDAR]
    covers_to = calendar["covers_to"]
    return Seen(
        status=OrderStatus(order["status"]),
        sequence=order["sequence"],
        facts=Facts(
            now=evidence.decided_at,
            calendar=TradingCalendar(
                [
                    Session(date.fromisoformat(day), moment(opens_us), moment(closes_us))
                    for day, opens_us, closes_us in calendar["sessions"]
                ],
                covers_to=None if covers_to is None else date.fromisoformat(covers_to),
            ),
            clock_skew_s=found[_CLOCK]["skew_s"],
        ),
    )


def _item(name: str, facts: Facts, document: object) -> EvidenceItem:
    body = json.dumps(document, separators=(",", ":")).encode()
    return EvidenceItem(name=name, observed_at=facts.now, encoding=_JSON, body=body)
