"""The venue's side and the ledger's for the reconciliation's pure part: builders of activities and views."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from services.executor.core.reconciling.activities import Activity, Kind, read_activity
from services.executor.core.reconciling.books import (
    Event,
    Expected,
    LedgerView,
    Orders,
    Outcome,
    OwnOrder,
    VenueView,
)
from services.executor.core.reconciling.comparing import reconcile

#: A Wednesday, 14:00 in New York.
NOW = datetime(2026, 6, 10, 18, 0, tzinfo=UTC)
READ_AT = datetime(2030, 1, 1, tzinfo=UTC)
CALL, PUT = "SPY260612C00520000", "SPY260612P00520000"


def a_fill(
    quantity: int,
    price: str = "2.50",
    *,
    symbol: str = CALL,
    ours: str | None = None,
    name: str = "fill-1",
) -> Activity:
    """A fill of `quantity` (signed); `ours` is our client order id."""
    row = {
        "id": name,
        "activity_type": "FILL",
        "transaction_time": NOW.isoformat(),
        "price": price,
        "qty": str(abs(quantity)),
        "side": "buy" if quantity > 0 else "sell",
        "symbol": symbol,
        "order_id": f"venue-{ours or 'foreign'}",
    }
    kind = Kind.FOREIGN_FILL if ours is None else Kind.FILL
    return replace(read_activity(row), client_order_id=ours, kind=kind)


def a_movement(kind: str, *, name: str = "movement-1", day: str = "2026-06-10", **row: str) -> Activity:
    """An activity without an order, of Alpaca's type `kind`."""
    return read_activity({"id": name, "activity_type": kind, "date": day, "status": "executed", **row})


def a_ledger(
    positions: Mapping[str, int] | None = None,
    cash_usd: str = "1000",
    *,
    after: Outcome | None = None,
    expected: Sequence[Expected] = (),
    passes_later: int = 0,
    baseline_at: datetime = NOW - timedelta(days=3),
) -> LedgerView:
    """The books; `after` an outcome they carry its suspects and were read `passes_later` × 2 s later."""
    return LedgerView(
        account_id="PA1",
        read_at=READ_AT + timedelta(seconds=2 * passes_later),
        baseline_at=baseline_at,
        positions={symbol: Decimal(quantity) for symbol, quantity in (positions or {}).items()},
        cash_usd=Decimal(cash_usd),
        expected=expected,
        suspects=() if after is None else after.suspects,
    )


def a_venue(
    positions: Mapping[str, int] | None = None,
    cash_usd: str = "1000",
    *,
    before: Sequence[Activity] = (),
    between: Sequence[Activity] = (),
    now: datetime = NOW,
) -> VenueView:
    """What the venue says."""
    return VenueView(
        now=now,
        before=before,
        between=between,
        positions={symbol: Decimal(quantity) for symbol, quantity in (positions or {}).items()},
        cash_usd=Decimal(cash_usd),
    )


def an_own(contracts: int, taken: int = 0, name: str = "order-1") -> Mapping[str, OwnOrder]:
    """An order of ours, filled by the ledger and by the fills taken before."""
    return {
        name: OwnOrder(
            client_order_id=name, ledger_contracts=Decimal(contracts), taken_contracts=Decimal(taken)
        )
    }


def passed(ledger: LedgerView, venue: VenueView, orders: Orders | None = None) -> Outcome:
    """One pass."""
    return reconcile(ledger, venue, orders or Orders())


def moved(events: Sequence[Event]) -> tuple[dict[str, int], Decimal]:
    """What events do to the books: contracts by symbol, and cash."""
    positions: dict[str, int] = {}
    for event in events:
        if event.symbol and event.quantity:
            positions[event.symbol] = positions.get(event.symbol, 0) + int(event.quantity)
    return positions, sum((event.cash_usd for event in events), Decimal(0))
