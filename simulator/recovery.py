"""What a venue that was killed had on disk and not yet in its journal: the rows that are still to be written.

1. The state is kept before the journal is written: the journal can lack rows of the last activities, and has none of
   activities that were lost.
2. A row that is made up for says `restored`. An order gets at most one, of all that is missing of its fills.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.journal import KEPT_ROWS, Journal, Wanted
from simulator.venue.account import Account
from simulator.venue.activities import Activity, Fill, NonTrade
from simulator.venue.money_text import money_text
from simulator.venue.orders import Order, Status

_FILLS = frozenset({"fill", "partial_fill"})
_ACTIVITIES = frozenset({"activity"})


@dataclass(frozen=True, slots=True)
class MissingRow:
    """A row to be written."""

    kind: str
    at: datetime
    fields: Mapping[str, Any]


def missing_rows(account: Account, journalled: int, journal: Journal) -> list[MissingRow]:
    """Return the rows that a continued journal lacks of the activities after the first `journalled`."""
    recent = account.activities[journalled:]
    if not journal.is_continued or not recent:
        return []
    known = {row["id"] for row in _rows(journal, account, _ACTIVITIES)}
    told = _told_of(journal, account)
    fills = (
        _missing_fill(order, fills, told.get(order.id, (0, Decimal(0))), account)
        for order, fills in _fills_by_order(account, recent)
    )
    others = (
        MissingRow("activity", activity.occurred_at, {**activity_fields(activity), "restored": True})
        for activity in recent
        if isinstance(activity, NonTrade) and activity.id not in known
    )
    return [*(row for row in fills if row is not None), *others]


def activity_fields(activity: NonTrade) -> dict[str, Any]:
    """Return what the journal says of an activity that no order caused."""
    return {
        "id": activity.id,
        "activity_type": activity.type,
        "symbol": activity.instrument.symbol,
        "qty": activity.qty,
        "price": None if activity.price is None else money_text(activity.price),
        "net_usd": money_text(activity.net_usd),
    }


def _rows(journal: Journal, account: Account, kinds: frozenset[str]) -> list[dict[str, Any]]:
    wanted = Wanted(kinds=kinds, account=account.account_id)
    rows: list[dict[str, Any]] = orjson.loads(journal.after(0, KEPT_ROWS, wanted))
    return rows


def _told_of(journal: Journal, account: Account) -> dict[str, tuple[int, Decimal]]:
    """Return the quantity and the cash that the journal has of each order."""
    told: dict[str, tuple[int, Decimal]] = {}
    for row in _rows(journal, account, _FILLS):
        qty, usd = told.get(row["order_id"], (0, Decimal(0)))
        told[row["order_id"]] = (qty + int(row["qty"]), usd + Decimal(row["net_usd"]))
    return told


def _fills_by_order(account: Account, recent: Sequence[Activity]) -> Iterator[tuple[Order, list[Fill]]]:
    """Yield each order that traded recently with all its fills; an order with legs has those of its legs."""
    touched = {activity.order_id for activity in recent if isinstance(activity, Fill)}
    for order in account.orders.values():
        ids = {part.id for part in order.parts}
        if ids & touched:
            every = account.activities
            yield order, [each for each in every if isinstance(each, Fill) and each.order_id in ids]


def _missing_fill(
    order: Order, fills: Sequence[Fill], told: tuple[int, Decimal], account: Account
) -> MissingRow | None:
    qty = order.filled_qty - told[0]
    if qty <= 0:
        return None
    net_usd = sum((fill.net_usd for fill in fills), Decimal(0)) - told[1]
    sign = order.side.sign if order.side else 1
    multiplier = order.instrument.multiplier if order.instrument else CONTRACT_MULTIPLIER
    fields = {
        "order_id": order.id,
        "client_order_id": order.client_order_id,
        "symbol": order.symbol,
        "side": order.side,
        "qty": qty,
        "price": money_text(-net_usd / (qty * sign * multiplier)),
        "fill_model": account.fills.model,
        "net_usd": money_text(net_usd),
        "restored": True,
    }
    kind = "fill" if order.status is Status.FILLED else "partial_fill"
    return MissingRow(kind, max(fill.transaction_time for fill in fills), fields)
