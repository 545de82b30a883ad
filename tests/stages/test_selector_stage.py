"""The selector edge to edge: a signal in, its answer out, the ports in memory."""

from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from kernel.contracts.messages import Evidence, Rejection, RejectionCode, Selection, Signal
from kernel.contracts.origin import Origin
from kernel.contracts.parts import VolumeBasis
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, SIGNALS
from kernel.domain.errors import DatabaseUnavailable, TransientError, VenueUnavailable
from kernel.domain.ids import derive_id
from kernel.domain.options import Direction, Right, Strategy
from kernel.stream.stage import Emissions
from kernel.testing.builders import NOW, a_signal, an_idea
from kernel.testing.clock import FixedClock
from kernel.testing.driver import RecordingPublisher, StageDriver
from services.selector import stage
from services.selector.core.chain import Chain
from services.selector.core.decision import decide
from services.selector.core.evidence import from_items
from services.selector.core.selection import Refused, Selected
from services.selector.stage import SelectorStage
from tests.fakes.chains import TODAY, Row, a_calendar, a_chain, an_account_at_the_venue, same_chain
from tests.fakes.params import PARAMS
from tests.fakes.selector import FakeAccounts, FakeCalendars, FakeDecisions, FakeOptionChains

ORIGIN = Origin("selector", "abc123", PARAMS.config_hash)


class OrderedPublisher(RecordingPublisher):
    """Notes in `asked` that something was published, among what the ports were asked."""

    def __init__(self, asked: list[Any]) -> None:
        super().__init__()
        self.asked = asked

    async def publish(self, emissions: Emissions) -> None:
        self.asked.append(("publish", [e.topic.name for e in emissions]))
        await super().publish(emissions)


class Bench:
    """A selector stage with everything around it."""

    def __init__(self, *rows: Row, chain: Chain | None = None) -> None:
        self.asked: list[Any] = []
        self.clock = FixedClock()
        self.chains = FakeOptionChains(a_chain(*rows) if chain is None else chain, self.asked)
        self.accounts = FakeAccounts(asked=self.asked)
        self.calendars = FakeCalendars(asked=self.asked)
        self.decisions = FakeDecisions(self.asked)
        self.log = OrderedPublisher(self.asked)
        answering = SelectorStage(
            chains=self.chains,
            accounts=self.accounts,
            calendars=self.calendars,
            decisions=self.decisions,
            evidence=self.log,
            clock=self.clock,
            params=PARAMS,
            origin=ORIGIN,
        )
        self.driver = StageDriver(answering, SIGNALS)

    async def send(self, signal: Signal | None = None) -> None:
        await self.driver.send(signal or a_signal())

    async def selection(self, signal: Signal | None = None) -> Selection:
        await self.send(signal)
        (selection,) = self.driver.of(SELECTIONS)
        assert self.driver.of(REJECTIONS) == []
        return selection

    async def rejection(self, signal: Signal | None = None) -> Rejection:
        await self.send(signal)
        (rejection,) = self.driver.of(REJECTIONS)
        assert self.driver.of(SELECTIONS) == []
        return rejection

    @property
    def evidence(self) -> Evidence:
        (emission,) = self.log.published
        assert emission.topic is EVIDENCE
        return emission.message

    @property
    def steps(self) -> list[str]:
        return [asked[0] for asked in self.asked]


async def test_a_signal_becomes_a_selection_with_all_its_figures() -> None:
    bench = Bench(Row(), Row(strike="525", day_volume=3), Row(strike="530", delta=None))
    signal = a_signal()
    selection = await bench.selection(signal)
    assert selection.idea == signal.idea
    (leg,) = selection.legs
    assert (leg.occ_symbol, leg.side, leg.ratio) == (Row().symbol, "buy", 1)
    assert (leg.bid, leg.ask, leg.quoted_at, leg.delta) == (Decimal("2.49"), Decimal("2.51"), NOW, 0.5)
    assert (selection.mid, selection.spot) == (Decimal("2.5"), Decimal(520))
    assert selection.score.total == pytest.approx(36.8 + 27.0957 + 20 + 10, abs=1e-3)
    assert selection.spread_pct == pytest.approx(0.8)
    assert (selection.day_volume, selection.volume_basis) == (850, VolumeBasis.DAY_BAR)
    assert (selection.days_to_expiration, selection.distance_pct) == (7, 0)
    assert (selection.candidates, selection.qualified) == (3, 1)
    assert selection.rejects == {"VOLUME_TOO_LOW": 1, "DELTA_MISSING": 1}
    assert (selection.account.tier, selection.account.risk_budget_usd) == ("large", Decimal(1000))
    assert selection.observed_at == NOW


async def test_the_message_says_when_volume_is_the_latest_trades_size() -> None:
    selection = await Bench(Row(day_volume=None, trade_size=400, trade_date=TODAY)).selection()
    assert (selection.day_volume, selection.volume_basis) == (400, VolumeBasis.LATEST_TRADE)


async def test_answers_are_signed_with_ids_derived_from_the_signal() -> None:
    signal = a_signal()
    meta = (await Bench(Row()).selection(signal)).meta
    assert meta.id == derive_id(signal.meta.id, "selection")
    assert (meta.causation_id, meta.correlation_id) == (signal.meta.id, signal.meta.correlation_id)
    assert (meta.stage, meta.revision, meta.config_hash) == ("selector", "abc123", PARAMS.config_hash)
    assert meta.occurred_at == NOW


async def test_the_venue_is_asked_for_the_right_and_window_of_the_signal() -> None:
    bench = Bench(Row(right=Right.PUT, delta=-0.5))
    await bench.send(a_signal(idea=an_idea(direction=Direction.BEARISH, strategy=Strategy.SWING)))
    assert ("chain", "SPY", Right.PUT, date(2026, 6, 12), date(2026, 7, 23)) in bench.asked
    assert ("calendar", TODAY) in bench.asked


async def test_evidence_is_in_the_log_before_the_answer_is_recorded() -> None:
    bench = Bench(Row())
    await bench.send()
    assert bench.steps[0] == "recall"
    assert sorted(bench.steps[1:4]) == ["account", "calendar", "chain"]
    assert bench.asked[4] == ("publish", ["evidence"])
    assert bench.steps[5:] == ["record"]


async def test_the_decision_is_taken_again_from_the_evidence_alone() -> None:
    rows = [Row(), Row(strike="525", day_volume=3), Row(strike="530", bid=None, ask=None, delta=None)]
    bench = Bench(*rows)
    selection = await bench.selection()
    seen = bench.evidence
    assert (seen.input_id, seen.decided_at) == (a_signal().meta.id, selection.meta.occurred_at)
    gathered = from_items(seen.items)
    assert gathered is not None
    assert same_chain(gathered.chain, bench.chains.answer)
    again = decide(a_signal().idea, gathered, PARAMS, seen.decided_at)
    assert isinstance(again.outcome, Selected)
    assert again.outcome.contract.occ_symbol == selection.legs[0].occ_symbol
    assert again.outcome.score == selection.score
    assert again.account == selection.account


async def test_a_redelivered_signal_gets_the_recorded_answer_without_asking_the_venue() -> None:
    bench = Bench(Row())
    first = await bench.selection()
    bench.asked.clear()
    bench.log.published.clear()
    bench.chains.answer = a_chain(Row(strike="500"))
    bench.clock.advance(timedelta(hours=1))
    await bench.send()
    assert bench.driver.of(SELECTIONS) == [first, first]
    assert bench.steps == ["recall"]
    assert bench.log.published == []


async def test_the_answer_another_worker_recorded_first_is_the_one_that_goes_out() -> None:
    other = Bench(Row(strike="525"))
    theirs = await other.selection()
    bench = Bench(Row())
    bench.chains.while_answering = lambda: bench.decisions.recorded.update(other.decisions.recorded)
    assert await bench.selection() == theirs


async def test_now_is_read_after_the_gather() -> None:
    bench = Bench(Row())
    bench.chains.while_answering = lambda: bench.clock.advance(timedelta(seconds=7))
    selection = await bench.selection()
    assert selection.meta.occurred_at == NOW + timedelta(seconds=7)
    assert bench.evidence.decided_at == NOW + timedelta(seconds=7)


async def test_a_signal_that_expires_while_the_venue_answers_is_refused() -> None:
    bench = Bench(Row())
    bench.chains.while_answering = lambda: bench.clock.advance(timedelta(minutes=5))
    rejection = await bench.rejection()
    assert rejection.code is RejectionCode.SIGNAL_EXPIRED
    assert rejection.account is not None


async def test_an_expired_signal_is_refused_without_asking_the_venue() -> None:
    bench = Bench(Row())
    rejection = await bench.rejection(a_signal(idea=an_idea(expires_at=NOW)))
    assert rejection.code is RejectionCode.SIGNAL_EXPIRED
    assert bench.steps == ["recall", "publish", "record"]
    assert (rejection.account, rejection.observed_at) == (None, None)
    assert bench.evidence.items == ()
    assert bench.evidence.decided_at == rejection.meta.occurred_at == NOW


async def test_a_premium_seller_is_refused_without_asking_the_venue() -> None:
    bench = Bench(Row())
    rejection = await bench.rejection(a_signal(idea=an_idea(strategy=Strategy.PREMIUM_SELLER)))
    assert rejection.code is RejectionCode.STRUCTURE_NOT_AVAILABLE
    assert bench.steps == ["recall", "publish", "record"]


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        (a_chain(spot=None), RejectionCode.UNDERLYING_UNKNOWN),
        (a_chain(), RejectionCode.CHAIN_EMPTY),
        (a_chain(Row(delta=None), Row(strike="525", delta=None)), RejectionCode.NO_CONTRACT_QUALIFIES),
        (a_chain(Row(unreadable=True)), RejectionCode.NO_CONTRACT_QUALIFIES),
        (a_chain(Row(bid="2.52")), RejectionCode.NO_CONTRACT_QUALIFIES),
        (
            a_chain(Row(strike="560", bid="0.96", ask="1.05", day_volume=200, delta=0.12)),
            RejectionCode.SCORE_BELOW_MINIMUM,
        ),
    ],
)
async def test_every_no_is_typed_and_carries_account_and_moment(chain: Chain, code: RejectionCode) -> None:
    bench = Bench(chain=chain)
    rejection = await bench.rejection()
    assert rejection.code is code
    assert rejection.account is not None
    assert rejection.account.tier == "large"
    assert rejection.observed_at == NOW
    assert rejection.meta.id == derive_id(a_signal().meta.id, "rejection")
    gathered = from_items(bench.evidence.items)
    assert gathered is not None
    again = decide(a_signal().idea, gathered, PARAMS, bench.evidence.decided_at).outcome
    assert isinstance(again, Refused)
    assert (again.code, again.message, again.rejects) == (code, rejection.message, rejection.rejects)


async def test_rejects_are_counted_by_reason() -> None:
    rejection = await Bench(Row(delta=None), Row(strike="525", day_volume=0)).rejection()
    assert rejection.rejects == {"VOLUME_TOO_LOW": 1, "DELTA_MISSING": 1}
    assert rejection.figures["candidates"] == "2"


async def test_a_closed_market_is_refused() -> None:
    bench = Bench(Row())
    bench.calendars.answer = a_calendar(closed=frozenset({TODAY}))
    assert (await bench.rejection()).code is RejectionCode.MARKET_CLOSED


async def test_a_blocked_account_is_refused() -> None:
    bench = Bench(Row())
    bench.accounts.answer = an_account_at_the_venue(blocked_by=("trading_blocked",))
    assert (await bench.rejection()).code is RejectionCode.ACCOUNT_BLOCKED


async def test_a_venue_that_is_down_leaves_nothing_behind_and_the_next_try_decides() -> None:
    bench = Bench(Row())
    bench.chains.fails_with = VenueUnavailable("the venue answered 503")
    with pytest.raises(VenueUnavailable):
        await bench.send()
    assert bench.decisions.recorded == {}
    assert bench.log.published == []
    assert (await bench.selection()).legs[0].occ_symbol == Row().symbol


async def test_no_answer_is_recorded_whose_evidence_the_log_did_not_take() -> None:
    bench = Bench(Row())
    bench.log.fails_with = TransientError("Kafka did not acknowledge")
    with pytest.raises(TransientError):
        await bench.send()
    assert bench.decisions.recorded == {}
    await bench.selection()


async def test_after_a_lost_database_the_evidence_of_the_answer_is_told_by_its_moment() -> None:
    bench = Bench(Row())
    bench.decisions.fails_with = DatabaseUnavailable("gone")
    with pytest.raises(DatabaseUnavailable):
        await bench.send()
    bench.clock.advance(timedelta(seconds=1))
    selection = await bench.selection()
    first, second = (e.message for e in bench.log.published)
    assert first.meta.id == second.meta.id
    assert selection.meta.occurred_at == second.decided_at != first.decided_at


async def test_the_log_lines_are_the_ones_people_grep_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(stage, "_log", SimpleNamespace(info=lambda line, **_: lines.append(line)))
    row = Row(strike="520", bid="2.485", ask="2.515", day_volume=850, delta=0.38)
    await Bench(chain=a_chain(row, spot="522.613")).selection()
    assert lines == [
        "Selected contract with quality score: 91.3/100",
        "Strike: $520.0, Spread: 1.2%, Volume: 850, Delta: 0.38",
        "Tier: large",
    ]
