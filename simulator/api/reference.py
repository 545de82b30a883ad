"""/v2/clock, /v2/calendar and /v2/assets: when there is trading, and in what."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import Session
from kernel.domain.clock import MARKET_ZONE
from simulator.api.listings import listing_of
from simulator.api.requests import choice, day, instant, text_list, within
from simulator.api.wire import answer, refuse
from simulator.desk import Desk
from simulator.market_view import MarketView
from simulator.venue.identity import asset_id_of
from simulator.venue.instruments import is_index
from simulator.venue.refusals import not_found
from simulator.wire_time import eastern


class DateType(StrEnum):
    """What the days of a calendar query mean."""

    TRADING = "TRADING"
    SETTLEMENT = "SETTLEMENT"


def reference_routes(desk: Desk) -> APIRouter:
    """Return the routes that describe the market."""
    router = APIRouter(prefix="/v2")
    view = desk.view

    @router.get("/clock")
    async def clock(request: Request) -> Response:
        return answer(_clock_json(view, instant(request)))

    @router.get("/calendar")
    async def calendar(request: Request) -> Response:
        return answer(_calendar_rows(view, request.query_params))

    @router.get("/assets")
    async def assets(request: Request) -> Response:
        return answer(_matching_assets(view, request.query_params))

    @router.get("/assets/{symbol_or_id}")
    async def asset(symbol_or_id: str) -> Response:
        for symbol in view.market.underlyings():
            if symbol_or_id in {symbol, asset_id_of(symbol)}:
                return answer(_asset_json(symbol, view))
        return refuse(not_found(f"asset not found for {symbol_or_id}"))

    return router


def _clock_json(view: MarketView, at: datetime) -> dict[str, Any]:
    current = view.session_from(at)
    is_open = current.opens_at <= at
    coming = view.session_from(current.closes_at) if is_open else current
    return {
        "timestamp": eastern(at),
        "is_open": is_open,
        "next_open": eastern(coming.opens_at),
        "next_close": eastern(current.closes_at),
    }


def _calendar_rows(view: MarketView, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the sessions whose trading (or settlement) date lies within the days asked for, both inclusive."""
    first, last = day(params, "start"), day(params, "end")
    of_settlement = choice(params, "date_type", DateType, DateType.TRADING) is DateType.SETTLEMENT
    sessions = view.market.calendar.sessions
    rows = []
    for number, session in enumerate(sessions):
        # Trades settle on the next business day (T+1).
        following = (
            sessions[number + 1].day if number + 1 < len(sessions) else session.day + timedelta(days=1)
        )
        if within(following if of_settlement else session.day, first, last):
            rows.append(_session_json(session) | {"settlement_date": following.isoformat()})
    return rows


def _session_json(session: Session) -> dict[str, Any]:
    closes_at = session.closes_at.astimezone(MARKET_ZONE)
    return {
        "date": session.day.isoformat(),
        "open": f"{session.opens_at.astimezone(MARKET_ZONE):%H:%M}",
        "close": f"{closes_at:%H:%M}",
        "session_open": "0400",
        # After-hours trading lasts four hours, on half days too.
        "session_close": f"{closes_at + timedelta(hours=4):%H%M}",
    }


def _matching_assets(view: MarketView, params: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the assets of the class, status, exchange and with any of the attributes asked for, by exchange and symbol."""
    wanted_class, status = params.get("asset_class") or "us_equity", params.get("status")
    exchange, attributes = params.get("exchange"), set(text_list(params, "attributes"))
    rows = [
        row
        for row in (_asset_json(symbol, view) for symbol in view.market.underlyings())
        if row["class"] == wanted_class
        and status in (None, "", row["status"])
        and exchange in (None, "", row["exchange"])
        and (not attributes or attributes & set(row["attributes"]))
    ]
    return sorted(rows, key=lambda row: (row["exchange"], row["symbol"]))


def _asset_json(symbol: str, view: MarketView) -> dict[str, Any]:
    """Return an asset; `easy_to_borrow` was to go in 2026, but alpaca-py cannot do without it."""
    listing, index = listing_of(symbol), is_index(symbol)
    closes_late = symbol in view.late_closing
    return {
        "id": asset_id_of(symbol),
        "class": "us_index" if index else "us_equity",
        "exchange": listing.exchange,
        "symbol": symbol,
        "name": listing.name,
        "status": "active",
        "tradable": not index,
        "marginable": not index,
        "maintenance_margin_requirement": 30,
        "margin_requirement_long": "30",
        "margin_requirement_short": "30",
        "shortable": not index,
        "easy_to_borrow": not index,
        "borrow_status": "easy_to_borrow",
        "fractionable": not index,
        "attributes": ["has_options", *(["options_late_close"] if closes_late else [])],
    }
