"""/v2/stocks: historical bars, quotes and trades, for many symbols or one.

Nothing splits, pays a dividend or is renamed in this market, so `adjustment` and `asof` are checked and change nothing.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator import stock_tape
from simulator.api.data_requests import (
    DataRoute,
    RowsOf,
    Span,
    check_recent,
    feed_of,
    read_page,
    read_span,
    symbols_of,
)
from simulator.api.requests import BadRequest, day
from simulator.api.stock_data import FEEDS, RECENT_SIP, read_currency
from simulator.api.stock_rows import bar_row, quote_row, trade_row
from simulator.api.timeframes import Timeframe
from simulator.api.wire import answer
from simulator.feeds.rules import DataRules
from simulator.market_view import MarketView
from simulator.markets.market import Market

_ADJUSTMENT = re.compile(r"(raw|all|split|dividend|spin-off)(,(split|dividend|spin-off))*")

#: Reads a request's own parameters, and returns what gives its rows.
Reader = Callable[[Market, Request, Span], RowsOf]


def stock_history_routes(view: MarketView, rules: DataRules) -> APIRouter:
    """Return the routes of the past."""
    router = APIRouter(prefix="/v2/stocks", route_class=DataRoute)
    for name, reader in (("bars", _bars), ("quotes", _quotes), ("trades", _trades)):
        router.add_api_route(f"/{name}", _of_many(view, rules, name, reader))
        router.add_api_route(f"/{{symbol}}/{name}", _of_one(view, rules, name, reader))
    return router


def _of_many(view: MarketView, rules: DataRules, name: str, reader: Reader) -> Callable[..., Any]:
    async def history(request: Request) -> Response:
        span = _span(request, rules)
        symbols = symbols_of(request.query_params)
        rows, token = await read_page(symbols, span, reader(view.market, request, span))
        return answer({name: rows, "next_page_token": token})

    return history


def _of_one(view: MarketView, rules: DataRules, name: str, reader: Reader) -> Callable[..., Any]:
    async def history(symbol: str, request: Request) -> Response:
        span = _span(request, rules)
        rows, token = await read_page([symbol], span, reader(view.market, request, span))
        return answer({name: rows.get(symbol, []), "symbol": symbol, "next_page_token": token})

    return history


def _span(request: Request, rules: DataRules) -> Span:
    read_currency(request)
    if request.query_params.get("asof") != "-":
        day(request.query_params, "asof")
    span, feed = read_span(request), feed_of(request.query_params, FEEDS)
    # Without a feed the venue gives what the plan has, so only who asks for it by name is refused.
    if feed is not None:
        check_recent(rules, feed, span.end, span.at, RECENT_SIP)
    return span


def _bars(market: Market, request: Request, span: Span) -> RowsOf:
    frame = Timeframe.read(request.query_params)
    adjustment = request.query_params.get("adjustment") or "raw"
    if not _ADJUSTMENT.fullmatch(adjustment):
        msg = f"invalid adjustment: {adjustment}"
        raise BadRequest(msg)

    def rows(symbol: str, start: datetime, end: datetime) -> list[tuple[datetime, dict[str, Any]]]:
        bars = frame.bars(
            lambda minutes, first, last: market.stock_bars(symbol, minutes, first, last, span.at), start, end
        )
        told = [(bar.at, bar_row(bar)) for bar in bars]
        return told[::-1] if span.newest_first else told

    return rows


def _quotes(market: Market, _request: Request, span: Span) -> RowsOf:
    return lambda symbol, start, end: (
        (quote.at, quote_row(quote))
        for quote in stock_tape.quotes(market, symbol, start, end, at=span.at, newest_first=span.newest_first)
    )


def _trades(market: Market, _request: Request, span: Span) -> RowsOf:
    return lambda symbol, start, end: (
        (trade.at, trade_row(trade))
        for trade in stock_tape.trades(market, symbol, start, end, at=span.at, newest_first=span.newest_first)
    )
