"""/v1beta1/options: historical bars and trades. The venue keeps single trades for seven days."""

from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.api.data_requests import DataRoute, Span, read_page, read_span, symbols_of
from simulator.api.option_data import SYMBOLS_MAX
from simulator.api.stock_rows import bar_row
from simulator.api.timeframes import Timeframe
from simulator.api.wire import answer
from simulator.market_view import MarketView
from simulator.markets.market import Trade
from simulator.quote_codes import OPTION_EXCHANGE, OPTION_TRADE_CONDITION
from simulator.wire_time import rfc3339_nano

_TRADES_KEPT = timedelta(days=7)

Rows = list[tuple[datetime, dict[str, Any]]]


def option_history_routes(view: MarketView) -> APIRouter:
    """Return the routes of the past."""
    router = APIRouter(prefix="/v1beta1/options", route_class=DataRoute)
    market = view.market

    @router.get("/bars")
    async def bars(request: Request) -> Response:
        span, frame = read_span(request), Timeframe.read(request.query_params)

        def rows(symbol: str, start: datetime, end: datetime) -> Rows:
            found = frame.bars(
                lambda minutes, first, last: market.option_bars(symbol, minutes, first, last, span.at),
                start,
                end,
            )
            return _ordered([(bar.at, bar_row(bar)) for bar in found], span)

        return await _page(request, "bars", span, rows)

    @router.get("/trades")
    async def trades(request: Request) -> Response:
        span = read_span(request)
        oldest = span.at - _TRADES_KEPT

        def rows(symbol: str, start: datetime, end: datetime) -> Rows:
            found = market.option_trades(symbol, max(start, oldest), end, span.at)
            return _ordered([(trade.at, _trade_row(trade)) for trade in found], span)

        return await _page(request, "trades", span, rows)

    return router


async def _page(request: Request, name: str, span: Span, rows: Any) -> Response:
    symbols = symbols_of(request.query_params, SYMBOLS_MAX)
    found, token = await read_page(symbols, span, rows)
    return answer({name: found, "next_page_token": token})


def _ordered(rows: Rows, span: Span) -> Rows:
    return rows[::-1] if span.newest_first else rows


def _trade_row(trade: Trade) -> dict[str, Any]:
    """Return an option's trade: its condition is text, and it has neither a number nor a tape."""
    told = {"t": rfc3339_nano(trade.at), "x": OPTION_EXCHANGE, "p": trade.price, "s": trade.size}
    return {**told, "c": OPTION_TRADE_CONDITION}
