"""/v1beta1/options: snapshots by contract or by chain, latest quotes and trades. Unknown symbols are absent.

A chain page is encoded once per market second and filter; within that second its bytes are the answer.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response

from simulator.api.chain_rows import ChainFilter, Rows, json_object, quote_texts, snapshot_texts, trade_texts
from simulator.api.data_requests import DataRoute, Forbidden, feed_of, symbols_of
from simulator.api.requests import instant, next_token, page
from simulator.api.wire import answer, raw_answer
from simulator.desk import Desk
from simulator.faults import CHAIN_FAULTS, FaultKind
from simulator.feeds.rules import OPTION_FEEDS, DataRules
from simulator.market_view import ChainPicture, MarketView
from simulator.markets.columns import ChainColumns
from simulator.quote_codes import OPTION_EXCHANGES

Row = dict[str, Any]

SYMBOLS_MAX = 100


def option_data_routes(desk: Desk, rules: DataRules) -> APIRouter:
    """Return the routes of the present; `option_history_routes` has those of the past."""
    router = APIRouter(prefix="/v1beta1/options", route_class=DataRoute)
    view = desk.view

    @router.get("/snapshots")
    async def by_symbols(request: Request) -> Response:
        check_feed(request, rules)
        offset, limit = page(request.query_params, default=100, maximum=1000)
        found = _find(view, symbols_of(request.query_params, SYMBOLS_MAX), instant(request))
        shown: dict[str, bytes] = {}
        for picture, row in found[offset : offset + limit]:
            shown |= snapshot_texts(picture.columns, np.array([row]))
        return raw_answer(_page(shown, next_token(offset, limit, len(found))))

    @router.get("/snapshots/{underlying}")
    async def chain(underlying: str, request: Request) -> Response:
        check_feed(request, rules)
        offset, limit = page(request.query_params, default=100, maximum=1000)
        wanted = ChainFilter.read(request.query_params)
        picture = view.chain(underlying, instant(request))
        fault = desk.faults.take(CHAIN_FAULTS, request.url.path)
        if fault is not None:
            return raw_answer(_damaged(fault.kind, picture, wanted))
        return raw_answer(_chain_page(picture, wanted, offset, limit))

    @router.get("/quotes/latest")
    async def latest_quotes(request: Request) -> Response:
        return _latest(request, "quotes", lambda columns, rows: quote_texts(columns.quote, rows))

    @router.get("/trades/latest")
    async def latest_trades(request: Request) -> Response:
        return _latest(request, "trades", lambda columns, rows: trade_texts(columns.trade, rows))

    @router.get("/meta/exchanges")
    async def exchanges() -> Response:
        return answer(OPTION_EXCHANGES)

    def _latest(request: Request, name: str, texts: Callable[[ChainColumns, Rows], list[bytes]]) -> Response:
        check_feed(request, rules)
        found = _find(view, symbols_of(request.query_params, SYMBOLS_MAX), instant(request))
        told = {
            picture.columns.listing.symbols[row]: texts(picture.columns, np.array([row]))[0]
            for picture, row in found
        }
        shown = json_object({symbol: text for symbol, text in told.items() if text})
        return raw_answer(b'{"%b":%b}' % (name.encode(), shown))

    return router


def check_feed(request: Request, rules: DataRules) -> None:
    """Refuse a feed that there is not, or that the plan does not have; without one the plan's own is given."""
    feed = feed_of(request.query_params, OPTION_FEEDS)
    if feed is not None and not rules.allows(feed):
        msg = "OPRA agreement is not signed"
        raise Forbidden(msg)


def _find(view: MarketView, symbols: list[str], at: datetime) -> list[tuple[ChainPicture, int]]:
    """Return where known contracts stand in their chains; unknown ones are absent."""
    found = []
    for symbol in symbols:
        underlying = view.underlying_of(symbol)
        picture = view.chain(underlying, at) if underlying else None
        if picture is not None and symbol in picture.row_of:
            found.append((picture, picture.row_of[symbol]))
    return found


def _chain_page(picture: ChainPicture, wanted: ChainFilter, offset: int, limit: int) -> bytes:
    def encode() -> bytes:
        found = wanted.select(picture.columns)
        shown = snapshot_texts(picture.columns, found[offset : offset + limit])
        return _page(shown, next_token(offset, limit, len(found)))

    return picture.encoded((wanted, offset, limit), encode)


def _page(shown: Mapping[str, bytes], token: str | None) -> bytes:
    return b'{"snapshots":%b,"next_page_token":%b}' % (json_object(shown), orjson.dumps(token))


def _damaged(kind: FaultKind, picture: ChainPicture, wanted: ChainFilter) -> bytes:
    """Encode a whole chain with a fault in it; Python's json writes NaN as many servers do."""
    shown = (
        {}
        if kind is FaultKind.EMPTY_CHAIN
        else snapshot_texts(picture.columns, wanted.select(picture.columns))
    )
    rows: dict[str, Row] = {symbol: orjson.loads(text) for symbol, text in shown.items()}
    damage = _DAMAGES.get(kind)
    for index, row in enumerate(rows.values()):
        if damage is not None:
            damage(index, row)
    return json.dumps({"snapshots": rows, "next_page_token": None}).encode()


def _drop_greeks(_index: int, row: Row) -> None:
    row.pop("greeks", None)
    row.pop("impliedVolatility", None)


def _spoil_bid(index: int, row: Row) -> None:
    """Every second bid becomes NaN, the others null."""
    if "latestQuote" in row:
        row["latestQuote"]["bp"] = float("nan") if index % 2 == 0 else None


_DAMAGES: dict[FaultKind, Callable[[int, Row], None]] = {
    FaultKind.CHAIN_WITHOUT_GREEKS: _drop_greeks,
    FaultKind.QUOTE_NAN: _spoil_bid,
}
