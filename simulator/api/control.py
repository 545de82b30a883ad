"""/sim: the clock, the journal and faults, for tests and the operator on this machine; /healthz for anyone."""

from datetime import datetime
from typing import Any, TypeVar

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from simulator.api.requests import BadRequest, instant, whole_number
from simulator.api.wire import answer, raw_answer
from simulator.desk import Desk
from simulator.faults import Fault
from simulator.ticker import Ticker
from simulator.wire_time import rfc3339

Model = TypeVar("Model", bound=BaseModel)


class ClockChange(BaseModel):
    """Where the clock jumps to and how fast it runs from then; None leaves either."""

    model_config = ConfigDict(extra="forbid")

    at: AwareDatetime | None = None
    speed: float | None = Field(default=None, ge=0, allow_inf_nan=False)


def control_routes(desk: Desk, ticker: Ticker) -> APIRouter:
    """Return the control routes; the shell lets only loopback in."""
    router = APIRouter()

    @router.get("/healthz")
    async def healthz() -> Response:
        status = "ok" if ticker.is_running else "orders no longer trade"
        return answer({"status": status, "market": desk.view.market.name}, 200 if ticker.is_running else 503)

    @router.get("/sim/clock")
    async def read_clock(request: Request) -> Response:
        return answer(_clock_json(instant(request), desk.clock.speed))

    @router.post("/sim/clock")
    async def set_clock(request: Request) -> Response:
        change = _read(ClockChange, await request.body())
        at = desk.clock.set(at=change.at, speed=change.speed)
        request.state.venue_at = at
        desk.journal.write("clock_set", at, {"speed": desk.clock.speed})
        return answer(_clock_json(at, desk.clock.speed))

    @router.get("/sim/journal")
    async def journal(request: Request) -> Response:
        params = request.query_params
        text = params.get("after") or "0"
        if not text.isdecimal():
            msg = f"invalid after: {text!r} is no row number"
            raise BadRequest(msg)
        return raw_answer(desk.journal.after(int(text), whole_number(params, "limit", 10_000, 200_000)))

    @router.get("/sim/faults")
    async def faults() -> Response:
        return answer([fault.model_dump(mode="json") for fault in desk.faults.waiting])

    @router.post("/sim/faults")
    async def inject(request: Request) -> Response:
        fault = _read(Fault, await request.body())
        desk.faults.inject(fault)
        desk.journal.write("fault_injected", instant(request), {"fault": fault.model_dump(mode="json")})
        return answer(fault.model_dump(mode="json"))

    @router.delete("/sim/faults")
    async def clear() -> Response:
        desk.faults.clear()
        return Response(status_code=204)

    return router


def _clock_json(at: datetime, speed: float) -> dict[str, Any]:
    return {"at": rfc3339(at), "speed": speed}


def _read(model: type[Model], body: bytes) -> Model:
    try:
        return model.model_validate(orjson.loads(body))
    except (ValidationError, orjson.JSONDecodeError) as e:
        msg = f"no valid {model.__name__}: {e}"
        raise BadRequest(msg) from e
