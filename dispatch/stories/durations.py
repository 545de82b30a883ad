"""Times and spans as a person reads them. Pure.

Entry points: `span_text`, `market_clock`, `wall_clock`.
"""

from datetime import UTC, datetime

from kernel.domain.clock import MARKET_ZONE


def span_text(ms: float) -> str:
    """Return milliseconds in the unit that fits: 136 ms, 1.24 s, 12.5 min, 3.1 h."""
    size = abs(ms)
    if size < 1000:
        return f"{ms:.0f} ms"
    if size < 60_000:
        return f"{ms / 1000:.2f} s"
    return f"{ms / 60_000:.1f} min" if size < 3_600_000 else f"{ms / 3_600_000:.1f} h"


def market_clock(moment: datetime) -> str:
    """Return an instant as a trader reads it, in the exchange's zone."""
    return f"{moment.astimezone(MARKET_ZONE):%Y-%m-%d %H:%M:%S %Z}"


def wall_clock(moment: datetime) -> str:
    """Return an instant at which a message was written, to the millisecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d} UTC"
