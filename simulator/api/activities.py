"""/v2/account/activities: what moved money or positions, as far as it may be seen yet.

1. Fills are seen at once; exercises, assignments and expiries from the start of the next day.
2. Filters are on the instant an activity appeared, not on the day it is for.
3. A page ends at its last activity, whose id is the next page's token.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.api.requests import BadRequest, Direction, choice, instant, moment, text_list, whole_number
from simulator.api.wire import answer, refuse
from simulator.desk import Desk
from simulator.venue.activities import Activity, ActivityType, Fill, NonTrade
from simulator.venue.money_text import money_text
from simulator.venue.refusals import Refusal, invalid
from simulator.wire_time import rfc3339

#: Alpaca's other types: they may be asked for and never happen here.
_NEVER_HERE = frozenset(
    [
        "ACATC",
        "ACATS",
        "CFEE",
        "CIL",
        "CSD",
        "CSW",
        "DIV",
        "DIVCGL",
        "DIVCGS",
        "DIVFEE",
        "DIVFT",
        "DIVNRA",
        "DIVROC",
        "DIVTW",
        "DIVTXEX",
        "DIVWH",
        "EXTRD",
        "FEE",
        "FXTRD",
        "INT",
        "INTNRA",
        "INTPNL",
        "INTTW",
        "JNL",
        "JNLC",
        "JNLS",
        "MA",
        "MEM",
        "MISC",
        "NC",
        "OCT",
        "OPCA",
        "PTC",
        "PTR",
        "REORG",
        "SC",
        "SPIN",
        "SPLIT",
        "SSO",
        "SSP",
        "SWP",
        "TRANS",
        "VOF",
        "WH",
    ]
)
_KNOWN = _NEVER_HERE | set(ActivityType)


class Category(StrEnum):
    """The two kinds of activities."""

    TRADE = "trade_activity"
    NON_TRADE = "non_trade_activity"


def activity_routes(desk: Desk) -> APIRouter:
    """Return the activity routes of `desk`."""
    router = APIRouter(prefix="/v2/account/activities")

    @router.get("")
    async def every(request: Request) -> Response:
        types = text_list(request.query_params, "activity_types")
        return _listing(desk.account.activities, types, request)

    @router.get("/{activity_type}")
    async def of_type(activity_type: str, request: Request) -> Response:
        return _listing(desk.account.activities, [activity_type], request)

    return router


def _listing(activities: Sequence[Activity], types: Sequence[str], request: Request) -> Response:
    params = request.query_params
    refusal = _check_types(types, params)
    if refusal is not None:
        return refuse(refusal)
    found = _matching(activities, types, params, instant(request))
    return answer([_json(activity) for activity in found])


def _check_types(types: Sequence[str], params: Mapping[str, str]) -> Refusal | None:
    if types and params.get("category"):
        return invalid("category cannot be used together with activity types")
    unknown = [name for name in types if name not in _KNOWN]
    return invalid(f"invalid activity type: {unknown[0]}") if unknown else None


def _matching(
    activities: Sequence[Activity], types: Sequence[str], params: Mapping[str, str], at: datetime
) -> list[Activity]:
    first, end = _day(params)
    after, until = moment(params, "after"), moment(params, "until")
    category, order_id = choice(params, "category", Category), params.get("order_id")
    found = [
        activity
        for activity in activities
        if activity.visible_from <= at
        and (not types or activity.type in types)
        and category in (None, _category(activity))
        and (not order_id or (isinstance(activity, Fill) and activity.order_id == order_id))
        and (first is None or end is None or first <= activity.visible_from < end)
        and (after is None or activity.visible_from > after)
        and (until is None or activity.visible_from < until)
    ]
    # Activities of one instant stay in the order they happened in.
    found.sort(key=lambda activity: activity.visible_from)
    if choice(params, "direction", Direction, Direction.DESC) is Direction.DESC:
        found.reverse()
    return _page(found, params)


def _day(params: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    start = moment(params, "date")
    return start, None if start is None else start + timedelta(days=1)


def _page(found: Sequence[Activity], params: Mapping[str, str]) -> list[Activity]:
    token, size = params.get("page_token"), whole_number(params, "page_size", 100, 100)
    start = 0
    if token:
        start = next((n + 1 for n, activity in enumerate(found) if activity.id == token), -1)
        if start < 0:
            msg = f"invalid page_token: {token!r} is no activity of this listing"
            raise BadRequest(msg)
    return list(found[start : start + size])


def _category(activity: Activity) -> Category:
    return Category.TRADE if isinstance(activity, Fill) else Category.NON_TRADE


def _json(activity: Activity) -> dict[str, Any]:
    return _fill_json(activity) if isinstance(activity, Fill) else _non_trade_json(activity)


def _fill_json(fill: Fill) -> dict[str, Any]:
    return {
        "id": fill.id,
        "activity_type": fill.type,
        "transaction_time": rfc3339(fill.transaction_time),
        "type": "partial_fill" if fill.leaves_qty else "fill",
        "price": money_text(fill.price),
        "qty": str(fill.qty),
        "side": fill.side,
        "symbol": fill.instrument.symbol,
        "leaves_qty": str(fill.leaves_qty),
        "order_id": fill.order_id,
        "cum_qty": str(fill.cum_qty),
        "order_status": fill.order_status,
    }


def _non_trade_json(activity: NonTrade) -> dict[str, Any]:
    row = {
        "id": activity.id,
        "activity_type": activity.type,
        "date": activity.date.isoformat(),
        "created_at": rfc3339(activity.visible_from.astimezone(UTC)),
        "net_amount": money_text(activity.net_usd),
        "description": activity.description,
        "symbol": activity.instrument.symbol,
        "qty": str(activity.qty),
        "status": "executed",
        "currency": "USD",
    }
    return row if activity.price is None else row | {"price": money_text(activity.price)}
