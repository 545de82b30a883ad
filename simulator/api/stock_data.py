"""/v2/stocks: snapshots, latest quotes, trades and bars, and historical bars. Unknown symbols are absent."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.api.requests import BadRequest, instant, moment, next_token, page, text_list
from simulator.api.wire import answer
from simulator.desk import Desk
from simulator.market_view import MarketView, market_second
from simulator.markets.market import Bar, Quote, StockSnapshot, Trade
from simulator.wire_time import rfc3339

_TIMEFRAME = re.compile(r"^(?P<count>\d+)(?P<unit>Min|T|Hour|H|Day|D)$")
_MINUTES = {"Min": 1, "T": 1, "Hour": 60, "H": 60, "Day": 390, "D": 390}


def stock_data_routes(desk: Desk) -> APIRouter:
    """Return the stock data routes."""
    router = APIRouter(prefix="/v2/stocks")
    view = desk.view

    @router.get("/snapshots")
    async def snapshots(request: Request) -> Response:
        return answer({name: _snapshot_json(stock) for name, stock in _stocks(view, request).items()})

    @router.get("/quotes/latest")
    async def latest_quotes(request: Request) -> Response:
        stocks = _stocks(view, request)
        return answer({"quotes": {name: _quote_json(s.quote) for name, s in stocks.items() if s.quote}})

    @router.get("/trades/latest")
    async def latest_trades(request: Request) -> Response:
        stocks = _stocks(view, request)
        return answer({"trades": {name: _trade_json(s.trade) for name, s in stocks.items() if s.trade}})

    @router.get("/bars/latest")
    async def latest_bars(request: Request) -> Response:
        stocks = _stocks(view, request)
        return answer({"bars": {name: _bar_json(s.minute_bar) for name, s in stocks.items() if s.minute_bar}})

    @router.get("/bars")
    async def bars(request: Request) -> Response:
        offset, limit = page(request.query_params, default=1000, maximum=10_000)
        rows = _bars(view, request)
        by_symbol: dict[str, list[dict[str, Any]]] = {}
        for symbol, bar in rows[offset : offset + limit]:
            by_symbol.setdefault(symbol, []).append(_bar_json(bar))
        return answer({"bars": by_symbol, "next_page_token": next_token(offset, limit, len(rows))})

    return router


def _stocks(view: MarketView, request: Request) -> dict[str, StockSnapshot]:
    at = market_second(instant(request))
    found = ((symbol, view.market.stock(symbol, at)) for symbol in _symbols(request))
    return {symbol: stock for symbol, stock in found if stock is not None}


def _symbols(request: Request) -> list[str]:
    symbols = text_list(request.query_params, "symbols")
    if not symbols:
        msg = "symbols is required"
        raise BadRequest(msg)
    return sorted(set(symbols))


def _bars(view: MarketView, request: Request) -> list[tuple[str, Bar]]:
    """Return (symbol, bar) rows in the order asked for: by symbol, then time."""
    params, at = request.query_params, market_second(instant(request))
    start = moment(params, "start") or _start_of_day(at)
    end = moment(params, "end") or at
    minutes = _minutes(params)
    newest_first = params.get("sort") == "desc"
    rows: list[tuple[str, Bar]] = []
    for symbol in _symbols(request):
        found = view.market.stock_bars(symbol, minutes, start, end, at)
        rows += [(symbol, bar) for bar in (reversed(found) if newest_first else found)]
    return rows


def _minutes(params: Mapping[str, str]) -> int:
    text = params.get("timeframe", "")
    match = _TIMEFRAME.match(text)
    if match is None or int(match["count"]) == 0:
        msg = f"invalid timeframe: {text!r} (1Min to 59Min, 1Hour to 23Hour, 1Day)"
        raise BadRequest(msg)
    return int(match["count"]) * _MINUTES[match["unit"]]


def _start_of_day(at: datetime) -> datetime:
    return datetime.combine(market_day(at), datetime.min.time(), tzinfo=MARKET_ZONE)


def _snapshot_json(stock: StockSnapshot) -> dict[str, Any]:
    blocks: tuple[tuple[str, Any, Callable[[Any], dict[str, Any]]], ...] = (
        ("latestTrade", stock.trade, _trade_json),
        ("latestQuote", stock.quote, _quote_json),
        ("minuteBar", stock.minute_bar, _bar_json),
        ("dailyBar", stock.day_bar, _bar_json),
        ("prevDailyBar", stock.previous_day_bar, _bar_json),
    )
    return {name: encode(block) for name, block, encode in blocks if block is not None}


def _bar_json(bar: Bar) -> dict[str, Any]:
    return {
        "t": rfc3339(bar.at),
        "o": bar.open,
        "h": bar.high,
        "l": bar.low,
        "c": bar.close,
        "v": bar.volume,
        "n": bar.trades,
        "vw": bar.vwap,
    }


def _quote_json(quote: Quote) -> dict[str, Any]:
    return {
        "t": rfc3339(quote.at),
        "ax": "V",
        "ap": quote.ask,
        "as": quote.ask_size,
        "bx": "V",
        "bp": quote.bid,
        "bs": quote.bid_size,
        "c": ["R"],
        "z": "C",
    }


def _trade_json(trade: Trade) -> dict[str, Any]:
    number = int(trade.at.timestamp() * 1000)
    return {
        "t": rfc3339(trade.at),
        "x": "V",
        "p": trade.price,
        "s": trade.size,
        "c": ["@"],
        "i": number,
        "z": "C",
    }
