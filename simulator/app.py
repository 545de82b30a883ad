"""The composition root: joins a market and settings to a running venue's ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from simulator.api.account import account_routes
from simulator.api.activities import activity_routes
from simulator.api.contracts import contract_routes
from simulator.api.control import control_routes
from simulator.api.data_stream import data_stream_routes
from simulator.api.news import news_routes
from simulator.api.option_data import option_data_routes
from simulator.api.option_history import option_history_routes
from simulator.api.orders import order_routes
from simulator.api.portfolio import portfolio_routes
from simulator.api.positions import position_routes
from simulator.api.reference import reference_routes
from simulator.api.requests import BadRequest
from simulator.api.stock_data import stock_data_routes
from simulator.api.stock_history import stock_history_routes
from simulator.api.stream import stream_routes
from simulator.api.wire import answer
from simulator.clock import SimClock
from simulator.desk import Desk
from simulator.faults import Faults
from simulator.feeds.rules import DataRules
from simulator.feeds.streams import DataStreams
from simulator.hub import UpdateHub
from simulator.journal import Journal
from simulator.market_view import MarketView
from simulator.markets.market import Market
from simulator.settings import VenueSettings
from simulator.shell import VenueShell
from simulator.ticker import Ticker
from simulator.venue.account import Account
from simulator.venue.fills import FillRules
from simulator.venue.identity import uuid_of


def build_desk(market: Market, settings: VenueSettings) -> Desk:
    """Return a venue's parts; its journal opens with what it was started as."""
    faults = Faults()
    fills = FillRules(
        model=settings.fill_model,
        latency_ms=settings.latency_ms,
        partial_pct=settings.partial_fills,
        seed=settings.seed,
    )
    account = Account(
        account_id=uuid_of(f"{market.name}:{settings.seed}", "account"),
        cash_usd=Decimal(str(settings.equity)),
        fills=fills,
    )
    clock = SimClock(settings.start or market.starts_at, settings.speed)
    journal = Journal(settings.journal)
    journal.write("venue_started", clock.now(), _description(market, settings))
    return Desk(
        clock=clock,
        view=MarketView(market),
        account=account,
        journal=journal,
        faults=faults,
        hub=UpdateHub(faults),
    )


def build_app(desk: Desk, rules: DataRules = DataRules()) -> FastAPI:  # noqa: B008  it is frozen
    """Return the ASGI application of `desk`; while it lives, time passes for its orders."""
    ticker = Ticker(desk)
    streams = DataStreams(desk.clock, desk.view, rules)

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        ticker.start()
        telling = asyncio.create_task(streams.run())
        yield
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
        await ticker.stop()
        desk.journal.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    opened_at = desk.clock.now()
    for router in (
        control_routes(desk, ticker),
        account_routes(desk, opened_at=opened_at),
        activity_routes(desk),
        portfolio_routes(desk, opened_at=opened_at),
        position_routes(desk),
        reference_routes(desk),
        contract_routes(desk),
        order_routes(desk),
        option_data_routes(desk, rules),
        option_history_routes(desk.view),
        stock_data_routes(desk.view, rules),
        stock_history_routes(desk.view, rules),
        news_routes(),
        data_stream_routes(desk, streams),
        stream_routes(desk),
    ):
        app.include_router(router)
    app.add_exception_handler(BadRequest, _bad_request)
    app.add_exception_handler(LookupError, _outside_the_market)
    app.add_exception_handler(HTTPException, _no_such_route)
    app.add_middleware(VenueShell, desk=desk)
    return app


async def _bad_request(_request: Request, error: Exception) -> Response:
    return answer({"code": 40010000, "message": str(error)}, 400)


async def _outside_the_market(_request: Request, error: Exception) -> Response:
    """The market has no prices or sessions there; a missing key or index is a defect and no such answer."""
    if isinstance(error, KeyError | IndexError):
        raise error
    return answer({"code": 50310000, "message": str(error)}, 503)


async def _no_such_route(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return answer({"code": status * 100_000 + 10_000, "message": "endpoint not found"}, status)


def _description(market: Market, settings: VenueSettings) -> dict[str, object]:
    return {
        "market": market.name,
        "fill_model": settings.fill_model,
        "latency_ms": settings.latency_ms,
        "partial_fills_pct": settings.partial_fills,
        "seed": settings.seed,
        "equity_usd": settings.equity,
        "speed": settings.speed,
    }
