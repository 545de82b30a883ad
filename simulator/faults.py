"""Faults that a test asks for: what goes wrong, for whom, how often and when.

1. A fault strikes what it names alone, and says so in the journal before its effect is seen.
2. The first fault that was injected and matches is the one that strikes.
3. Whether one with a probability strikes follows from its seed and from how often it was asked: a run repeats itself.
4. Faults are forgotten when the venue ends.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from simulator.clock import wall_now
from simulator.told_refusals import Reason
from simulator.venue.fills import roll


class FaultKind(StrEnum):
    """What goes wrong; `count` counts what is named in brackets.

    [requests] DOWN and MAINTENANCE answer 503; RATE_LIMIT 429 with X-RateLimit-* and Retry-After; LATENCY waits
    `delay_ms` before anything happens; ERROR_BEFORE_ACCEPT answers `status` (500) and does nothing;
    RESET_BEFORE_ACCEPT cuts the connection and does nothing. Done all the same, but: ERROR_AFTER_ACCEPT answers
    `status` (504); RESET_AFTER_ACCEPT cuts the connection; TIMEOUT answers after `delay_ms`; PARTIAL_BODY sends half
    the body and cuts.
    [trade updates] DROP_UPDATES, DUPLICATE_UPDATES; REORDER_UPDATES holds one back behind the next, or for `delay_ms`.
    [chains] CHAIN_WITHOUT_GREEKS, EMPTY_CHAIN, QUOTE_NAN (bids are NaN or null).
    [messages of a data stream's client] STREAM_ERROR answers with the error of code `status` (500).
    [orders, cancels, replacements, exercises] REFUSE turns one down for `reason` (see `told_refusals`).
    [fills] LATE_FILLS come `delay_ms` later; FORCE_PARTIAL fills in part.
    Lasting, without a count: MUTE_STREAM (websockets beat but say nothing more), HALT (`symbol` does not trade),
    STALE_QUOTES (quotes stand still), CROSSED_QUOTES (bid and ask change places), ZERO_QUOTES (0 × 0),
    CLOCK_SKEW (`/v2/clock` and X-Venue-Clock are `skew_s` off).
    """

    DOWN = "down"
    MAINTENANCE = "maintenance"
    RATE_LIMIT = "rate_limit"
    LATENCY = "latency"
    ERROR_BEFORE_ACCEPT = "error_before_accept"
    RESET_BEFORE_ACCEPT = "reset_before_accept"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    RESET_AFTER_ACCEPT = "reset_after_accept"
    TIMEOUT = "timeout"
    PARTIAL_BODY = "partial_body"
    DROP_UPDATES = "drop_updates"
    DUPLICATE_UPDATES = "duplicate_updates"
    REORDER_UPDATES = "reorder_updates"
    CHAIN_WITHOUT_GREEKS = "chain_without_greeks"
    EMPTY_CHAIN = "empty_chain"
    QUOTE_NAN = "quote_nan"
    STREAM_ERROR = "stream_error"
    REFUSE = "refuse"
    LATE_FILLS = "late_fills"
    FORCE_PARTIAL = "force_partial"
    MUTE_STREAM = "mute_stream"
    HALT = "halt"
    STALE_QUOTES = "stale_quotes"
    CROSSED_QUOTES = "crossed_quotes"
    ZERO_QUOTES = "zero_quotes"
    CLOCK_SKEW = "clock_skew"


REQUEST_FAULTS = frozenset(
    {
        FaultKind.DOWN,
        FaultKind.MAINTENANCE,
        FaultKind.RATE_LIMIT,
        FaultKind.LATENCY,
        FaultKind.ERROR_BEFORE_ACCEPT,
        FaultKind.RESET_BEFORE_ACCEPT,
        FaultKind.ERROR_AFTER_ACCEPT,
        FaultKind.RESET_AFTER_ACCEPT,
        FaultKind.TIMEOUT,
        FaultKind.PARTIAL_BODY,
    }
)
CONNECT_FAULTS = frozenset({FaultKind.DOWN, FaultKind.MAINTENANCE})
CHAIN_FAULTS = frozenset({FaultKind.CHAIN_WITHOUT_GREEKS, FaultKind.EMPTY_CHAIN, FaultKind.QUOTE_NAN})
UPDATE_FAULTS = frozenset({FaultKind.DROP_UPDATES, FaultKind.DUPLICATE_UPDATES, FaultKind.REORDER_UPDATES})
QUOTE_FAULTS = frozenset({FaultKind.STALE_QUOTES, FaultKind.CROSSED_QUOTES, FaultKind.ZERO_QUOTES})
LASTING_FAULTS = QUOTE_FAULTS | {FaultKind.MUTE_STREAM, FaultKind.HALT, FaultKind.CLOCK_SKEW}
_MUTE = frozenset({FaultKind.MUTE_STREAM})
_SKEW = frozenset({FaultKind.CLOCK_SKEW})


_BY_SYMBOL = QUOTE_FAULTS | {
    FaultKind.HALT,
    FaultKind.LATE_FILLS,
    FaultKind.FORCE_PARTIAL,
    FaultKind.REFUSE,
}
#: What of a fault's limits a kind does not know of: the market and its data streams are everyone's.
_DEAF_TO = {
    "account": QUOTE_FAULTS | {FaultKind.STREAM_ERROR},
    "symbol": frozenset(FaultKind) - _BY_SYMBOL,
    "method": frozenset(FaultKind) - REQUEST_FAULTS,
    "path": QUOTE_FAULTS | {FaultKind.HALT},
    "probability": LASTING_FAULTS,
}
_DAY_S, _YEAR_S = 86_400, 366 * 86_400
_COUNT_MAX = 2**31 - 1


class Fault(BaseModel):
    """One fault and what it is limited to; a limit that is None, or a path of "/", limits nothing.

    `count` None lasts until cleared; it is 1 unless given, and None for MAINTENANCE and what lasts. `path` is a
    prefix. `account` is an APCA key id: of requests it means those with this id, of what happens to orders and of streams
    those of its account, whoever shares it. `symbol` is a contract, or a stock with all its contracts. `probability` is
    the share of what matches that is struck. A fault with a span strikes from its start until before its end.
    `delay_to_ms` makes the delay uniform between `delay_ms` and it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    count: int | None = Field(default=1, ge=1, le=_COUNT_MAX)
    path: str = "/"
    method: str | None = None
    account: str | None = None
    symbol: str | None = None
    probability: float = Field(default=1, gt=0, le=1)
    seed: int = Field(default=0, ge=-_COUNT_MAX, le=_COUNT_MAX)
    market_from: AwareDatetime | None = None
    market_until: AwareDatetime | None = None
    wall_from: AwareDatetime | None = None
    wall_until: AwareDatetime | None = None
    status: int | None = Field(default=None, ge=400, le=599)
    delay_ms: float = Field(default=1000, ge=0, le=_DAY_S * 1000)
    delay_to_ms: float | None = Field(default=None, ge=0, le=_DAY_S * 1000)
    retry_after_s: int = Field(default=60, ge=0, le=_DAY_S)
    skew_s: float = Field(default=60, ge=-_YEAR_S, le=_YEAR_S)
    reason: Reason | None = None

    @model_validator(mode="before")
    @classmethod
    def _default_count(cls, given: Any) -> Any:
        lasting = {*LASTING_FAULTS, FaultKind.MAINTENANCE}
        if isinstance(given, dict) and "count" not in given and given.get("kind") in lasting:
            return {**given, "count": None}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind in LASTING_FAULTS and self.count is not None:
            msg = f"{self.kind} lasts until it is cleared or its span ends; it takes no count"
            raise ValueError(msg)
        unheard = [name for name in self._limits() if self.kind in _DEAF_TO[name]]
        if unheard:
            msg = f"{self.kind} cannot be limited by {', '.join(unheard)}"
            raise ValueError(msg)
        if (self.kind is FaultKind.REFUSE) is (self.reason is None):
            msg = "refuse, and nothing else, needs a reason"
            raise ValueError(msg)
        if self.delay_to_ms is not None and self.delay_to_ms < self.delay_ms:
            msg = "delay_to_ms must not be below delay_ms"
            raise ValueError(msg)
        return self

    def _limits(self) -> list[str]:
        """Name the limits that were given."""
        given = {
            "account": self.account is not None,
            "symbol": self.symbol is not None,
            "method": self.method is not None,
            "path": self.path != "/",
            "probability": self.probability != 1,
        }
        return [name for name, is_given in given.items() if is_given]

    def runs_at(self, market: datetime, wall: datetime) -> bool:
        """Tell whether both times lie in the fault's spans."""
        return _in_span(market, self.market_from, self.market_until) and _in_span(
            wall, self.wall_from, self.wall_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault as it strikes: `delay_s` was thrown for this strike; `injected_at` is market time."""

    fault: Fault
    delay_s: float
    injected_at: datetime

    @property
    def kind(self) -> FaultKind:
        """Return what goes wrong."""
        return self.fault.kind

    @property
    def status(self) -> int | None:
        """Return the status that was asked for."""
        return self.fault.status


#: Told of every strike: the fault, and the path, symbol or stream it struck.
Witness = Callable[[Fault, str], None]


@dataclass(slots=True)
class Waiting:
    """A fault that waits, and what it has seen so far."""

    fault: Fault
    number: int
    injected_at: datetime
    left: int | None
    asked: int = 0
    seen: set[str] = field(default_factory=set)

    def throw(self, what: str) -> float:
        """Return a number in [0, 1) for the latest asking."""
        return roll(self.fault.seed, f"{self.number}:{self.asked}:{what}")


class Faults:
    """The faults that wait to happen, in the order they were injected."""

    def __init__(
        self,
        *,
        market_now: Callable[[], datetime] = wall_now,
        wall: Callable[[], datetime] = wall_now,
        witness: Witness = lambda _fault, _subject: None,
        is_of: Callable[[str], bool] = lambda _key: False,
        waiting: "list[Waiting] | None" = None,
    ) -> None:
        """`market_now` and `wall` tell the times that spans are held against; `witness` hears of every strike.

        `is_of` tells whether what they strike here is of a key id that a fault names; `waiting` is a list shared with
        others.
        """
        self.wall = wall
        self._market_now = market_now
        self._witness = witness
        self._is_of = is_of
        self._waiting: list[Waiting] = [] if waiting is None else waiting

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What is still to come, with what is left of the counts."""
        return tuple(item.fault.model_copy(update={"count": item.left}) for item in self._waiting)

    def seen_by(self, is_of: Callable[[str], bool], witness: Witness) -> "Faults":
        """Return the same faults as they strike what is of the key ids that `is_of` tells."""
        return Faults(
            market_now=self._market_now,
            wall=self.wall,
            witness=witness,
            is_of=is_of,
            waiting=self._waiting,
        )

    def inject(self, fault: Fault) -> None:
        """Let `fault` happen to what comes next."""
        number = self._waiting[-1].number + 1 if self._waiting else 1
        self._waiting.append(Waiting(fault, number, self._market_now(), fault.count))

    def clear(self) -> None:
        """Behave again."""
        self._waiting.clear()

    def take(
        self,
        kinds: frozenset[FaultKind],
        path: str,
        method: str | None = None,
        symbols: Iterable[str] = (),
        reasons: frozenset[str] = frozenset(),
    ) -> Strike | None:
        """Return the first waiting fault of `kinds` (and `reasons`, where it has one) that strikes this, counted down."""
        about = tuple(symbols)
        for item in self._matching(kinds, path, about):
            if item.fault.reason is not None and item.fault.reason not in reasons:
                continue
            if item.fault.method not in (None, method) or not self._strikes(item):
                continue
            if item.left is not None:
                item.left -= 1
            if item.left == 0:
                self._waiting.remove(item)
            self._witness(item.fault, about[0] if about else path)
            return _strike(item)
        return None

    def active(self, kinds: frozenset[FaultKind], subject: str, symbols: Iterable[str] = ()) -> list[Strike]:
        """Return the lasting faults of `kinds` that are on; `subject` (a path, stream or symbol) is told of once."""
        found = self._matching(kinds, subject, tuple(symbols))
        for item in found:
            if subject not in item.seen:
                item.seen.add(subject)
                self._witness(item.fault, subject)
        return [_strike(item) for item in found]

    def is_muted(self, stream: str) -> bool:
        """Tell whether the websocket at this path says nothing for now."""
        return bool(self.active(_MUTE, stream))

    def clock_skew(self, path: str) -> timedelta:
        """Return how far the venue's clock is off for whoever asks at this path."""
        return timedelta(seconds=sum(strike.fault.skew_s for strike in self.active(_SKEW, path)))

    def _matching(self, kinds: frozenset[FaultKind], path: str, symbols: tuple[str, ...]) -> list[Waiting]:
        if not self._waiting:
            return []
        market, wall = self._market_now(), self.wall()
        return [
            item
            for item in self._waiting
            if item.fault.kind in kinds
            and (not path.startswith("/") or path.startswith(item.fault.path))
            and (item.fault.account is None or self._is_of(item.fault.account))
            and (item.fault.symbol is None or item.fault.symbol in symbols)
            and item.fault.runs_at(market, wall)
        ]

    @staticmethod
    def _strikes(item: Waiting) -> bool:
        item.asked += 1
        return item.throw("strikes") < item.fault.probability


def _strike(item: Waiting) -> Strike:
    fault = item.fault
    longest = fault.delay_ms if fault.delay_to_ms is None else fault.delay_to_ms
    delay_ms = fault.delay_ms + (longest - fault.delay_ms) * item.throw("delay")
    return Strike(fault=fault, delay_s=delay_ms / 1000, injected_at=item.injected_at)


def _in_span(at: datetime, start: datetime | None, end: datetime | None) -> bool:
    return (start is None or at >= start) and (end is None or at < end)
