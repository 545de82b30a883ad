"""What a comparison found as rows and JSON of Postgres, and back."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import Difference, Event, Suspect
from services.executor.core.reconciling.found import ForeignOrder
from services.executor.ports import PassRecord


def event_row(event: Event) -> dict[str, object]:
    """Return the columns of an event."""
    return {
        "event_id": event.id,
        "kind": event.kind.value,
        "symbol": event.symbol,
        "quantity": event.quantity,
        "cash_usd": event.cash_usd,
        "venue_order_id": event.venue_order_id,
        "client_order_id": event.client_order_id,
        "order_contracts": abs(event.quantity) if event.kind is Kind.FILL else event.order_contracts,
        "expects": Decimal(0) if event.confirms else event.expects,
        "expects_usd": Decimal(0) if event.confirms else event.expects_usd,
        "note": event.note,
        "venue_at": event.at,
    }


def foreign_row(account_id: str, order: ForeignOrder) -> tuple[object, ...]:
    """Return the columns of an order that is not ours."""
    return (
        account_id,
        order.venue_order_id,
        order.client_order_id,
        order.symbol,
        order.side,
        order.contracts,
        order.word,
    )


def pass_columns(record: PassRecord) -> dict[str, object]:
    """Return the columns every pass writes."""
    return {
        "account_id": record.account_id,
        "epoch": record.epoch,
        "now": record.market_now,
        "read_at": record.read_at,
        "fills_since": record.fills_since,
        "pass_ms": record.duration_ms,
    }


def suspect_row(suspect: Suspect) -> dict[str, object]:
    """Return a suspect as JSON's types."""
    return {
        "key": suspect.difference.key,
        "expected": suspect.difference.expected,
        "found": suspect.difference.found,
        "passes": suspect.passes,
        "quiet": suspect.quiet,
        "is_drift": suspect.is_drift,
        "first_at": suspect.first_at,
        "counted_at": suspect.counted_at,
    }


def read_suspect(row: Mapping[str, Any]) -> Suspect:
    """Return the suspect of a stored row."""
    return Suspect(
        difference=Difference(key=row["key"], expected=Decimal(row["expected"]), found=Decimal(row["found"])),
        passes=row["passes"],
        quiet=row["quiet"],
        is_drift=row["is_drift"],
        first_at=datetime.fromisoformat(row["first_at"]),
        counted_at=datetime.fromisoformat(row["counted_at"]),
    )


def as_json(value: object) -> str:
    """Write decimals and instants as texts."""
    return json.dumps(value, default=lambda v: v.isoformat() if isinstance(v, datetime) else str(v))
