"""One signal in; a Selection or a Rejection out, and before it the evidence it was decided on.

1. A signal has one answer: a redelivery returns the recorded one, and the venue is not asked again.
2. The evidence is acknowledged by the log before the answer is recorded: no recorded answer lacks its evidence.
   After a crash between the two there is evidence without an answer; the evidence of an answer is the one whose
   `decided_at` equals the answer's `occurred_at`.
3. `now` is read after the gather, so nothing that was gathered is younger than the decision.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial

from kernel.contracts.messages import EvidenceItem, Rejection, Selection, Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS
from kernel.domain.calendar import market_day
from kernel.domain.clock import Clock
from kernel.domain.options import right_for_buyer
from kernel.domain.params import TradingParams
from kernel.runtime.logging import get_logger
from kernel.stream.stage import Emission, Emissions, Publisher
from services.selector.core.answers import answer_message, evidence_message, selection_lines
from services.selector.core.decision import Decision, Gathered, Question, decide
from services.selector.core.evidence import to_items
from services.selector.core.selection import refuse_unseen
from services.selector.core.validation import expiration_window
from services.selector.ports import Accounts, Calendars, Decisions, OptionChains

_log = get_logger()


class SelectorStage:
    """Answers signals for the account of one venue."""

    def __init__(
        self,
        *,
        chains: OptionChains,
        accounts: Accounts,
        calendars: Calendars,
        decisions: Decisions,
        evidence: Publisher,
        clock: Clock,
        params: TradingParams,
        origin: Origin,
        written: Callable[[Gathered], tuple[EvidenceItem, ...]] = to_items,
    ) -> None:
        """`written` puts what was gathered into evidence; who has it in writing already gives that."""
        self._chains = chains
        self._accounts = accounts
        self._calendars = calendars
        self._decisions = decisions
        self._evidence = evidence
        self._clock = clock
        self._params = params
        self._origin = origin
        self._written = written

    async def handle(self, signal: Signal) -> Emissions:
        """Return [Selection] or [Rejection]; its evidence is in the log and it has been recorded."""
        recorded = await self._decisions.recall(signal.meta.id)
        if recorded is not None:
            return recorded
        now = self._clock.now()
        refused = refuse_unseen(signal.idea, now)
        if refused is not None:
            return await self._answer(signal, Decision(outcome=refused), (), now)
        gathered = await self._gather(signal, now)
        now = self._clock.now()
        decision = decide(signal.idea, gathered, self._params, now)
        return await self._answer(signal, decision, self._written(gathered), now)

    async def _gather(self, signal: Signal, now: datetime) -> Gathered:
        idea = signal.idea
        today = market_day(now)
        first, last = expiration_window(today, self._params.selector.strategies[idea.strategy])
        question = Question(at=now, right=right_for_buyer(idea.direction), first=first, last=last)
        chain, account, calendar = await asyncio.gather(
            self._chains.chain(idea.underlying, question.right, first, last),
            self._accounts.account(),
            self._calendars.around(today),
        )
        return Gathered(question=question, chain=chain, account=account, calendar=calendar)

    async def _answer(
        self, signal: Signal, decision: Decision, items: tuple[EvidenceItem, ...], now: datetime
    ) -> Emissions:
        sign = partial(self._origin.meta, signal.meta, now=now)
        seen = evidence_message(sign("evidence"), signal, items, now)
        await self._evidence.publish([Emission(EVIDENCE, seen)])
        answer = answer_message(sign, signal, decision)
        standing = await self._decisions.record(signal.meta.id, [_addressed(answer)])
        for emission in standing:
            _tell(emission.message)
        return standing


def _addressed(answer: Selection | Rejection) -> Emission[Selection] | Emission[Rejection]:
    return Emission(SELECTIONS, answer) if isinstance(answer, Selection) else Emission(REJECTIONS, answer)


def _tell(answer: Selection | Rejection) -> None:
    if isinstance(answer, Rejection):
        _log.info("Refused", code=answer.code, reason=answer.message, rejects=dict(answer.rejects))
        return
    for line in selection_lines(answer):
        _log.info(line, occ_symbol=answer.legs[0].occ_symbol)
