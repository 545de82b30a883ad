"""The composition root: joins a market and settings to a running venue's ASGI application."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial

from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from kernel.domain.errors import ConfigError
from simulator.account_rules import SHARED
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
from simulator.brokerage import Brokerage, Holding
from simulator.clock import SimClock
from simulator.fault_market import with_faults
from simulator.faults import Fault, Faults
from simulator.feeds.rules import DataRules
from simulator.feeds.streams import DataStreams
from simulator.journal import Journal
from simulator.market_view import MarketView
from simulator.markets.market import Market
from simulator.rate_limit import RateLimiter
from simulator.settings import VenueSettings
from simulator.shell import VenueShell
from simulator.state import StateFile
from simulator.ticker import Ticker
from simulator.venue.fills import FillRules


def build_brokerage(market: Market, settings: VenueSettings) -> Brokerage:
    """Return a venue's parts; its journal opens with what it was started as. Raises ConfigError on a bad state file."""
    state = StateFile(settings.state, _identity(market, settings)) if settings.state else None
    kept = state.clock() if state else None
    clock = SimClock(settings.start or market.starts_at, settings.speed)
    if kept is not None:
        clock.set(at=kept.at, speed=None if "speed" in settings.model_fields_set else kept.speed)
    journal = _journal(settings, state)
    faults = Faults(market_now=clock.now, witness=partial(_witness, journal, clock))
    journal.write("venue_started", clock.now(), _description(market, settings))
    return Brokerage(
        clock=clock,
        view=MarketView(with_faults(market, faults), settings.late_closing),
        journal=journal,
        faults=faults,
        fills=_fill_rules(settings),
        rules=settings.account_rules,
        parent=f"{market.name}:{settings.seed}",
        state=state,
        limits=settings.limits,
    )


def build_app(brokerage: Brokerage, rules: DataRules, limiter: RateLimiter) -> FastAPI:
    """Return the ASGI application of a venue; while it lives, time passes for its orders."""
    ticker = Ticker(brokerage)
    streams = DataStreams(
        brokerage.clock,
        brokerage.view,
        rules,
        admits=brokerage.keys.admits,
        holder_of=brokerage.holder_of,
    )

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        ticker.start()
        telling = asyncio.create_task(streams.run())
        yield
        telling.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await telling
        await ticker.stop()
        brokerage.close()

    app = _application(_account_routers(brokerage.holdings[SHARED], rules), lifespan)
    app.include_router(control_routes(brokerage, ticker))
    app.include_router(data_stream_routes(brokerage, streams))
    app.include_router(stream_routes(brokerage))
    account_app = partial(_account_app, rules=rules)
    app.add_middleware(VenueShell, brokerage=brokerage, account_app=account_app, limiter=limiter)
    return app


def _account_app(holding: Holding, rules: DataRules) -> FastAPI:
    """Return the routes of an account that is not the shared one."""
    return _application(_account_routers(holding, rules))


def _application(
    routers: Iterable[APIRouter],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(BadRequest, _bad_request)
    app.add_exception_handler(LookupError, _outside_the_market)
    app.add_exception_handler(HTTPException, _no_such_route)
    return app


def _account_routers(holding: Holding, rules: DataRules) -> Iterator[APIRouter]:
    desk = holding.desk
    yield account_routes(holding)
    yield activity_routes(desk)
    yield portfolio_routes(holding)
    yield position_routes(desk)
    yield reference_routes(desk)
    yield contract_routes(desk)
    yield order_routes(desk)
    yield option_data_routes(desk, rules)
    yield option_history_routes(desk.view)
    yield stock_data_routes(desk.view, rules)
    yield stock_history_routes(desk.view, rules)
    yield news_routes()


def _journal(settings: VenueSettings, state: StateFile | None) -> Journal:
    if state is None:
        return Journal(settings.journal)
    try:
        return Journal(settings.journal, numbers=state.numbers(), reserve=state.reserve_numbers)
    except (ConfigError, OSError):
        state.close()
        raise


def _identity(market: Market, settings: VenueSettings) -> str:
    """Return what a state file is bound to: prices follow from these."""
    return f"{market.name} from {market.starts_at:%Y-%m-%d}, seed {settings.seed}"


def _fill_rules(settings: VenueSettings) -> FillRules:
    return FillRules(
        model=settings.fill_model,
        latency_ms=settings.latency_ms,
        partial_pct=settings.partial_fills,
        seed=settings.seed,
    )


def _witness(journal: Journal, clock: SimClock, fault: Fault, subject: str) -> None:
    journal.write("fault_struck", clock.now(), {"fault": fault.kind, "subject": subject})


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
