"""/v2/orders: send, look up, change and cancel.

1. `nested` rolls legs up under their order; without it a listing shows an order and each of its legs as rows.
   An order that is sent, changed, or asked for alone shows its legs inside it.
2. `limit` counts rows of the listing, after it was filtered and ordered by submission.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from fastapi import APIRouter, Request, Response

from simulator.api.requests import (
    BadRequest,
    Direction,
    choice,
    flag,
    instant,
    json_object,
    moment,
    text_list,
    whole_number,
)
from simulator.api.wire import answer, error_body, refuse
from simulator.desk import Desk
from simulator.venue.account import Account
from simulator.venue.instruments import AssetClass
from simulator.venue.intake import read_changes
from simulator.venue.orders import Order, Side
from simulator.venue.refusals import Refusal, invalid, not_found
from simulator.wire_orders import order_json


class QueryStatus(StrEnum):
    """Which orders a listing is of."""

    OPEN = "open"
    CLOSED = "closed"
    ALL = "all"


def order_routes(desk: Desk) -> APIRouter:
    """Return the order routes of `desk`."""
    router = APIRouter(prefix="/v2")
    _add_many(router, desk)
    _add_one(router, desk)
    return router


def _add_many(router: APIRouter, desk: Desk) -> None:
    @router.post("/orders")
    async def submit(request: Request) -> Response:
        body = await json_object(request)
        request.state.client_order_id = body.get("client_order_id")
        return _order_or_refusal(desk.submit(body, instant(request)))

    @router.get("/orders")
    async def list_orders(request: Request) -> Response:
        nested = flag(request.query_params, "nested")
        found = _matching(desk.account, request.query_params, nested=nested)
        return answer([order_json(order, nested=nested) for order in found])

    @router.delete("/orders")
    async def cancel_all(request: Request) -> Response:
        outcomes = desk.cancel_all(instant(request))
        return answer([_cancel_row(order_id, refusal) for order_id, refusal in outcomes], status=207)

    @router.delete("/orders/")
    async def cancel_nothing() -> Response:
        return refuse(invalid("order_id is missing"))


def _add_one(router: APIRouter, desk: Desk) -> None:
    @router.get("/orders:by_client_order_id")
    async def by_client_order_id(request: Request) -> Response:
        client_order_id = request.query_params.get("client_order_id", "")
        request.state.client_order_id = client_order_id
        order = desk.account.by_client_id(client_order_id)
        return _order_or_refusal(order or not_found(f"order not found for {client_order_id}"))

    @router.get("/orders/{order_id}")
    async def by_id(order_id: str) -> Response:
        return _order_or_refusal(desk.account.order(order_id) or not_found(f"order not found for {order_id}"))

    @router.patch("/orders/{order_id}")
    async def replace(order_id: str, request: Request) -> Response:
        body = await json_object(request)
        order = desk.account.order(order_id)
        if order is None:
            return refuse(not_found(f"order not found for {order_id}"))
        changes = read_changes(body, order)
        if isinstance(changes, Refusal):
            return refuse(changes)
        return _order_or_refusal(desk.replace(order_id, changes, instant(request)))

    @router.delete("/orders/{order_id}")
    async def cancel(order_id: str, request: Request) -> Response:
        outcome = desk.cancel(order_id, instant(request))
        return refuse(outcome) if outcome else Response(status_code=204)


def _order_or_refusal(outcome: Order | Refusal) -> Response:
    return refuse(outcome) if isinstance(outcome, Refusal) else answer(order_json(outcome))


def _cancel_row(order_id: str, refusal: Refusal | None) -> dict[str, object]:
    if refusal is None:
        return {"id": order_id, "status": 200}
    return {"id": order_id, "status": refusal.http_status, "body": error_body(refusal)}


def _matching(account: Account, params: Mapping[str, str], *, nested: bool) -> list[Order]:
    """Filter, sort (by submission, newest first by default) and cut a listing."""
    after, until = _bounds(account, params)
    symbols, side = set(text_list(params, "symbols")), choice(params, "side", Side)
    status = choice(params, "status", QueryStatus, QueryStatus.OPEN)
    classes = set(text_list(params, "asset_class")) - {"all"}
    underlyings = symbols if AssetClass.OPTION in classes else set()
    found = [
        order
        for order in _rows(account.orders.values(), nested=nested)
        if (status is QueryStatus.ALL or order.is_open == (status is QueryStatus.OPEN))
        and (after is None or _place(order) > after)
        and (until is None or _place(order) < until)
        and (not symbols or _trades(order, symbols, underlyings))
        and (side is None or order.side is side)
        and (not classes or _classes(order) & classes)
    ]
    direction = choice(params, "direction", Direction, Direction.DESC)
    found.sort(key=_place, reverse=direction is Direction.DESC)
    return found[: whole_number(params, "limit", 50, 500)]


_Place = tuple[datetime, float]


def _place(order: Order) -> _Place:
    """Return where an order stands in time; orders of one instant stand as they were taken in."""
    return order.submitted_at, order.sequence


def _bounds(account: Account, params: Mapping[str, str]) -> tuple[_Place | None, _Place | None]:
    """Return the exclusive ends of a listing."""
    after, until = moment(params, "after"), moment(params, "until")
    first, last = params.get("after_order_id"), params.get("before_order_id")
    if first and last:
        msg = "before_order_id and after_order_id are mutually exclusive"
        raise BadRequest(msg)
    if (first or last) and (after or until):
        msg = "before_order_id and after_order_id cannot be combined with after or until"
        raise BadRequest(msg)
    low = _place_of(account, first) if first else None
    high = _place_of(account, last) if last else None
    return (
        low if after is None else (after, float("inf")),
        high if until is None else (until, float("-inf")),
    )


def _place_of(account: Account, order_id: str) -> _Place:
    order = account.order(order_id)
    if order is None:
        msg = f"order not found for {order_id}"
        raise BadRequest(msg)
    return _place(order)


def _rows(orders: Iterable[Order], *, nested: bool) -> Iterable[Order]:
    """Yield what a listing has rows for."""
    for order in orders:
        yield order
        if not nested:
            yield from order.legs


def _trades(order: Order, symbols: set[str], underlyings: set[str]) -> bool:
    return any(
        part.symbol in symbols or (part.instrument is not None and part.instrument.underlying in underlyings)
        for part in order.parts
    )


def _classes(order: Order) -> set[str]:
    return {part.instrument.asset_class.value for part in order.parts if part.instrument}
