"""Which signals the demo sends, and when: a pure function of its options."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import cycle, islice

from kernel.domain.calendar import Session
from kernel.domain.options import Direction, Strategy

_SYMBOLS = ("SPY", "AAPL", "QQQ", "NVDA", "MSFT", "TSLA", "AMD", "IWM")
_STYLES = (
    (Direction.BULLISH, Strategy.DAY_TRADE),
    (Direction.BEARISH, Strategy.SWING),
    (Direction.BULLISH, Strategy.SWING),
    (Direction.BEARISH, Strategy.DAY_TRADE),
)
#: One signal in this many asks for what does not exist yet, so that a refusal is seen too.
_PREMIUM_SELLER_EVERY = 12


@dataclass(frozen=True, slots=True)
class PlannedSignal:
    """One signal of the demo. `market_at`: jump the venue's clock there first (recorded days), None: now."""

    number: int
    underlying: str
    direction: Direction
    strategy: Strategy
    market_at: datetime | None


def plan_live(count: int, symbols: tuple[str, ...] = _SYMBOLS) -> list[PlannedSignal]:
    """Return `count` signals over the synthetic market's underlyings, in every style."""
    planned = []
    for number, symbol in enumerate(islice(cycle(symbols), count), start=1):
        direction, strategy = _STYLES[(number + number // len(symbols)) % len(_STYLES)]
        if number % _PREMIUM_SELLER_EVERY == 0:
            strategy = Strategy.PREMIUM_SELLER
        planned.append(PlannedSignal(number, symbol, direction, strategy, None))
    return planned


def plan_recorded(count: int, symbol: str, session: Session) -> list[PlannedSignal]:
    """Return `count` signals spread over a recorded session.

    From 35 minutes after the open (the first hourly bar of a 9:30 session is complete at 10:00) to 10 minutes before
    the close, each 10 s into a minute, so that no recorded bar ends while a signal is on its way.
    """
    first = session.opens_at + timedelta(minutes=35)
    last = session.closes_at - timedelta(minutes=10)
    step = (last - first) / max(1, count - 1)
    planned = []
    for number in range(count):
        at = (first + number * step).replace(second=10, microsecond=0)
        direction, strategy = _STYLES[number % len(_STYLES)]
        planned.append(PlannedSignal(number + 1, symbol, direction, strategy, at))
    return planned
