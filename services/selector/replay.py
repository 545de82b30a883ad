"""The selector on recorded evidence: the live stage, its ports answering what the evidence of one decision holds."""

import zlib
from datetime import date, datetime

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import REJECTIONS, SELECTIONS, SIGNALS
from kernel.domain.account import Account
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Right
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded
from kernel.stream.stage import Emissions
from services.selector.core.chain import Chain
from services.selector.core.decision import Gathered
from services.selector.core.evidence import from_items
from services.selector.stage import SelectorStage

NAME = "selector"


class SelectorReplay:
    """Decides signals again; see kernel.stream.replaying.Replay."""

    consumes = SIGNALS
    answers = (SELECTIONS, REJECTIONS)

    def __init__(self, params: TradingParams, revision: str) -> None:
        self._params = params
        self._origin = Origin(NAME, revision, params.config_hash)

    async def decide(self, message: Signal, evidence: Evidence | None) -> Emissions:
        """Return the answer to a signal; raises NotRecorded."""
        if evidence is None:
            raise NotRecorded(f"no evidence of the decision on signal {message.meta.id}")
        recorded = _Recorded(evidence.decided_at, _read(evidence))
        stage = SelectorStage(
            chains=recorded,
            accounts=recorded,
            calendars=recorded,
            decisions=_NothingDecided(),
            evidence=_Unheard(),
            clock=recorded,
            params=self._params,
            origin=self._origin,
            written=lambda _: evidence.items,
        )
        return await stage.handle(message)

    def decided(self, message: Message) -> bool:
        """Tell that every answer is a decision."""
        del message
        return True


class _Recorded:
    """The outside as one decision saw it. The clock moves once: from when it was asked to when it had answered."""

    def __init__(self, decided_at: datetime, gathered: Gathered | None) -> None:
        self._decided_at = decided_at
        self._gathered = gathered
        self._now = decided_at if gathered is None else gathered.question.at

    def now(self) -> datetime:
        return self._now

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        seen = self._seen(f"the chain of {underlying}")
        question, chain = seen.question, seen.chain
        if underlying != chain.underlying:
            raise NotRecorded(
                f"the chain of {underlying} was not asked for then, that of {chain.underlying} was"
            )
        if right != question.right:
            raise NotRecorded(
                f"the {right}s of {underlying} were not asked for then, the {question.right}s were"
            )
        if first < question.first or last > question.last:
            raise NotRecorded(
                f"{right}s of {underlying} from {first} to {last} were not asked for then,"
                f" those from {question.first} to {question.last} were"
            )
        return chain.expiring(first, last)

    async def account(self) -> Account:
        return self._seen("the account").account

    async def around(self, day: date) -> TradingCalendar:
        return self._seen(f"the calendar around {day}").calendar

    def _seen(self, what: str) -> Gathered:
        if self._gathered is None:
            raise NotRecorded(f"{what} was not asked for then: the decision was taken without looking")
        self._now = self._decided_at
        return self._gathered


def _read(evidence: Evidence) -> Gathered | None:
    try:
        return from_items(evidence.items)
    except (KeyError, TypeError, ValueError, zlib.error) as e:
        raise NotRecorded(f"the evidence of signal {evidence.input_id} cannot be read: {e!r}") from e


class _NothingDecided:
    """No earlier answer, so that the decision is taken; what it gives is not kept."""

    async def recall(self, signal_id: str) -> Emissions | None:
        del signal_id
        return None

    async def record(self, signal_id: str, emissions: Emissions) -> Emissions:
        del signal_id
        return emissions


class _Unheard:
    """The evidence of a decision taken again is the evidence it was given."""

    async def publish(self, emissions: Emissions) -> None:
        del emissions
