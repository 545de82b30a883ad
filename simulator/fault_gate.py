"""Faults of trading: halts, fills that come late, fills forced to be partial."""

from datetime import datetime, timedelta

from simulator.faults import FaultKind, Faults
from simulator.venue.orders import Order

_HALT = frozenset({FaultKind.HALT})
_LATE = frozenset({FaultKind.LATE_FILLS})
_PART = frozenset({FaultKind.FORCE_PARTIAL})
_PATH = "/v2/orders"


class FaultGate:
    """Keeps an account's orders from trading as its faults have it. Late is a matter of real time."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._released_at: dict[str, datetime] = {}

    def is_shut(self, order: Order, now: datetime) -> bool:  # noqa: ARG002  faults know the times themselves
        """Tell whether an order that would fill may not yet."""
        symbols = _symbols(order)
        return bool(self._faults.active(_HALT, symbols[0], symbols)) or self._is_late(order, symbols)

    def forces_part(self, order: Order, now: datetime) -> bool:  # noqa: ARG002  as above
        """Tell whether an order that fills now must fill in part."""
        return self._faults.take(_PART, _PATH, symbols=_symbols(order)) is not None

    def _is_late(self, order: Order, symbols: tuple[str, ...]) -> bool:
        released_at = self._released_at.get(order.id)
        if released_at is not None:
            if self._faults.wall() < released_at:
                return True
            del self._released_at[order.id]
            return False
        strike = self._faults.take(_LATE, _PATH, symbols=symbols)
        if strike is not None:
            self._released_at[order.id] = self._faults.wall() + timedelta(seconds=strike.delay_s)
        return strike is not None


def _symbols(order: Order) -> tuple[str, ...]:
    instruments = [part.instrument for part in order.parts if part.instrument]
    names = [name for instrument in instruments for name in (instrument.symbol, instrument.underlying)]
    return tuple(dict.fromkeys(names))
