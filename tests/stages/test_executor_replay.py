"""The executor decides again what its gates decided live, on evidence as it comes from the topic, and reaches nobody."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Evidence, Execution, OrderStatus, RejectionCode, Ticket
from kernel.contracts.parts import Side
from kernel.contracts.topics import EVIDENCE
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded, Replay
from kernel.testing.builders import NOW, a_leg, a_ticket, an_idea
from services.executor.replay import ExecutorReplay
from tests.fakes.executor import Outcome
from tests.fakes.executor_desk import TICKET, Desk
from tests.fakes.params import PARAMS, params_with

S = OrderStatus
C = RejectionCode
REPLAY: Replay[Ticket] = ExecutorReplay(PARAMS, "another revision")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def long_lived(**values: Any) -> Ticket:
    end = NOW + timedelta(days=7)
    defaults: dict[str, Any] = {"legs": TICKET.legs, "idea": an_idea(expires_at=end), "expires_at": end}
    return a_ticket(**(defaults | values))


def signed_alike(messages: Sequence[Message]) -> list[Message]:
    """Return messages as if one revision with one set of parameters had written them all."""
    signature = {"revision": "", "config_hash": ""}
    return [m.model_copy(update={"meta": m.meta.model_copy(update=signature)}) for m in messages]


def recorded(desk: Desk) -> list[tuple[Evidence, list[Message]]]:
    """Return each decision of the gates, evidence first, as it travels."""
    codec = Codec()
    found: list[tuple[Evidence, list[Message]]] = []
    for step in desk.orders.steps:
        evidence, *said = step.messages
        if isinstance(evidence, Evidence):
            found.append((codec.decode(EVIDENCE, codec.encode(EVIDENCE, evidence)), list(said)))
    return found


async def again(
    evidence: Evidence | None, ticket: Ticket = TICKET, params: TradingParams = PARAMS
) -> list[Any]:
    emissions = await ExecutorReplay(params, "another revision").decide(ticket, evidence)
    assert {e.topic.name for e in emissions} <= {topic.name for topic in REPLAY.answers}
    return [e.message for e in emissions]


async def assert_decided_the_same(desk: Desk, ticket: Ticket = TICKET) -> None:
    decisions = recorded(desk)
    assert decisions
    for evidence, said in decisions:
        assert signed_alike(await again(evidence, ticket)) == signed_alike(said)


@dataclass(frozen=True)
class No:
    """A ticket that a gate stops, at `minutes` after the usual moment and with a clock `skew_s` off."""

    code: RejectionCode
    ticket: Ticket
    minutes: float = 0
    skew_s: float | None = None

    async def happen(self, desk: Desk) -> None:
        desk.clock.advance(timedelta(minutes=self.minutes))
        desk.skew_s = self.skew_s
        await desk.deliver(self.ticket)


NOS = [
    No(C.STRUCTURE_NOT_AVAILABLE, long_lived(legs=(a_leg(side=Side.SELL),))),
    No(C.LIMIT_ABOVE_CEILING, long_lived(limit_price=Decimal("2.52"))),
    No(C.CONTRACTS_ABOVE_MAXIMUM, long_lived(contracts=11)),
    No(C.CLOCK_SKEW, long_lived(), skew_s=-2.000001),
    No(C.CLOCK_SKEW, long_lived(), skew_s=float("nan")),
    No(C.TICKET_EXPIRED, TICKET, minutes=2),
    No(C.MARKET_CLOSED, long_lived(), minutes=24 * 60),
    No(C.EXPIRY_DAY_CUTOFF, long_lived(legs=(a_leg(),)), minutes=4.5 * 60),
]


async def test_an_order_that_was_sent_is_decided_to_be_sent_again(desk: Desk) -> None:
    await desk.deliver()

    ((evidence, _),) = recorded(desk)
    (execution,) = await again(evidence)
    assert (execution.status, execution.sequence) == (S.SENDING, 1)
    await assert_decided_the_same(desk)


@pytest.mark.parametrize("no", NOS, ids=lambda no: no.code.value)
async def test_every_gates_no_is_said_again_with_its_figures(desk: Desk, no: No) -> None:
    await no.happen(desk)

    assert [r.code for r in desk.orders.rejections] == [no.code]
    await assert_decided_the_same(desk, no.ticket)


PLANS = {
    "sent again": [Outcome.STAY_SILENT],
    "sent again twice": [Outcome.STAY_SILENT, Outcome.STAY_SILENT],
    "doubted, then expired": [Outcome.STAY_SILENT, *[Outcome.RATE_LIMIT] * 50],
    "turned away until it expired": [Outcome.RATE_LIMIT] * 50,
    "refused by the venue": [Outcome.REFUSE],
    "accepted in silence": [Outcome.ACCEPT_AND_STAY_SILENT],
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
async def test_later_decisions_of_a_ticket_are_taken_again_on_their_own_evidence(
    desk: Desk, plan: list[Outcome]
) -> None:
    desk.broker.plan = deque(plan)

    await desk.deliver()

    await assert_decided_the_same(desk)


async def test_a_looser_limit_of_skew_changes_the_decisions_it_stopped_and_no_others() -> None:
    looser = PARAMS.model_copy(
        update={"executor": PARAMS.executor.model_copy(update={"clock_skew_s_max": 4.0})}
    )

    changed = [no for no in NOS if await codes_again(no, looser) != [no.code]]

    assert [(no.code, no.skew_s) for no in changed] == [(C.CLOCK_SKEW, -2.000001)]
    assert await codes_again(changed[0], looser) == []


async def test_a_shorter_cut_off_changes_only_the_last_hour_of_contracts_that_expire_today() -> None:
    shorter = params_with(expiry_day_cutoff_min=30)

    changed = [no for no in NOS if await codes_again(no, shorter) != [no.code]]

    assert [no.code for no in changed] == [C.EXPIRY_DAY_CUTOFF]
    assert await codes_again(changed[0], shorter) == []


async def codes_again(no: No, params: TradingParams) -> list[RejectionCode]:
    """Return with which codes other parameters refuse what `no` was; none when they send the order."""
    desk = Desk()
    await no.happen(desk)
    ((evidence, _),) = recorded(desk)
    execution, *rejections = await again(evidence, no.ticket, params)
    assert execution.status is (S.REJECTED if rejections else S.SENDING)
    return [rejection.code for rejection in rejections]


async def test_a_request_the_venue_had_turned_away_ends_at_a_yes(desk: Desk) -> None:
    """Had the ticket lived longer the request would have gone out once more, which is no step and says nothing."""
    desk.broker.plan = deque([Outcome.RATE_LIMIT] * 50)
    await desk.deliver()
    _, (evidence, _) = recorded(desk)

    assert await again(evidence, long_lived()) == []


# Evidence that is not what it was


async def test_without_evidence_nothing_is_decided() -> None:
    with pytest.raises(NotRecorded, match=TICKET.meta.id):
        await again(None)


@pytest.mark.parametrize("missing", ["order", "clock", "calendar"])
async def test_evidence_with_a_part_missing_is_not_made_up_for(desk: Desk, missing: str) -> None:
    await desk.deliver()
    ((evidence, _),) = recorded(desk)
    items = tuple(item for item in evidence.items if item.name != missing)

    with pytest.raises(NotRecorded, match="cannot be read"):
        await again(evidence.model_copy(update={"items": items}))


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("clock", b'{"skew_s":2.5}', C.CLOCK_SKEW),
        ("calendar", b'{"covers_to":"2026-06-19","sessions":[]}', C.MARKET_CLOSED),
    ],
)
async def test_evidence_that_was_altered_shows(
    desk: Desk, name: str, body: bytes, code: RejectionCode
) -> None:
    await desk.deliver()
    ((evidence, _),) = recorded(desk)
    items = tuple(i.model_copy(update={"body": body}) if i.name == name else i for i in evidence.items)

    _, rejection = await again(evidence.model_copy(update={"items": items}))

    assert rejection.code is code


async def test_another_time_of_decision_shows(desk: Desk) -> None:
    await desk.deliver()
    ((evidence, _),) = recorded(desk)

    _, rejection = await again(evidence.model_copy(update={"decided_at": TICKET.expires_at}))

    assert rejection.code is C.TICKET_EXPIRED


# What is a decision


async def test_what_became_of_an_order_is_no_decision(desk: Desk) -> None:
    desk.broker.plan = deque([Outcome.ACCEPT_AND_STAY_SILENT])
    await desk.deliver()

    assert desk.statuses == [S.SENDING, S.UNKNOWN, S.ACKNOWLEDGED]
    assert [REPLAY.decided(execution) for execution in desk.orders.executions] == [True, False, False]


@pytest.mark.parametrize(("plan", "decided"), [([Outcome.REFUSE], False), ([Outcome.RATE_LIMIT] * 50, True)])
async def test_the_gates_no_is_a_decision_and_the_venues_is_not(
    desk: Desk, plan: list[Outcome], *, decided: bool
) -> None:
    desk.broker.plan = deque(plan)
    await desk.deliver()

    (rejection,) = desk.orders.rejections
    assert REPLAY.decided(rejection) is decided


async def test_a_replay_leaves_the_venue_and_the_ledger_as_they_were(desk: Desk) -> None:
    await desk.deliver()
    ((evidence, _),) = recorded(desk)
    posts, steps = list(desk.broker.posts), list(desk.orders.steps)

    replayed = await again(evidence)

    assert [type(m) for m in replayed] == [Execution]
    assert (desk.broker.posts, desk.orders.steps) == (posts, steps)
