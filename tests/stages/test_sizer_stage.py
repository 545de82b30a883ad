import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from kernel.contracts.codec import Codec
from kernel.contracts.messages import RejectionCode
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, TICKETS
from kernel.domain.account import parse_account
from kernel.domain.errors import DatabaseUnavailable, VenueUnavailable
from kernel.domain.ids import derive_id
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import NOW, a_selection, an_idea
from kernel.testing.clock import FixedClock
from kernel.testing.driver import StageDriver
from services.sizer.core.sizing import Refused, Sized, size
from services.sizer.stage import SizerStage
from tests.fakes.sizer import ACCOUNT_ID, FakeAccountSource, FakeBudget, account_answer

D = Decimal
PARAMS = load_params(PROJECT_ROOT / "config" / "trading_params.json").sizer


class Sizer:
    """The stage with its fakes, all of which write into one list what they were asked."""

    def __init__(self, **answer) -> None:
        self.asked: list[str] = []
        self.clock = FixedClock(NOW)
        self.account = FakeAccountSource(self.clock, account_answer(**answer), self.asked)
        self.budget = FakeBudget(self.asked)
        self.stage = SizerStage(
            account=self.account,
            budget=self.budget,
            clock=self.clock,
            params=PARAMS,
            origin=Origin("sizer", "rev", "hash"),
        )
        self.driver = StageDriver(self.stage, SELECTIONS)


async def test_a_selection_becomes_its_evidence_and_then_a_ticket():
    sizer = Sizer(buying_power="100000")
    selection = a_selection()
    evidence, ticket = await sizer.driver.send(selection)
    assert (evidence.topic.name, ticket.topic.name) == (EVIDENCE.name, TICKETS.name)
    ticket = ticket.message
    assert (ticket.contracts, ticket.limit_price, ticket.price_ceiling) == (4, D("2.50"), D("2.51"))
    assert (ticket.total_risk_usd, ticket.reserved_usd, ticket.in_flight_usd) == (1000, 1004, 0)
    assert (ticket.bound_by, ticket.max_contracts) == ("risk_budget", 10)
    assert ticket.expires_at == NOW + timedelta(seconds=PARAMS.ticket_ttl_s)
    assert (ticket.selection_id, ticket.selected_at) == (selection.meta.id, selection.observed_at)
    assert (ticket.idea, ticket.legs, ticket.score) == (selection.idea, selection.legs, selection.score)
    assert (ticket.account.account_id, ticket.account.tier, ticket.account.risk_pct) == (
        ACCOUNT_ID,
        "large",
        1,
    )


async def test_ids_are_derived_from_the_selection_and_the_story_is_carried_on():
    sizer = Sizer()
    selection = a_selection()
    for emission, step in zip(await sizer.driver.send(selection), ("evidence", "ticket"), strict=True):
        meta = emission.message.meta
        assert meta.id == derive_id(selection.meta.id, step)
        assert (meta.correlation_id, meta.causation_id) == (selection.meta.correlation_id, selection.meta.id)
        assert (meta.stage, meta.revision, meta.config_hash, meta.occurred_at) == (
            "sizer",
            "rev",
            "hash",
            NOW,
        )


async def test_the_ticket_holds_its_cost_at_the_ceiling_until_it_expires():
    sizer = Sizer()
    await sizer.driver.send(a_selection())
    (ticket,) = sizer.driver.of(TICKETS)
    (reservation,) = sizer.budget.reservations.values()
    assert (reservation.ticket_id, reservation.account_id) == (ticket.meta.id, ACCOUNT_ID)
    assert (reservation.reserved_usd, reservation.risk_usd) == (ticket.reserved_usd, ticket.total_risk_usd)
    assert reservation.signal_id == ticket.meta.correlation_id
    assert (reservation.underlying, reservation.occ_symbol) == ("SPY", ticket.legs[0].occ_symbol)
    assert reservation.expires_at == ticket.expires_at


async def test_what_one_ticket_holds_the_next_cannot_spend():
    sizer = Sizer(buying_power="1500")
    for cause in ("first", "second", "third"):
        await sizer.driver.send(a_selection(cause))
    first, second = sizer.driver.of(TICKETS)
    assert (first.in_flight_usd, second.in_flight_usd) == (0, 251)
    assert (first.account.risk_budget_usd, second.account.risk_budget_usd) == (375, D("312.25"))
    assert {t.account.options_buying_power_usd for t in (first, second)} == {1500}
    (rejection,) = sizer.driver.of(REJECTIONS)
    assert rejection.code is RejectionCode.RISK_BUDGET_TOO_SMALL
    assert (rejection.figures["in_flight_usd"], rejection.account.risk_budget_usd) == ("502", D("249.50"))


async def test_a_refusal_is_evidence_and_a_rejection_and_holds_nothing():
    sizer = Sizer(buying_power="900")
    selection = a_selection()
    evidence, rejection = await sizer.driver.send(selection)
    assert (evidence.topic.name, rejection.topic.name) == (EVIDENCE.name, REJECTIONS.name)
    rejection = rejection.message
    assert rejection.code is RejectionCode.RISK_BUDGET_TOO_SMALL
    assert (rejection.account.tier, rejection.account.risk_budget_usd) == ("tiny", 225)
    assert rejection.observed_at == selection.observed_at
    assert rejection.meta.id == derive_id(selection.meta.id, "rejection")
    assert sizer.budget.reservations == {}


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked", "trade_suspended_by_user"])
async def test_a_blocked_account_buys_nothing(flag):
    sizer = Sizer(**{flag: True})
    await sizer.driver.send(a_selection())
    (rejection,) = sizer.driver.of(REJECTIONS)
    assert (rejection.code, rejection.figures) == (
        RejectionCode.ACCOUNT_BLOCKED,
        {"in_flight_usd": "0", flag: "true"},
    )


async def test_a_signal_that_expires_while_the_venue_is_asked_is_late():
    sizer = Sizer()
    sizer.account.while_answering = lambda: sizer.clock.set(an_idea().expires_at)
    await sizer.driver.send(a_selection())
    (rejection,) = sizer.driver.of(REJECTIONS)
    assert rejection.code is RejectionCode.SIGNAL_EXPIRED


async def test_the_lock_is_taken_first_and_reservations_are_read_before_the_account():
    sizer = Sizer()
    await sizer.driver.send(a_selection())
    assert sizer.asked == [
        f"lock {ACCOUNT_ID}",
        "recall",
        "in_flight",
        "account",
        "reserve",
        "record",
        "commit",
    ]


async def test_money_on_its_way_to_the_venue_is_never_seen_by_neither_side():
    """While the account is asked, an order arrives there: the answer does not know it, the reservation just left."""
    sizer = Sizer(buying_power="1000")
    await sizer.driver.send(a_selection("first"))
    sizer.account.while_answering = sizer.budget.reservations.clear
    await sizer.driver.send(a_selection("second"))
    assert len(sizer.driver.of(TICKETS)) == 1
    assert [r.code for r in sizer.driver.of(REJECTIONS)] == [RejectionCode.RISK_BUDGET_TOO_SMALL]


async def test_a_redelivered_selection_gets_the_same_bytes_and_asks_the_venue_nothing():
    sizer = Sizer()
    selection = a_selection()
    first = await sizer.driver.send(selection)
    sizer.asked.clear()
    sizer.clock.advance(timedelta(minutes=3))
    sizer.account.answer = account_answer("1000")
    again = await sizer.driver.send(selection)
    codec = Codec()
    assert [codec.encode(e.topic, e.message) for e in again] == [
        codec.encode(e.topic, e.message) for e in first
    ]
    assert sizer.asked == [f"lock {ACCOUNT_ID}", "recall", "commit"]
    assert len(sizer.budget.reservations) == 1


async def test_a_venue_that_is_down_decides_nothing_and_the_retry_does():
    sizer = Sizer()
    sizer.account.fails_with = VenueUnavailable("the venue answered 503")
    with pytest.raises(VenueUnavailable):
        await sizer.driver.send(a_selection())
    assert (sizer.budget.reservations, sizer.budget.answers) == ({}, {})
    assert len(await sizer.driver.send(a_selection())) == 2


async def test_a_commit_whose_answer_was_lost_is_found_by_the_retry():
    sizer = Sizer()
    sizer.budget.fails_on_commit = DatabaseUnavailable("the connection was lost")
    with pytest.raises(DatabaseUnavailable):
        await sizer.driver.send(a_selection())
    evidence, ticket = await sizer.driver.send(a_selection())
    assert sizer.asked.count("reserve") == 1
    assert (evidence.message.input_id, ticket.message.in_flight_usd) == (a_selection().meta.id, 0)


@pytest.mark.parametrize("buying_power", ["100000", "1300", "260"])
async def test_the_evidence_is_enough_to_decide_again(buying_power):
    sizer = Sizer(buying_power=buying_power, equity="1300")
    for cause in ("first", "second"):
        await sizer.driver.send(a_selection(cause))
    evidence = sizer.driver.of(EVIDENCE)[-1]
    items = {item.name: json.loads(item.body) for item in evidence.items if item.encoding == "json"}
    again = size(
        a_selection("second"),
        parse_account(items["account"], evidence.decided_at),
        sum((D(r["reserved_usd"]) for r in items["reservations"]), D(0)),
        PARAMS,
        evidence.decided_at,
    )
    match again, sizer.driver.emitted[-1].message:
        case Sized(sizing, expires_at), ticket:
            assert (sizing.contracts, sizing.reserved_usd) == (ticket.contracts, ticket.reserved_usd)
            assert (sizing.in_flight_usd, expires_at) == (ticket.in_flight_usd, ticket.expires_at)
        case Refused(code=code, figures=figures), rejection:
            assert (code, figures) == (rejection.code, rejection.figures)


async def test_the_evidence_keeps_the_venues_whole_answer_and_whose_money_was_in_flight():
    sizer = Sizer(buying_power="100000", sma="0")
    await sizer.driver.send(a_selection("first"))
    await sizer.driver.send(a_selection("second"))
    reservations, account = sizer.driver.of(EVIDENCE)[-1].items
    assert json.loads(account.body) == account_answer("100000", sma="0")
    (reserved,) = json.loads(reservations.body)
    assert reserved["ticket_id"] == sizer.driver.of(TICKETS)[0].meta.id
    assert datetime.fromisoformat(reserved["expires_at"]) == sizer.driver.of(TICKETS)[0].expires_at


async def test_odd_amounts_travel_exactly():
    """Six decimals of buying power times a fraction of a percent are more than a message keeps, if nobody rounds."""
    sizer = Sizer(buying_power="12345.678901234")
    await sizer.driver.send(a_selection(idea=an_idea(strategy="swing")))
    (ticket,) = sizer.driver.of(TICKETS)
    assert ticket.account.options_buying_power_usd == D("12345.678901")
    assert ticket.account.risk_budget_usd == D("771.604931")
