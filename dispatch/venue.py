"""The simulator's own controls and journal, as the demo uses them; a real venue has none."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from dispatch.demo.summary import AcceptedOrder
from kernel.domain.errors import VenueUnavailable

_DEADLINE_S = 10.0
_JOURNAL_PAGE = 10_000


@dataclass(frozen=True, slots=True)
class SimulatedVenue:
    """A simulator at `url`."""

    url: str

    async def now(self) -> datetime:
        """Return the venue's present."""
        at: str = (await self._get("/sim/clock"))["at"]
        return datetime.fromisoformat(at)

    async def jump(self, at: datetime, speed: float = 1.0) -> None:
        """Set the venue's clock."""
        async with httpx.AsyncClient(timeout=_DEADLINE_S) as client:
            answer = await client.post(f"{self.url}/sim/clock", json={"at": at.isoformat(), "speed": speed})
            answer.raise_for_status()

    async def journal(self) -> list[dict[str, Any]]:
        """Return every row the venue's journal still keeps, in order."""
        rows: list[dict[str, Any]] = []
        while True:
            after = rows[-1]["seq"] if rows else 0
            page = await self._get(f"/sim/journal?after={after}&limit={_JOURNAL_PAGE}")
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

    async def _get(self, path: str) -> Any:
        try:
            async with httpx.AsyncClient(timeout=_DEADLINE_S) as client:
                answer = await client.get(self.url + path)
                answer.raise_for_status()
                return answer.json()
        except httpx.HTTPError as e:
            raise VenueUnavailable(f"the simulator at {self.url} did not answer {path}: {e}") from e
