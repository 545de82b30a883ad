"""/sim: the clock, accounts, the journal and faults, for tests and the operator on this machine; /healthz for anyone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from simulator.account_rules import SHARED
from simulator.api.requests import NUMBER_MAX, BadRequest, instant, text_list, whole_number
from simulator.api.wire import answer, raw_answer
from simulator.brokerage import Brokerage, Holding
from simulator.clock import SPEED_MAX, SimClock
from simulator.faults import Fault
from simulator.journal import Wanted
from simulator.ticker import Ticker
from simulator.venue.money_text import money_text
from simulator.wire_time import rfc3339

_STEP_MAX_S = 366 * 86_400
_EQUITY_MAX_USD = 10**12

Model = TypeVar("Model", bound=BaseModel)


class ClockChange(BaseModel):
    """Where the clock jumps to and how fast it runs from then; None leaves either."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime | None = None
    speed: float | None = Field(default=None, ge=0, le=SPEED_MAX)


class Step(BaseModel):
    """How far a clock that stands still is moved on: both are added up."""

    model_config = ConfigDict(extra="forbid")

    seconds: float = Field(default=0, ge=0, le=_STEP_MAX_S)
    minutes: float = Field(default=0, ge=0, le=_STEP_MAX_S / 60)


class NewAccount(BaseModel):
    """An account for a key id."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1)
    equity_usd: Decimal = Field(gt=0, le=_EQUITY_MAX_USD, allow_inf_nan=False)


class Reset(BaseModel):
    """Whose account begins anew: a key id's, that of all other keys (""), or every one (None); and with how much."""

    model_config = ConfigDict(extra="forbid")

    key: str | None = None
    equity_usd: Decimal | None = Field(default=None, gt=0, le=_EQUITY_MAX_USD, allow_inf_nan=False)


def control_routes(brokerage: Brokerage, ticker: Ticker) -> APIRouter:
    """Return the control routes; the shell lets only loopback in."""
    router = APIRouter()
    for part in (_venue_routes(brokerage, ticker), _clock_routes(brokerage), _account_routes(brokerage)):
        router.include_router(part)
    router.include_router(_journal_routes(brokerage))
    router.include_router(_fault_routes(brokerage))
    return router


def _venue_routes(brokerage: Brokerage, ticker: Ticker) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        status = "ok" if ticker.is_running else "orders no longer trade"
        told = {"status": status, "market": brokerage.view.market.name}
        return answer(told, 200 if ticker.is_running else 503)

    @router.get("/sim/state")
    async def state(request: Request) -> Response:
        return answer(
            {
                "market": brokerage.view.market.name,
                "underlyings": list(brokerage.view.market.underlyings()),
                "fill_model": brokerage.shared.account.fills.model,
                "clock": _clock_json(instant(request), brokerage.clock),
                "trades": ticker.is_running,
                "journal_seq": brokerage.journal.last_seq,
                "faults": len(brokerage.faults.waiting),
                "accounts": _accounts_json(brokerage),
            }
        )

    return router


def _clock_routes(brokerage: Brokerage) -> APIRouter:
    router, clock = APIRouter(), brokerage.clock

    def told(request: Request, change: Callable[[], datetime]) -> Response:
        """Change the clock and answer with the new time, once it is in the journal and on disk.

        What is due at the instant that is left happens there, however long ago the last tick was.
        """
        brokerage.tick()
        at = request.state.venue_at = change()
        brokerage.tick()
        brokerage.journal.write("clock_set", at, {"speed": clock.speed})
        brokerage.keep_clock()
        return answer(_clock_json(at, clock))

    @router.get("/sim/clock")
    async def read_clock(request: Request) -> Response:
        return answer(_clock_json(instant(request), clock))

    @router.post("/sim/clock")
    async def set_clock(request: Request) -> Response:
        change = _read(ClockChange, await request.body())
        _check_instant(brokerage, change.at)
        return told(request, partial(clock.set, at=change.at, speed=change.speed))

    @router.post("/sim/pause")
    async def pause(request: Request) -> Response:
        return told(request, clock.pause)

    @router.post("/sim/resume")
    async def resume(request: Request) -> Response:
        return told(request, clock.resume)

    @router.post("/sim/step")
    async def step(request: Request) -> Response:
        asked = _read(Step, await request.body() or b"{}")
        if clock.speed:
            return answer({"message": "the clock runs: pause it before you step it"}, 409)
        at = clock.now() + timedelta(seconds=asked.seconds, minutes=asked.minutes)
        _check_instant(brokerage, at)
        return told(request, partial(clock.set, at=at))

    return router


def _account_routes(brokerage: Brokerage) -> APIRouter:
    router = APIRouter()

    @router.get("/sim/accounts")
    async def accounts() -> Response:
        return answer(_accounts_json(brokerage))

    @router.post("/sim/accounts")
    async def open_account(request: Request) -> Response:
        asked = _read(NewAccount, await request.body())
        if asked.key in brokerage.holdings:
            return answer({"message": f"{asked.key} has an account; POST /sim/reset begins it anew"}, 409)
        return answer(_account_json(asked.key, brokerage.open(asked.key, asked.equity_usd)))

    @router.post("/sim/reset")
    async def reset(request: Request) -> Response:
        asked = _read(Reset, await request.body() or b"{}")
        holders = list(brokerage.holdings) if asked.key is None else [asked.key]
        if not set(holders) <= set(brokerage.holdings):
            return answer({"message": f"no account of {asked.key}"}, 404)
        return answer(
            [_account_json(holder, brokerage.reset(holder, asked.equity_usd)) for holder in holders]
        )

    return router


def _journal_routes(brokerage: Brokerage) -> APIRouter:
    router = APIRouter()

    @router.get("/sim/journal")
    async def journal(request: Request) -> Response:
        params = request.query_params
        after = whole_number(params, "after", 0, NUMBER_MAX, minimum=0)
        limit = whole_number(params, "limit", 10_000, 200_000)
        return raw_answer(brokerage.journal.after(after, limit, _wanted(request)))

    return router


def _fault_routes(brokerage: Brokerage) -> APIRouter:
    router = APIRouter()

    @router.get("/sim/faults")
    async def faults() -> Response:
        return answer([fault.model_dump(mode="json") for fault in brokerage.faults.waiting])

    @router.post("/sim/faults")
    async def inject(request: Request) -> Response:
        fault = _read(Fault, await request.body())
        brokerage.faults.inject(fault)
        # What is shown of this second may have to look otherwise now.
        brokerage.view.forget()
        told = fault.model_dump(mode="json")
        journalled = told | {"account": brokerage.account_id_of(fault.account)}
        brokerage.journal.write("fault_injected", instant(request), {"fault": journalled})
        return answer(told)

    @router.delete("/sim/faults")
    async def clear(request: Request) -> Response:
        brokerage.faults.clear()
        brokerage.view.forget()
        brokerage.journal.write("faults_cleared", instant(request), {})
        return Response(status_code=204)

    return router


def _wanted(request: Request) -> Wanted:
    params = request.query_params
    return Wanted(
        kinds=frozenset(text_list(params, "kind")) or None,
        client_order_id=params.get("client_order_id") or None,
        account=params.get("account") or None,
    )


def _check_instant(brokerage: Brokerage, at: datetime | None) -> None:
    sessions = brokerage.view.market.calendar.sessions
    first, last = sessions[0].opens_at, sessions[-1].closes_at
    if at is not None and not first <= at < last:
        msg = f"the market's calendar is from {rfc3339(first)} to {rfc3339(last)}"
        raise BadRequest(msg)


def _clock_json(at: datetime, clock: SimClock) -> dict[str, Any]:
    return {"at": rfc3339(at), "speed": clock.speed}


def _accounts_json(brokerage: Brokerage) -> list[dict[str, Any]]:
    return [_account_json(holder, holding) for holder, holding in brokerage.holdings.items()]


def _account_json(holder: str, holding: Holding) -> dict[str, Any]:
    account = holding.desk.account
    return {
        "key": holder if holder != SHARED else None,
        "account": account.account_id,
        "opened_at": rfc3339(holding.opened_at),
        "starting_cash_usd": money_text(account.starting_cash_usd),
        "cash_usd": money_text(account.cash_usd),
        "positions": {symbol: held.qty for symbol, held in account.positions.items()},
        "orders": len(account.orders),
        "open_orders": len(account.open_orders),
    }


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate(orjson.loads(body))
    except (ValidationError, orjson.JSONDecodeError) as e:
        msg = f"no valid {model.__name__}: {e}"
        raise BadRequest(msg) from e
