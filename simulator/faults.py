"""Faults that a test injects and the venue then shows, a number of times or until cleared."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """What goes wrong.

    Requests: DOWN answers 503; LATENCY waits `delay_ms` before anything happens; ERROR_BEFORE_ACCEPT answers
    `status` (500) and does nothing; ERROR_AFTER_ACCEPT does it and answers `status` (504); TIMEOUT does it and
    answers only after `delay_ms`. Trade updates: DROP_UPDATES, DUPLICATE_UPDATES. Option data:
    CHAIN_WITHOUT_GREEKS, EMPTY_CHAIN, QUOTE_NAN (bids are NaN or null).
    """

    DOWN = "down"
    LATENCY = "latency"
    ERROR_BEFORE_ACCEPT = "error_before_accept"
    ERROR_AFTER_ACCEPT = "error_after_accept"
    TIMEOUT = "timeout"
    DROP_UPDATES = "drop_updates"
    DUPLICATE_UPDATES = "duplicate_updates"
    CHAIN_WITHOUT_GREEKS = "chain_without_greeks"
    EMPTY_CHAIN = "empty_chain"
    QUOTE_NAN = "quote_nan"


REQUEST_FAULTS = frozenset(
    {
        FaultKind.DOWN,
        FaultKind.LATENCY,
        FaultKind.ERROR_BEFORE_ACCEPT,
        FaultKind.ERROR_AFTER_ACCEPT,
        FaultKind.TIMEOUT,
    }
)
CHAIN_FAULTS = frozenset({FaultKind.CHAIN_WITHOUT_GREEKS, FaultKind.EMPTY_CHAIN, FaultKind.QUOTE_NAN})
UPDATE_FAULTS = frozenset({FaultKind.DROP_UPDATES, FaultKind.DUPLICATE_UPDATES})


class Fault(BaseModel):
    """One fault; `count` None lasts until cleared. `path` is a prefix, `method` an HTTP method or None for all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    count: int | None = Field(default=1, ge=1)
    path: str = "/"
    method: str | None = None
    status: int | None = Field(default=None, ge=400, le=599)
    delay_ms: float = Field(default=1000, ge=0)


class Faults:
    """The faults that wait to happen, in the order they were injected."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    @property
    def waiting(self) -> tuple[Fault, ...]:
        """What is still to come."""
        return tuple(self._waiting)

    def inject(self, fault: Fault) -> None:
        """Let `fault` happen to what comes next."""
        self._waiting.append(fault)

    def clear(self) -> None:
        """Behave again."""
        self._waiting.clear()

    def take(self, kinds: frozenset[FaultKind], path: str, method: str | None = None) -> Fault | None:
        """Return the first waiting fault of `kinds` for this request and count it down."""
        for index, fault in enumerate(self._waiting):
            if fault.kind in kinds and path.startswith(fault.path) and fault.method in (None, method):
                self._count_down(index, fault)
                return fault
        return None

    def _count_down(self, index: int, fault: Fault) -> None:
        if fault.count is None:
            return
        if fault.count == 1:
            del self._waiting[index]
        else:
            self._waiting[index] = fault.model_copy(update={"count": fault.count - 1})
