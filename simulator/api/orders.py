"""/v2/orders: send, look up, change and cancel."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.api.requests import BadRequest, instant, json_object, moment, text_list, whole_number
from simulator.api.wire import answer, refuse
from simulator.desk import Desk
from simulator.venue.intake import check_client_order_id, check_limit_price, check_qty, read_number
from simulator.venue.lifecycle import Changes
from simulator.venue.orders import Order
from simulator.venue.refusals import Refusal, invalid, not_found
from simulator.wire_orders import order_json


def order_routes(desk: Desk) -> APIRouter:
    """Return the order routes of `desk`."""
    router = APIRouter(prefix="/v2")

    @router.post("/orders")
    async def submit(request: Request) -> Response:
        body = await json_object(request)
        request.state.client_order_id = body.get("client_order_id")
        return _order_or_refusal(desk.submit(body, instant(request)))

    @router.get("/orders")
    async def list_orders(request: Request) -> Response:
        found = _matching(list(desk.account.orders.values()), request.query_params)
        return answer([order_json(order) for order in found])

    @router.get("/orders:by_client_order_id")
    async def by_client_order_id(request: Request) -> Response:
        client_order_id = request.query_params.get("client_order_id", "")
        request.state.client_order_id = client_order_id
        order = desk.account.by_client_id(client_order_id)
        return _order_or_refusal(order or not_found(f"order not found for {client_order_id}"))

    @router.get("/orders/{order_id}")
    async def by_id(order_id: str) -> Response:
        return _order_or_refusal(
            desk.account.orders.get(order_id) or not_found(f"order not found for {order_id}")
        )

    @router.patch("/orders/{order_id}")
    async def replace(order_id: str, request: Request) -> Response:
        changes = _read_changes(await json_object(request))
        if isinstance(changes, Refusal):
            return refuse(changes)
        return _order_or_refusal(desk.replace(order_id, changes, instant(request)))

    @router.delete("/orders/{order_id}")
    async def cancel(order_id: str, request: Request) -> Response:
        outcome = desk.cancel(order_id, instant(request))
        return refuse(outcome) if isinstance(outcome, Refusal) else Response(status_code=204)

    @router.delete("/orders")
    async def cancel_all(request: Request) -> Response:
        ids = list(desk.account.open_orders)
        for order_id in ids:
            desk.cancel(order_id, instant(request))
        return answer([{"id": order_id, "status": 200} for order_id in ids], status=207)

    return router


def _order_or_refusal(outcome: Order | Refusal) -> Response:
    return refuse(outcome) if isinstance(outcome, Refusal) else answer(order_json(outcome))


def _matching(orders: list[Order], params: Mapping[str, str]) -> list[Order]:
    """Filter, sort (by submission, newest first by default) and cut a listing."""
    status, direction = params.get("status", "open"), params.get("direction", "desc")
    if status not in {"open", "closed", "all"} or direction not in {"asc", "desc"}:
        msg = f"invalid status or direction: {status!r}, {direction!r}"
        raise BadRequest(msg)
    after, until = moment(params, "after"), moment(params, "until")
    symbols, side = text_list(params, "symbols"), params.get("side")
    found = [
        order
        for order in orders
        if (status == "all" or order.is_open == (status == "open"))
        and (after is None or order.submitted_at > after)
        and (until is None or order.submitted_at < until)
        and (not symbols or order.symbol in symbols)
        and (not side or order.side == side)
    ]
    found.sort(key=lambda order: (order.submitted_at, order.sequence), reverse=direction == "desc")
    return found[: whole_number(params, "limit", 50, 500)]


def _read_changes(body: Mapping[str, Any]) -> Changes | Refusal:
    qty, price, client_order_id = body.get("qty"), body.get("limit_price"), body.get("client_order_id")
    limit_price = read_number(price)
    refusal = (
        (check_qty(qty) if qty is not None else None)
        or (check_limit_price(limit_price) if price is not None else None)
        or check_client_order_id(client_order_id)
    )
    if refusal is not None:
        return refusal
    if body.get("time_in_force") not in (None, "day"):
        return invalid("invalid time_in_force")
    whole = read_number(qty)
    return Changes(
        qty=None if whole is None else int(whole),
        limit_price=limit_price,
        client_order_id=client_order_id or None,
    )
