"""What a size was decided on, written so that it can be decided again.

Entry points: `evidence_of`, `facts_of`.
1. `facts_of(evidence_of(…, facts))` is `facts`: amounts and times travel as text, a float would not be the amount that
   was decided on.
2. The venue's account is kept as it came, not as it was understood.
"""

import json
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, EvidenceItem, Selection
from kernel.domain.account import AccountReading, parse_account
from services.sizer.core.facts import Facts, Reservation

_RESERVATIONS, _ACCOUNT, _JSON = "reservations", "account", "json"
_RESERVATION_FIELDS = tuple(f.name for f in fields(Reservation))


def evidence_of(meta: Meta, selection: Selection, facts: Facts) -> Evidence:
    """Return what the decision saw: the reservations and the venue's whole answer; `decided_at` is the clock."""
    return Evidence(
        meta=meta,
        input_id=selection.meta.id,
        decided_at=facts.now,
        items=(
            EvidenceItem(
                name=_RESERVATIONS,
                observed_at=facts.reservations_at,
                encoding=_JSON,
                body=_write_reservations(facts.reservations),
            ),
            EvidenceItem(
                name=_ACCOUNT,
                observed_at=facts.account.observed_at,
                encoding=_JSON,
                body=facts.reading.body,
            ),
        ),
    )


def facts_of(evidence: Evidence) -> Facts:
    """Return the facts a recorded decision was taken on; raises ValueError where they cannot be read."""
    found = {item.name: item for item in evidence.items}
    reservations, account = found[_RESERVATIONS], found[_ACCOUNT]
    return Facts(
        reservations=_read_reservations(reservations.body),
        reservations_at=reservations.observed_at,
        reading=AccountReading(parse_account(orjson.loads(account.body), account.observed_at), account.body),
        now=evidence.decided_at,
    )


def _write_reservations(reservations: Sequence[Reservation]) -> bytes:
    rows = [{name: getattr(r, name) for name in _RESERVATION_FIELDS} for r in reservations]
    return json.dumps(rows, default=str).encode()


def _read_reservations(body: bytes) -> tuple[Reservation, ...]:
    rows: list[dict[str, Any]] = orjson.loads(body)
    return tuple(
        Reservation(
            **row
            | {
                "reserved_usd": Decimal(row["reserved_usd"]),
                "risk_usd": Decimal(row["risk_usd"]),
                "expires_at": datetime.fromisoformat(row["expires_at"]),
            }
        )
        for row in rows
    )
