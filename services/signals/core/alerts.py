"""Alerts from outside: from the bytes of a request to a checked Alert, or to the fields that are wrong.

Entry points: `read_alert`, `content_hash`, `signal_from_alert`.
1. Whatever the bytes, the answer is an Alert or an AlertRefused that names each field that is wrong.
2. Numbers are read as Decimal from the text, never through binary floats; NaN and Infinity are refused.
3. Two alerts have the same content hash exactly when they ask for the same trade: order of fields, white space and
   trailing zeros do not count.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from kernel.contracts.messages import Signal, SignalSource
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Ticker
from kernel.domain.money import MICRO
from kernel.domain.options import Direction, Strategy
from kernel.domain.params import SignalsParams
from services.signals.core.build import build_signal

MAX_ID_CHARS = 128
MAX_EXPIRY_S = 86_400
_MAX_PROBLEMS = 20
_MAX_SHOWN_CHARS = 64
#: TradingView's {{strategy.order.action}} says what the chart's own strategy does; read as the direction it bets on.
_DIRECTION_OF_ACTION = {"buy": Direction.BULLISH.value, "sell": Direction.BEARISH.value}

#: Text that a log line, a database and a derived id can carry: no control characters.
_Printable = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARS, pattern=r"^[^\p{Cc}]+$")]


def _to_six_places(price: Decimal) -> Decimal:
    return price.quantize(MICRO)


def _direction_word(value: object) -> object:
    return _DIRECTION_OF_ACTION.get(value, value) if isinstance(value, str) else value


#: Charts print more digits than the wire keeps; what is beyond six decimals is rounded off.
_Price = Annotated[
    Decimal,
    Field(ge=MICRO, lt=Decimal(10) ** 12, allow_inf_nan=False),
    AfterValidator(_to_six_places),
]


class Alert(BaseModel):
    """What an alert may say. Prices are the underlying's, USD per share."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: _Printable
    ticker: Ticker
    direction: Annotated[Direction, BeforeValidator(_direction_word)]
    strategy: Strategy
    setup: _Printable = "alert"
    price: _Price | None = None
    stop: _Price | None = None
    target: _Price | None = None
    atr: _Price | None = None
    expires_in_s: Annotated[Decimal, Field(gt=0, le=MAX_EXPIRY_S, allow_inf_nan=False)] | None = None

    @field_validator("stop", "target")
    @classmethod
    def _in_order(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        """A bullish idea has stop < price < target, a bearish one the reverse; a target without price is held to the stop."""
        anchor = "price" if info.data.get("price") is not None else "stop"
        level, direction = info.data.get(anchor), info.data.get("direction")
        if value is None or level is None or direction is None:
            return value
        below = (direction is Direction.BULLISH) == (info.field_name == "stop")
        if (value < level) if below else (value > level):
            return value
        raise ValueError(f"of a {direction} alert must lie {'below' if below else 'above'} its {anchor}")


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One field of a request that is wrong, in words for its sender. `body` is the request as a whole."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class AlertRefused:
    """Why a request is no alert: what is wrong with it, the first problems where there are many."""

    problems: Sequence[FieldProblem]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The alert's signal is in the log. `first`: it was not before this request."""

    signal_id: str
    first: bool


@dataclass(frozen=True, slots=True)
class Conflicting:
    """Another alert was accepted under this id before, as signal `signal_id`."""

    signal_id: str


class _NotAnAlert(ValueError):
    """JSON that is well formed and still not acceptable; carries what is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.refused = AlertRefused((FieldProblem(field, problem),))


def read_alert(body: bytes) -> Alert | AlertRefused:
    """Return the alert in a request's body."""
    try:
        return Alert.model_validate(_decode(body))
    except ValidationError as e:
        return AlertRefused(tuple(_problems(e)))
    except _NotAnAlert as e:
        return e.refused


def content_hash(alert: Alert) -> str:
    """Return a hash of everything the alert asks for."""
    said = {name: _plain(value) for name, value in alert.model_dump(exclude_none=True).items()}
    canonical = json.dumps(said, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def signal_from_alert(origin: Origin, params: SignalsParams, alert: Alert, now: datetime) -> Signal:
    """Return the signal an alert asks for, accepted at `now` (venue time)."""
    return build_signal(
        origin,
        params,
        cause=f"alert:{alert.id}",
        underlying=alert.ticker,
        direction=alert.direction,
        strategy=alert.strategy,
        now=now,
        source=SignalSource.WEBHOOK,
        setup=alert.setup,
        external_id=alert.id,
        expires_in_s=None if alert.expires_in_s is None else float(alert.expires_in_s),
        reference_price=alert.price,
        stop_price=alert.stop,
        target_price=alert.target,
        atr=alert.atr,
    )


def _decode(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=_number,
            parse_int=_number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except _NotAnAlert:
        raise
    except RecursionError:
        raise _NotAnAlert("body", "is nested too deeply") from None
    except UnicodeDecodeError:
        raise _NotAnAlert("body", "is not UTF-8") from None
    except json.JSONDecodeError as e:
        raise _NotAnAlert("body", f"is not JSON: {e.msg} at line {e.lineno} column {e.colno}") from None
    if not isinstance(value, dict):
        raise _NotAnAlert("body", "is not a JSON object")
    return value


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise _NotAnAlert("body", "holds a number out of any range") from None


def _refuse_constant(text: str) -> None:
    raise _NotAnAlert("body", f"holds {text}, which is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for name, content in pairs:
        if name in value:
            raise _NotAnAlert(_shown(name), "is given twice")
        value[name] = content
    return value


def _problems(error: ValidationError) -> list[FieldProblem]:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [
        FieldProblem(_shown(".".join(map(str, e["loc"]))) or "body", e["msg"]) for e in found[:_MAX_PROBLEMS]
    ]


def _shown(name: str) -> str:
    """Return a sender's own field name so that it can be shown: bounded, and with nothing UTF-8 cannot carry."""
    return name[:_MAX_SHOWN_CHARS].encode("utf-8", "backslashreplace").decode()


def _plain(value: object) -> str:
    return str(value.normalize()) if isinstance(value, Decimal) else str(value)
