"""The order desk at Alpaca.

1. A POST is one attempt with a deadline: what is not a clear yes or no is Unanswered.
2. It is made while the switch is held that lets it through, and past the wire guard; so nothing is sent after a halt
   has returned, and nothing that no committed intent stands behind. What the guard stops halts trading, and the process.
3. A GET may be repeated, so whatever goes wrong with it is VenueUnavailable; only Alpaca's own code for "order not
   found" counts as an order's absence.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Protocol

from alpaca.common.exceptions import APIError

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.adapters.control import Lease
from kernel.contracts.parts import Action
from kernel.domain.control import ControlState, Switch
from kernel.domain.errors import DatabaseUnavailable, OverBudget, VenueUnavailable
from kernel.domain.rate_limit import Urgency
from kernel.runtime.logging import get_logger
from services.executor.adapters.wire_guard import (
    LeaseOver,
    OrdersAboveDecisions,
    WireGuard,
    order_fields,
    replacement_fields,
)
from services.executor.core.answers import Accepted, Answer, NotAccepted, Stopped, Unanswered, read_refusal
from services.executor.core.orders import OrderRequest
from services.executor.core.switching import refusal_by
from services.executor.core.venue_reports import VenueReport, read_report

_log = get_logger()
_CLOSING = frozenset({Action.BUY_TO_CLOSE, Action.SELL_TO_CLOSE})
_NOT_FOUND = (404, 40410000)
_TOO_MANY_REQUESTS = 429
#: The most that one listing returns, and how many listings a sweep may ask for.
_PAGE = 500
_PAGES = 10


class OrderSwitch(Protocol):
    """The switch as the order desk uses it; see PostgresSwitch."""

    def held(self) -> AbstractAsyncContextManager[Lease]: ...

    async def trip(self, state: ControlState, reason: str) -> Switch: ...


class AlpacaBroker:
    """A Broker over the process's gateway."""

    def __init__(self, gateway: AlpacaGateway, switch: OrderSwitch, guard: WireGuard) -> None:
        """`guard` is what the gateway asks before it sends."""
        self._gateway = gateway
        self._switch = switch
        self._guard = guard

    async def submit(self, request: OrderRequest) -> Answer:
        """POST the order once, if the switch lets it through; raises DatabaseUnavailable before anything is sent."""
        return await self._ask_for(request, self._gateway.trading.post, "/orders", order_fields(request))

    async def replace(self, venue_order_id: str, request: OrderRequest) -> Answer:
        """PATCH an open order once, like `submit`; the answer is the new order, whose figures count the old one's."""
        fields = replacement_fields(request)
        return await self._ask_for(request, self._gateway.trading.patch, f"/orders/{venue_order_id}", fields)

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

    async def cancel(self, venue_order_id: str) -> bool:
        """DELETE the order; that it cannot be cancelled any more is no failure."""
        try:
            await self._gateway.call(
                self._gateway.trading.delete, f"/orders/{venue_order_id}", urgency=Urgency.EXIT
            )
        except VenueRefused as e:
            if e.status not in (404, 422):
                raise VenueUnavailable(str(e)) from e
            return False
        return True

    async def _ask_for(
        self, request: OrderRequest, send: Callable[..., Any], path: str, fields: Mapping[str, str]
    ) -> Answer:
        try:
            answer = await self._send_held(request, send, path, fields)
        except OrdersAboveDecisions as e:
            await self._halt(str(e))
            raise
        if isinstance(answer, NotAccepted):
            self._guard.give_back(request.client_order_id)
        else:
            self._guard.withdraw(request.client_order_id)
        return answer

    async def _send_held(
        self, request: OrderRequest, send: Callable[..., Any], path: str, fields: Mapping[str, str]
    ) -> Answer:
        try:
            # Before the switch is held: it is not to be kept from moving by a wait for the budget.
            await self._gateway.admit(send, _urgency_of(request))
        except OverBudget as e:
            return NotAccepted(str(e))
        async with self._switch.held() as lease:
            refusal = refusal_by(lease.switch, request.intent)
            if refusal is not None:
                return Stopped(refusal)
            self._guard.arm(request.client_order_id, lease)
            return await self._send(request, send, path, fields)

    async def _send(
        self, request: OrderRequest, send: Callable[..., Any], path: str, fields: Mapping[str, str]
    ) -> Answer:
        try:
            body = await self._gateway.call(
                send,
                path,
                fields,
                urgency=None,
                # The gateway's deadline is for each wait on the socket; this one is for the whole call.
                within_s=2 * self._gateway.deadline_s,
            )
            return Accepted(_own_report(body, request))
        except VenueRefused as e:
            return read_refusal(e.status, e.code, e.reason)
        except LeaseOver as e:
            return NotAccepted(str(e))
        except VenueUnavailable as e:
            return NotAccepted(str(e)) if _is_rate_limit(e) else Unanswered(str(e))
        except TimeoutError:
            return Unanswered(f"the venue did not answer within {2 * self._gateway.deadline_s:g} s")
        except ValueError as e:
            return Unanswered(f"the venue's answer was no order of ours: {e}")

    async def _halt(self, reason: str) -> None:
        try:
            await self._switch.trip(ControlState.HALTED, reason)
        except DatabaseUnavailable as e:
            # The process stops all the same; what must not happen is that this is taken for a failure that passes.
            _log.critical("the switch could not be tripped", reason=str(e))

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
