"""Scenes for the gates: everything is good in them but for what a test says."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from kernel.contracts.messages import RejectionCode as C
from kernel.contracts.messages import Ticket
from kernel.testing.builders import NOW
from services.executor.core.facts import Facts, Position
from services.executor.core.gates import Limits
from services.executor.core.risk_book import LiveOrder
from tests.fakes.executor_facts import LIMITS, a_book, a_quote, account_facts, long_lived, some_facts

D = Decimal
US = timedelta(microseconds=1)
#: 9:30 and 16:00 in New York on the Friday of NOW.
OPEN, CLOSE = datetime(2026, 6, 5, 13, 30, tzinfo=UTC), datetime(2026, 6, 5, 20, tzinfo=UTC)
END = NOW + timedelta(days=7)


@dataclass(frozen=True)
class Scene:
    """What the gates are asked about; by default everything is good and the order costs $1,004."""

    ticket: Ticket
    facts: Facts
    limits: Limits = LIMITS


def scene(ticket: Ticket | None = None, limits: dict[str, Any] | None = None, **facts: Any) -> Scene:
    gates = LIMITS.gates.model_copy(update=limits or {})
    return Scene(ticket or long_lived(), some_facts(**facts), replace(LIMITS, gates=gates))


@dataclass(frozen=True)
class Edge:
    """A figure that decides a gate: what it may be, and what is refused."""

    code: C
    figure: str
    scene: Callable[[Any], Scene]
    passes: tuple[Any, ...]
    refused: tuple[Any, ...]


def at(now: datetime, symbol: str = "SPY260612C00520000", **ticket: Any) -> Scene:
    return scene(long_lived(symbol, **ticket), now=now, quote=a_quote(quoted_at=now))


def held(usd: Any, symbol: str = "SPY260612C00530000") -> tuple[Position, ...]:
    return (Position(occ_symbol=symbol, at_stake_usd=D(usd)),)


def on_other_contracts(count: int) -> tuple[Position, ...]:
    return tuple(Position(occ_symbol=f"SPY260612C{n:08d}", at_stake_usd=D(1)) for n in range(count))


def resting(
    usd: Any, *, symbol: str = "SPY260612C00530000", at_venue: bool = True, held_usd: Any = None
) -> tuple[LiveOrder, ...]:
    """One order of ours on its way or at the venue that may cost `usd`, of which the venue holds `held_usd` or all."""
    return (
        LiveOrder(
            underlying="SPY",
            occ_symbol=symbol,
            contracts=1,
            price_ceiling=D(usd) / 100,
            first_limit=D(usd if held_usd is None else held_usd) / 100,
            at_venue=at_venue,
        ),
    )


def quoted(bid: str, ask: str, **ticket: Any) -> Scene:
    defaults = {"price_ceiling": D(1000)}
    return scene(long_lived(**(defaults | ticket)), quote=a_quote(bid=D(bid), ask=D(ask)))


def with_equity(usd: Any, **book: Any) -> Scene:
    return scene(account=account_facts(equity_usd=D(usd)), book=a_book(**book))
