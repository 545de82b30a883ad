"""/v2/stocks: snapshots, latest quotes, trades and bars, for many symbols or one. Unknown symbols are absent.

Asked for one symbol in the path, the answer has it in `symbol`, and a history has a list instead of an object.
"""

from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.api.data_requests import DataRoute, check_recent, feed_of, symbols_of
from simulator.api.requests import BadRequest, instant
from simulator.api.stock_rows import bar_row, quote_row, snapshot_row, trade_row
from simulator.api.wire import answer
from simulator.feeds.rules import DataRules
from simulator.market_view import MarketView, market_second
from simulator.markets.market import StockSnapshot

Row = dict[str, Any]

FEEDS = ("iex", "sip", "delayed_sip", "boats", "overnight", "otc")
RECENT_SIP = "subscription does not permit querying recent SIP data"

#: What a latest figure is called and how it is read from a snapshot.
_LATEST: dict[str, tuple[str, Callable[[StockSnapshot], Row | None]]] = {
    "quotes": ("quote", lambda stock: quote_row(stock.quote) if stock.quote else None),
    "trades": ("trade", lambda stock: trade_row(stock.trade) if stock.trade else None),
    "bars": ("bar", lambda stock: bar_row(stock.minute_bar) if stock.minute_bar else None),
}


def stock_data_routes(view: MarketView, rules: DataRules) -> APIRouter:
    """Return the routes of the present; `stock_history_routes` has those of the past."""
    router = APIRouter(prefix="/v2/stocks", route_class=DataRoute)

    @router.get("/snapshots")
    async def snapshots(request: Request) -> Response:
        _check(request, rules)
        return answer({name: snapshot_row(stock) for name, stock in _stocks(view, request).items()})

    @router.get("/{symbol}/snapshot")
    async def snapshot(symbol: str, request: Request) -> Response:
        _check(request, rules)
        stock = view.market.stock(symbol, market_second(instant(request)))
        return answer({"symbol": symbol, **(snapshot_row(stock) if stock else {})})

    for many, (one, row_of) in _LATEST.items():
        router.add_api_route(f"/{many}/latest", _latest_of_many(view, rules, many, row_of))
        router.add_api_route(f"/{{symbol}}/{many}/latest", _latest_of_one(view, rules, one, row_of))
    return router


def read_currency(request: Request) -> None:
    """Refuse any currency but the one the market has."""
    currency = request.query_params.get("currency") or "USD"
    if currency != "USD":
        msg = f"invalid currency: {currency}"
        raise BadRequest(msg)


def _latest_of_many(
    view: MarketView, rules: DataRules, name: str, row_of: Callable[[StockSnapshot], Row | None]
) -> Callable[..., Any]:
    async def latest(request: Request) -> Response:
        _check(request, rules)
        rows = {symbol: row_of(stock) for symbol, stock in _stocks(view, request).items()}
        return answer({name: {symbol: row for symbol, row in rows.items() if row is not None}})

    return latest


def _latest_of_one(
    view: MarketView, rules: DataRules, name: str, row_of: Callable[[StockSnapshot], Row | None]
) -> Callable[..., Any]:
    async def latest(symbol: str, request: Request) -> Response:
        _check(request, rules)
        stock = view.market.stock(symbol, market_second(instant(request)))
        return answer({"symbol": symbol, name: row_of(stock) if stock else None})

    return latest


def _check(request: Request, rules: DataRules) -> None:
    """Check what every latest figure may be asked with; the basic plan has them of `iex` alone."""
    read_currency(request)
    feed, at = feed_of(request.query_params, FEEDS), instant(request)
    check_recent(rules, feed or "iex", at, at, RECENT_SIP)


def _stocks(view: MarketView, request: Request) -> dict[str, StockSnapshot]:
    at = market_second(instant(request))
    found = ((symbol, view.market.stock(symbol, at)) for symbol in symbols_of(request.query_params))
    return {symbol: stock for symbol, stock in found if stock is not None}
