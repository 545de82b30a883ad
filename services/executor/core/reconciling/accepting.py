"""A person takes the venue's figures for those nothing explains: the only way drift goes without an explanation."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from kernel.domain.ids import derive_id
from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import (
    CASH,
    Event,
    Suspect,
    event_key,
    order_key,
    position_key,
)
from services.executor.core.reconciling.telling import told


def accepted(account_id: str, drift: Sequence[Suspect], at: datetime, version: int, why: str) -> list[Event]:
    """Return the events that make the books say what the venue says; `version` of the books tells two acceptances apart."""
    return [_event(account_id, suspect, at, version, why) for suspect in drift]


def _event(account_id: str, suspect: Suspect, at: datetime, version: int, why: str) -> Event:
    difference = suspect.difference
    key, amount = difference.key, difference.amount
    event = Event(
        id=derive_id(f"{account_id}:{key}", f"accepted-{version}"),
        kind=Kind.ACCEPTED,
        at=at,
        note=f"{why}: {told(difference)}",
    )
    if key == CASH:
        return replace(event, cash_usd=amount)
    if key.startswith(order_key("")):
        return replace(event, client_order_id=key.removeprefix(order_key("")), order_contracts=-amount)
    if key.startswith(event_key("")):
        return replace(event, confirms=key.removeprefix(event_key("")), expects=amount)
    # The venue may still tell of it; then it moves nothing again.
    return replace(event, symbol=key.removeprefix(position_key("")), quantity=amount, expects=amount)
