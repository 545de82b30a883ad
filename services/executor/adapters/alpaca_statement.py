"""What the venue says of the account beside its orders: activities, positions, cash."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.logging import get_logger
from services.executor.core.reconciling.activities import FILL, Activity, read_activity
from services.executor.core.reconciling.found import ForeignOrder

_log = get_logger()
#: The most that one listing returns, and how many listings a pass may ask for: a week of busy days.
_PAGE = 100
_PAGES = 500
_NOT_FOUND = 404


class AlpacaStatement:
    """A Statement over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway
        self._unreadable: set[str] = set()

    async def fills(self, after: datetime) -> Sequence[Activity]:
        """Return the fills after an instant of market time, oldest first."""
        return await self._activities({"activity_types": FILL}, after)

    async def movements(self, after: datetime) -> Sequence[Activity]:
        """Return everything that moved without an order and appeared after an instant of market time."""
        return await self._activities({"category": "non_trade_activity"}, after)

    async def positions(self) -> Mapping[str, Decimal]:
        """Return the signed quantities of all that is held."""
        rows = await self._get("/positions")
        if not isinstance(rows, list):
            raise VenueUnavailable("the venue's list of positions was no list")
        held = {_name(row, "symbol"): _quantity(row) for row in rows}
        return {symbol: quantity for symbol, quantity in held.items() if quantity}

    async def cash_usd(self) -> Decimal:
        """Return the account's cash."""
        return _amount((await self._get("/account")), "cash")

    async def order(self, venue_order_id: str) -> ForeignOrder | None:
        """Return whose order this is; None when the venue does not know it."""
        try:
            row = await self._gateway.call(self._gateway.trading.get, f"/orders/{venue_order_id}")
        except VenueRefused as e:
            if e.status == _NOT_FOUND:
                return None
            raise VenueUnavailable(str(e)) from e
        if not isinstance(row, Mapping):
            raise VenueUnavailable("the venue's order was no object")
        return ForeignOrder(
            venue_order_id=venue_order_id,
            client_order_id=str(row.get("client_order_id") or ""),
            symbol=str(row.get("symbol") or ""),
            side=str(row.get("side") or ""),
            contracts=_amount(row, "qty") if row.get("qty") is not None else Decimal(0),
            word=str(row.get("status") or ""),
        )

    async def _activities(self, which: Mapping[str, str], after: datetime) -> Sequence[Activity]:
        params: dict[str, Any] = {**which, "after": after.isoformat(), "direction": "asc", "page_size": _PAGE}
        found: list[Activity] = []
        for _ in range(_PAGES):
            page = await self._get("/account/activities", params)
            if not isinstance(page, list):
                raise VenueUnavailable("the venue's list of activities was no list")
            found += [activity for row in page if (activity := self._read(row)) is not None]
            if len(page) < _PAGE:
                return found
            params["page_token"] = _name(page[-1], "id")
        raise VenueUnavailable(f"more than {_PAGE * _PAGES} activities after {after.isoformat()}")

    def _read(self, row: object) -> Activity | None:
        """Return an activity, or None for one that is not whole: its effect shows as a difference, not as a crash."""
        try:
            return read_activity(row)
        except ValueError as e:
            if str(e) not in self._unreadable:
                self._unreadable.add(str(e))
                _log.warning("an activity of the venue cannot be read", reason=str(e))
            return None

    async def _get(self, path: str, params: Mapping[str, Any] | None = None) -> Any:
        try:
            return await self._gateway.call(self._gateway.trading.get, path, dict(params or {}))
        except VenueRefused as e:
            raise VenueUnavailable(str(e)) from e


def _name(row: Any, name: str) -> str:
    value = row.get(name) if isinstance(row, Mapping) else None
    if not isinstance(value, str) or not value:
        msg = f"{name} in the venue's answer was {value!r:.100}"
        raise VenueUnavailable(msg)
    return value


def _quantity(row: Mapping[str, Any]) -> Decimal:
    quantity = _amount(row, "qty")
    return -abs(quantity) if row.get("side") == "short" else quantity


def _amount(row: Any, name: str) -> Decimal:
    try:
        amount = Decimal(str(row[name]))
    except (InvalidOperation, KeyError, TypeError):
        amount = Decimal("NaN")
    if not amount.is_finite():
        msg = f"{name} in the venue's answer was no amount"
        raise VenueUnavailable(msg)
    return amount
