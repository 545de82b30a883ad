"""The sizer on recorded evidence: the live stage, its ports answering what the evidence of one decision holds.

The reservations are those of then. Where other parameters would have reserved other amounts, later decisions of a
replay still see what was really in flight; each is compared by itself.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Selection
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, TICKETS
from kernel.domain.account import AccountReading
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded
from kernel.stream.stage import Emissions
from services.sizer.core.evidence import facts_of
from services.sizer.core.facts import Facts, Reservation
from services.sizer.stage import SizerStage

NAME = "sizer"


class SizerReplay:
    """Sizes selections again; see kernel.stream.replaying.Replay."""

    consumes = SELECTIONS
    answers = (TICKETS, REJECTIONS)

    def __init__(self, params: TradingParams, revision: str) -> None:
        self._params = params.sizer
        self._origin = Origin(NAME, revision, params.config_hash)

    async def decide(self, message: Selection, evidence: Evidence | None) -> Emissions:
        """Return the answer to a selection; raises NotRecorded."""
        if evidence is None:
            raise NotRecorded(f"no evidence of the decision on selection {message.meta.id}")
        recorded = _Recorded(_read(evidence))
        stage = SizerStage(
            account=recorded,
            budget=recorded,
            clock=recorded,
            params=self._params,
            origin=self._origin,
            written=lambda *_: evidence,
        )
        return [e for e in await stage.handle(message) if e.topic.name != EVIDENCE.name]

    def decided(self, message: Message) -> bool:
        """Tell that every answer is a decision."""
        del message
        return True


class _Recorded:
    """The account, the budget and the clock as one decision saw them."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._now = facts.reservations_at

    @property
    def account_id(self) -> str:
        return self._facts.account.account_id

    def now(self) -> datetime:
        return self._now

    async def read(self) -> AccountReading:
        self._now = self._facts.now
        return self._facts.reading

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator["_Recorded"]:
        del account_id
        yield self

    async def recall(self, selection_id: str) -> Emissions | None:
        del selection_id
        return None

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        del now
        return self._facts.reservations

    async def reserve(self, reservation: Reservation) -> None:
        del reservation

    async def record(self, selection_id: str, emissions: Emissions) -> None:
        del selection_id, emissions


def _read(evidence: Evidence) -> Facts:
    try:
        return facts_of(evidence)
    except (KeyError, TypeError, ValueError) as e:
        raise NotRecorded(f"the evidence of selection {evidence.input_id} cannot be read: {e!r}") from e
