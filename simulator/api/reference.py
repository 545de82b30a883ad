"""/v2/clock, /v2/calendar, /v2/assets and /v2/options/contracts: what there is to trade, and when."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.api.chain_rows import read_right
from simulator.api.requests import (
    day,
    default_expiration_to,
    instant,
    next_token,
    number,
    page,
    text_list,
    within,
)
from simulator.api.wire import answer, raw_answer, refuse
from simulator.desk import Desk
from simulator.market_view import MarketView
from simulator.markets.market import ListedContract
from simulator.venue.identity import asset_id_of
from simulator.venue.money_text import money_text
from simulator.venue.refusals import not_found
from simulator.wire_time import eastern


def reference_routes(desk: Desk) -> APIRouter:
    """Return the routes that describe the market."""
    router = APIRouter(prefix="/v2")
    view = desk.view

    @router.get("/clock")
    async def clock(request: Request) -> Response:
        return answer(_clock_json(view, instant(request)))

    @router.get("/calendar")
    async def calendar(request: Request) -> Response:
        first, last = day(request.query_params, "start"), day(request.query_params, "end")
        sessions = view.market.calendar.sessions
        return answer([_session_json(s, view) for s in sessions if within(s.day, first, last)])

    @router.get("/assets")
    async def assets(request: Request) -> Response:
        inactive = request.query_params.get("status") == "inactive"
        stocks = request.query_params.get("asset_class", "us_equity") == "us_equity"
        return answer([_asset_json(s) for s in view.market.underlyings() if stocks and not inactive])

    @router.get("/assets/{symbol_or_id}")
    async def asset(symbol_or_id: str) -> Response:
        for symbol in view.market.underlyings():
            if symbol_or_id in {symbol, asset_id_of(symbol)}:
                return answer(_asset_json(symbol))
        return refuse(not_found(f"asset not found for {symbol_or_id}"))

    @router.get("/options/contracts")
    async def contracts(request: Request) -> Response:
        params, at = request.query_params, instant(request)
        offset, limit = page(params, default=100, maximum=10_000)
        found = _matching_contracts(view, params, at)
        rows = b",".join(map(_contract_text, found[offset : offset + limit]))
        token = orjson.dumps(next_token(offset, limit, len(found)))
        return raw_answer(b'{"option_contracts":[%b],"next_page_token":%b}' % (rows, token))

    @router.get("/options/contracts/{symbol_or_id}")
    async def contract(symbol_or_id: str, request: Request) -> Response:
        row = _find_contract(view, symbol_or_id, instant(request))
        return (
            answer(_contract_json(row))
            if row
            else refuse(not_found(f"option contract {symbol_or_id} not found"))
        )

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


def _session_json(session: Session, view: MarketView) -> dict[str, Any]:
    following = view.market.calendar.sessions
    settled = next((s.day for s in following if s.day > session.day), session.day + timedelta(days=1))
    return {
        "date": session.day.isoformat(),
        "open": f"{session.opens_at.astimezone(MARKET_ZONE):%H:%M}",
        "close": f"{session.closes_at.astimezone(MARKET_ZONE):%H:%M}",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": settled.isoformat(),
    }


def _asset_json(symbol: str) -> dict[str, Any]:
    return {
        "id": asset_id_of(symbol),
        "class": "us_equity",
        "exchange": "NASDAQ",
        "symbol": symbol,
        "name": symbol,
        "status": "active",
        "tradable": True,
        "marginable": True,
        "shortable": True,
        "easy_to_borrow": True,
        "fractionable": True,
        "attributes": ["has_options"],
    }


def _matching_contracts(view: MarketView, params: Mapping[str, str], at: datetime) -> list[ListedContract]:
    if params.get("status") == "inactive":
        return []
    underlyings = text_list(params, "underlying_symbols") or list(view.market.underlyings())
    first, last = _expirations(params, market_day(at))
    low, high = number(params, "strike_price_gte"), number(params, "strike_price_lte")
    root, style = params.get("root_symbol"), params.get("style")
    right = read_right(params)
    return [
        row
        for underlying in underlyings
        for row in view.contracts(underlying, at).values()
        if within(row.symbol.expiration, first, last)
        and within(row.symbol.strike, low, high)
        and right in (None, row.symbol.right)
        and (not root or row.symbol.root == root)
        and style != "european"
    ]


def _expirations(params: Mapping[str, str], today: date) -> tuple[date | None, date | None]:
    """Return the range of expirations asked for; without an upper end it is the coming weekend."""
    exact = day(params, "expiration_date")
    if exact is not None:
        return exact, exact
    last = day(params, "expiration_date_lte")
    return day(params, "expiration_date_gte"), last or default_expiration_to(today)


def _find_contract(view: MarketView, symbol_or_id: str, at: datetime) -> ListedContract | None:
    row = view.contract(symbol_or_id, at)
    if row is not None:
        return row
    every = (item for name in view.market.underlyings() for item in view.contracts(name, at).items())
    return next((row for symbol, row in every if asset_id_of(symbol) == symbol_or_id), None)


@lru_cache(maxsize=65536)
def _contract_text(row: ListedContract) -> bytes:
    return orjson.dumps(_contract_json(row))


def _contract_json(row: ListedContract) -> dict[str, Any]:
    option, symbol = row.symbol, str(row.symbol)
    strike = money_text(option.strike)
    return {
        "id": asset_id_of(symbol),
        "symbol": symbol,
        "name": f"{option.root} {option.expiration:%b %d %Y} {strike} {option.right.capitalize()}",
        "status": "active",
        "tradable": True,
        "expiration_date": option.expiration.isoformat(),
        "root_symbol": option.root,
        "underlying_symbol": option.root,
        "underlying_asset_id": asset_id_of(option.root),
        "type": option.right,
        "style": "american",
        "strike_price": strike,
        "multiplier": "100",
        "size": "100",
        "open_interest": None if row.open_interest is None else str(row.open_interest),
        "open_interest_date": row.open_interest_date,
        "close_price": None if row.close_price is None else money_text(row.close_price),
        "close_price_date": row.close_price_date,
    }
