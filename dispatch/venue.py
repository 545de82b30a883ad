"""The simulator's own controls and journal, as the demo uses them; a real venue has none."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

import httpx

from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VENUE_CLOCK_HEADER, VenueClock

_DEADLINE_S = 10.0
_JOURNAL_PAGE = 10_000
_ANY_KEYS = {"APCA-API-KEY-ID": "demo", "APCA-API-SECRET-KEY": "demo"}


@dataclass(frozen=True, slots=True)
class AcceptedOrder:
    """An order as the venue's journal has it. `wall_at`: when the venue accepted it, wall clock."""

    client_order_id: str
    wall_at: datetime
    fill_model: str = ""


@dataclass(frozen=True, slots=True)
class AccountFigures:
    """What the account held at one reading."""

    equity_usd: Decimal
    options_buying_power_usd: Decimal


class SimulatedVenue:
    """A simulator at `url`. Use as an async context manager: one connection serves all calls.

    `clock` runs on from the time its last answer told.
    """

    def __init__(self, url: str) -> None:
        self.clock = VenueClock()
        self._client = httpx.AsyncClient(base_url=url, timeout=_DEADLINE_S, headers=_ANY_KEYS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def now(self) -> datetime:
        """Return the venue's present."""
        at: str = (await self._ask("GET", "/sim/clock"))["at"]
        return datetime.fromisoformat(at)

    async def account(self) -> AccountFigures:
        """Return the paper account as it stands; the simulator takes any keys."""
        answer = await self._ask("GET", "/v2/account")
        return AccountFigures(Decimal(answer["equity"]), Decimal(answer["options_buying_power"]))

    async def jump(self, at: datetime, speed: float = 1.0) -> None:
        """Set the venue's clock."""
        await self._ask("POST", "/sim/clock", {"at": at.isoformat(), "speed": speed})

    async def fault(self, **fault: Any) -> None:
        """Let the venue misbehave; the fields are those of the simulator's README."""
        await self._ask("POST", "/sim/faults", fault)

    async def behave(self) -> None:
        """Clear every fault."""
        await self._ask("DELETE", "/sim/faults")

    async def journal(self) -> list[dict[str, Any]]:
        """Return every row the venue's journal still keeps, in order."""
        rows: list[dict[str, Any]] = []
        while True:
            after = rows[-1]["seq"] if rows else 0
            page = await self._ask("GET", f"/sim/journal?after={after}&limit={_JOURNAL_PAGE}")
            rows += page
            if len(page) < _JOURNAL_PAGE:
                return rows

    async def accepted_orders(self, *, since: datetime) -> list[AcceptedOrder]:
        """Return the orders the venue accepted at or after `since` (wall clock), from its journal."""
        accepted = (
            AcceptedOrder(row["client_order_id"], datetime.fromisoformat(row["wall_at"]), row["fill_model"])
            for row in await self.journal()
            if row["kind"] == "order_accepted"
        )
        return [order for order in accepted if order.wall_at >= since]

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = await self._client.request(method, path, json=body)
            answer.raise_for_status()
        except httpx.HTTPError as e:
            raise VenueUnavailable(f"the simulator did not answer {method} {path}: {e}") from e
        self.clock.observe_header(answer.headers.get(VENUE_CLOCK_HEADER))
        return answer.json() if answer.content else None
