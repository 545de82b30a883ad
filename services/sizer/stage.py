"""One selection in; a ticket or a rejection out, and before it the evidence it was decided on.

1. A selection has one answer: it is recorded in the transaction that reserves the money, and a redelivery returns
   exactly the recorded messages, without asking the venue again.
2. Per account one decision at a time, across all workers: no dollar is promised to two tickets.
"""

from collections.abc import Callable
from functools import partial
from logging import INFO

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, Rejection, Selection, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, REJECTIONS, TICKETS
from kernel.domain.clock import Clock
from kernel.domain.params import SizerParams
from kernel.runtime.logging import get_logger
from kernel.stream.stage import Emission, Emissions
from services.sizer.core.evidence import evidence_of
from services.sizer.core.facts import Facts
from services.sizer.core.outputs import rejection_of, reservation_of, ticket_of
from services.sizer.core.sizing import Refused, Sized, size
from services.sizer.ports import AccountSource, Budget, LockedBudget

_log = get_logger()


#: Gives the meta of a step.
Sign = Callable[[str], Meta]


def _written(sign: Sign, selection: Selection, facts: Facts) -> Evidence:
    return evidence_of(sign("evidence"), selection, facts)


class SizerStage:
    """Sizes selections for the account of one venue."""

    def __init__(
        self,
        *,
        account: AccountSource,
        budget: Budget,
        clock: Clock,
        params: SizerParams,
        origin: Origin,
        written: Callable[[Sign, Selection, Facts], Evidence] = _written,
    ) -> None:
        """`written` puts the facts into evidence; who has it in writing already gives that."""
        self._account = account
        self._budget = budget
        self._clock = clock
        self._params = params
        self._origin = origin
        self._written = written

    async def handle(self, selection: Selection) -> Emissions:
        """Return [Evidence, Ticket] or [Evidence, Rejection]; what it returns has been recorded."""
        async with self._budget.locked(self._account.account_id) as budget:
            recorded = await budget.recall(selection.meta.id)
            if recorded is not None:
                return recorded
            facts = await self._gather(budget)
            decision = size(selection, facts.account, facts.in_flight_usd, self._params, facts.now)
            evidence, answer = self._messages(selection, facts, decision)
            if isinstance(answer, Ticket):
                await budget.reserve(reservation_of(answer))
                emissions: Emissions = [Emission(EVIDENCE, evidence), Emission(TICKETS, answer)]
            else:
                emissions = [Emission(EVIDENCE, evidence), Emission(REJECTIONS, answer)]
            await budget.record(selection.meta.id, emissions)
        if _log.is_enabled_for(INFO):
            _tell(decision)
        return emissions

    async def _gather(self, budget: LockedBudget) -> Facts:
        # The reservations first, the venue's account second. A ticket leaves the reservations only after the venue
        # holds its money, so in this order money in transit is at worst counted twice (a smaller size); the other way
        # round it could be seen by neither, and be spent again.
        reservations_at = self._clock.now()
        reservations = await budget.in_flight(reservations_at)
        reading = await self._account.read()
        return Facts(
            reservations=reservations,
            reservations_at=reservations_at,
            reading=reading,
            now=self._clock.now(),
        )

    def _messages(
        self, selection: Selection, facts: Facts, decision: Sized | Refused
    ) -> tuple[Evidence, Ticket | Rejection]:
        sign = partial(self._origin.meta, selection.meta, now=facts.now)
        evidence = self._written(sign, selection, facts)
        if isinstance(decision, Sized):
            return evidence, ticket_of(sign("ticket"), selection, decision, facts.account)
        return evidence, rejection_of(sign("rejection"), selection, decision, facts)


def _tell(decision: Sized | Refused) -> None:
    tier = f"Tier: {decision.budget.tier.name}"
    if isinstance(decision, Refused):
        _log.info("refused", code=decision.code, reason=decision.message, tier=tier)
        return
    sizing = decision.sizing
    _log.info(
        tier,
        contracts=sizing.contracts,
        bound_by=sizing.bound_by,
        total_risk_usd=str(sizing.total_risk_usd),
        in_flight_usd=str(sizing.in_flight_usd),
    )
