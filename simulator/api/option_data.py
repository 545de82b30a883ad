"""/v1beta1/options: snapshots by contract or by chain, and latest quotes.

A chain page is encoded once per market second and filter; within that second its bytes are the answer.
"""

import json
from collections.abc import Callable
from datetime import datetime

import numpy as np
import orjson
from fastapi import APIRouter, Request, Response

from simulator.api.chain_rows import ChainFilter, Row, snapshot_rows
from simulator.api.requests import BadRequest, instant, next_token, page, text_list
from simulator.api.wire import answer, raw_answer
from simulator.desk import Desk
from simulator.faults import CHAIN_FAULTS, FaultKind
from simulator.market_view import ChainPicture, MarketView

_SYMBOLS_MAX = 100


def option_data_routes(desk: Desk) -> APIRouter:
    """Return the option data routes."""
    router = APIRouter(prefix="/v1beta1/options")
    view = desk.view

    @router.get("/snapshots")
    async def by_symbols(request: Request) -> Response:
        offset, limit = page(request.query_params, default=100, maximum=1000)
        rows = _rows_of(view, _symbols(request), instant(request))
        shown = dict(list(rows.items())[offset : offset + limit])
        return answer({"snapshots": shown, "next_page_token": next_token(offset, limit, len(rows))})

    @router.get("/snapshots/{underlying}")
    async def chain(underlying: str, request: Request) -> Response:
        offset, limit = page(request.query_params, default=100, maximum=1000)
        wanted = ChainFilter.read(request.query_params)
        picture = view.chain(underlying, instant(request))
        fault = desk.faults.take(CHAIN_FAULTS, request.url.path)
        if fault is not None:
            return raw_answer(_damaged(fault.kind, picture, wanted))
        return raw_answer(_chain_page(picture, wanted, offset, limit))

    @router.get("/quotes/latest")
    async def latest_quotes(request: Request) -> Response:
        rows = _rows_of(view, _symbols(request), instant(request))
        quotes = {symbol: row["latestQuote"] for symbol, row in rows.items() if "latestQuote" in row}
        return answer({"quotes": quotes})

    return router


def _symbols(request: Request) -> list[str]:
    symbols = text_list(request.query_params, "symbols")
    if not symbols:
        msg = "symbols is required"
        raise BadRequest(msg)
    if len(symbols) > _SYMBOLS_MAX:
        msg = f"too many symbols: at most {_SYMBOLS_MAX}"
        raise BadRequest(msg)
    return sorted(set(symbols))


def _rows_of(view: MarketView, symbols: list[str], at: datetime) -> dict[str, Row]:
    """Return the snapshots of known contracts, by symbol; unknown ones are absent."""
    found: dict[str, Row] = {}
    for symbol in symbols:
        underlying = view.underlying_of(symbol)
        picture = view.chain(underlying, at) if underlying else None
        row = picture.row_of.get(symbol) if picture else None
        if picture is not None and row is not None:
            found |= snapshot_rows(picture.columns, np.array([row]))
    return found


def _chain_page(picture: ChainPicture, wanted: ChainFilter, offset: int, limit: int) -> bytes:
    key = (wanted, offset, limit)
    encoded = picture.encoded.get(key)
    if encoded is None:
        found = wanted.select(picture.columns)
        rows = snapshot_rows(picture.columns, found[offset : offset + limit])
        encoded = orjson.dumps({"snapshots": rows, "next_page_token": next_token(offset, limit, len(found))})
        picture.encoded[key] = encoded
    return encoded


def _damaged(kind: FaultKind, picture: ChainPicture, wanted: ChainFilter) -> bytes:
    """Encode a whole chain with a fault in it; Python's json writes NaN as many servers do."""
    rows = (
        {}
        if kind is FaultKind.EMPTY_CHAIN
        else snapshot_rows(picture.columns, wanted.select(picture.columns))
    )
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
