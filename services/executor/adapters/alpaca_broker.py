"""The order desk at Alpaca.

A POST is one attempt with a deadline: what is not a clear yes or no is Unanswered. A GET may be repeated, so whatever
goes wrong with it is VenueUnavailable; only Alpaca's own code for "order not found" counts as an order's absence.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from alpaca.common.exceptions import APIError

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.contracts.parts import Action
from kernel.domain.errors import OverBudget, VenueUnavailable
from kernel.domain.money import plain
from kernel.domain.rate_limit import Urgency
from services.executor.core.answers import Accepted, Answer, NotAccepted, Unanswered, read_refusal
from services.executor.core.orders import OrderRequest
from services.executor.core.venue_reports import VenueReport, read_report

_CLOSING = frozenset({Action.BUY_TO_CLOSE, Action.SELL_TO_CLOSE})
_NOT_FOUND = (404, 40410000)
_TOO_MANY_REQUESTS = 429
#: The most that one listing returns, and how many listings a sweep may ask for.
_PAGE = 500
_PAGES = 10


class AlpacaBroker:
    """A Broker over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway) -> None:
        self._gateway = gateway

    async def submit(self, request: OrderRequest) -> Answer:
        """POST the order once."""
        return await self._ask_for(request, self._gateway.trading.post, "/orders", order_fields(request))

    async def replace(self, venue_order_id: str, request: OrderRequest) -> Answer:
        """PATCH an open order once; the answer is the new order, whose quantity and fills count the old one's."""
        fields = replacement_fields(request)
        return await self._ask_for(request, self._gateway.trading.patch, f"/orders/{venue_order_id}", fields)

    async def _ask_for(
        self, request: OrderRequest, send: Callable[..., Any], path: str, fields: Mapping[str, str]
    ) -> Answer:
        try:
            body = await self._gateway.call(
                send,
                path,
                fields,
                urgency=_urgency_of(request),
                # The gateway's deadline is for each wait on the socket; this one is for the whole call.
                within_s=2 * self._gateway.deadline_s,
            )
            return Accepted(_own_report(body, request))
        except VenueRefused as e:
            return read_refusal(e.status, e.code, e.reason)
        except OverBudget as e:
            return NotAccepted(str(e))
        except VenueUnavailable as e:
            return NotAccepted(str(e)) if _is_rate_limit(e) else Unanswered(str(e))
        except TimeoutError:
            return Unanswered(f"the venue did not answer within {2 * self._gateway.deadline_s:g} s")
        except ValueError as e:
            return Unanswered(f"the venue's answer was no order of ours: {e}")

    async def find(self, client_order_id: str) -> VenueReport | None:
        """GET the order under our id."""
        try:
            body = await self._gateway.call(
                self._gateway.trading.get,
                "/orders:by_client_order_id",
                {"client_order_id": client_order_id},
            )
        except VenueRefused as e:
            if (e.status, e.code) == _NOT_FOUND:
                return None
            raise VenueUnavailable(str(e)) from e
        report = _readable(body)
        if report.client_order_id != client_order_id:
            msg = f"the venue answered with order {report.client_order_id} when asked for {client_order_id}"
            raise VenueUnavailable(msg)
        return report

    async def open_orders(self) -> Sequence[VenueReport]:
        """GET the open orders, oldest first, page by page. Orders other than of options are left out."""
        reports: dict[str, VenueReport] = {}
        after: datetime | None = None
        for _ in range(_PAGES):
            page = await self._open_page(after)
            reports |= {str(order["id"]): _readable(order) for order in page if _is_single_option(order)}
            if len(page) < _PAGE:
                break
            after = datetime.fromisoformat(str(page[-1]["submitted_at"]))
        return list(reports.values())

    async def cancel(self, venue_order_id: str) -> None:
        """DELETE the order; that it cannot be cancelled any more is no failure."""
        try:
            await self._gateway.call(
                self._gateway.trading.delete, f"/orders/{venue_order_id}", urgency=Urgency.EXIT
            )
        except VenueRefused as e:
            if e.status not in (404, 422):
                raise VenueUnavailable(str(e)) from e

    async def _open_page(self, after: datetime | None) -> list[Mapping[str, Any]]:
        params = {"status": "open", "limit": _PAGE, "direction": "asc", "nested": True}
        if after is not None:
            params["after"] = after.isoformat()
        try:
            page: Any = await self._gateway.call(self._gateway.trading.get, "/orders", params)
        except VenueRefused as e:
            raise VenueUnavailable(str(e)) from e
        if not isinstance(page, list):
            raise VenueUnavailable("the venue's list of orders was no list")
        return page


def order_fields(request: OrderRequest) -> dict[str, str]:
    """Return the JSON of an order. Quantity and price are strings: exact, as Alpaca itself writes them."""
    return {
        "client_order_id": request.client_order_id,
        "symbol": request.occ_symbol,
        "qty": str(request.contracts),
        "side": request.side.value,
        "type": "limit",
        "limit_price": plain(request.limit_price),
        "time_in_force": "day",
        "order_class": "simple",
        "position_intent": request.intent.value,
    }


def replacement_fields(request: OrderRequest) -> dict[str, str]:
    """Return the JSON of a replacement: what changes, and the quantity all the same, so that it never grows unseen."""
    return {
        "client_order_id": request.client_order_id,
        "qty": str(request.contracts),
        "limit_price": plain(request.limit_price),
    }


def _urgency_of(request: OrderRequest) -> Urgency:
    return Urgency.EXIT if request.intent in _CLOSING else Urgency.ENTRY


def _own_report(body: object, request: OrderRequest) -> VenueReport:
    report = read_report(body)
    if report.client_order_id != request.client_order_id:
        msg = f"its client order id was {report.client_order_id}"
        raise ValueError(msg)
    return report


def _readable(body: object) -> VenueReport:
    try:
        return read_report(body)
    except ValueError as e:
        raise VenueUnavailable(str(e)) from e


def _is_single_option(order: Mapping[str, Any]) -> bool:
    return order.get("asset_class") == "us_option" and order.get("order_class") in ("simple", "", None)


def _is_rate_limit(error: VenueUnavailable) -> bool:
    cause = error.__cause__
    return isinstance(cause, APIError) and cause.status_code == _TOO_MANY_REQUESTS
