from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import RejectionCode
from kernel.domain.options import Direction, Right, Strategy
from kernel.testing.builders import NOW, an_idea
from services.selector.core.selection import Refused, Selected, refuse_unseen, select
from tests.fakes.chains import Row, a_calendar, a_chain
from tests.fakes.params import PARAMS, params_with


def choose(*rows: Row, params=PARAMS, spot: str | None = "520", now: datetime = NOW, **values: Any):
    given = {"budget_usd": Decimal(1000), "calendar": a_calendar(), "idea": an_idea()} | values
    idea = given.pop("idea")
    return select(idea, a_chain(*rows, spot=spot), params=params.selector, now=now, **given)


def chosen(*rows: Row, **values: Any) -> str:
    outcome = choose(*rows, **values)
    assert isinstance(outcome, Selected), outcome
    return outcome.contract.occ_symbol


def refused(*rows: Row, **values: Any) -> Refused:
    outcome = choose(*rows, **values)
    assert isinstance(outcome, Refused), outcome
    return outcome


def test_the_highest_score_wins_wherever_it_stands() -> None:
    best = Row(strike="519", day_volume=1200, bid="2.50", ask="2.51")
    others = [Row(strike=str(strike)) for strike in (505, 510, 520, 525, 530)]
    assert chosen(*others, best) == best.symbol
    assert chosen(best, *others) == best.symbol


def test_a_selection_carries_the_contract_its_score_and_the_counts() -> None:
    outcome = choose(Row(), Row(strike="525", day_volume=3), Row(strike="520", right=Right.PUT))
    assert isinstance(outcome, Selected)
    contract = outcome.contract
    assert (contract.strike, contract.mid, contract.bid, contract.ask) == (
        Decimal(520),
        Decimal("2.5"),
        Decimal("2.49"),
        Decimal("2.51"),
    )
    assert (contract.days_to_expiration, contract.delta, contract.open_interest) == (7, 0.5, 1200)
    assert contract.quoted_at == NOW
    assert (outcome.candidates, outcome.qualified, outcome.rejects) == (2, 1, {"VOLUME_TOO_LOW": 1})
    assert outcome.score == contract.score
    assert outcome.spot == Decimal(520)


def test_bullish_buys_calls_and_bearish_buys_puts() -> None:
    call, put = Row(), Row(right=Right.PUT, delta=-0.5)
    assert chosen(call, put) == call.symbol
    assert chosen(call, put, idea=an_idea(direction=Direction.BEARISH)) == put.symbol


# Equal scores are made by taking the weight of a part away.
def no_points(*parts: str):
    scoring = PARAMS.selector.scoring.model_dump() | {f"{part}_points": 0 for part in parts}
    return params_with(scoring=scoring, min_score=0)


def test_a_tie_goes_to_the_tighter_spread_first() -> None:
    wide = Row(strike="520", bid="2.45", ask="2.55", day_volume=9999)
    tight = Row(strike="525", day_volume=300)
    assert chosen(wide, tight, params=no_points("spread", "volume", "distance")) == tight.symbol


def test_then_to_the_higher_volume() -> None:
    near, busy = Row(strike="520", day_volume=300), Row(strike="525", day_volume=301)
    assert chosen(near, busy, params=no_points("volume", "distance")) == busy.symbol


def test_then_to_the_nearer_strike() -> None:
    far, near = Row(strike="510"), Row(strike="525")
    assert chosen(far, near, params=no_points("distance")) == near.symbol


def test_then_to_the_symbol() -> None:
    below, above = Row(strike="515"), Row(strike="525")
    assert chosen(above, below) == below.symbol


def test_what_one_trade_cannot_afford_is_left_out_beforehand() -> None:
    dear, cheap = (
        Row(strike="520", bid="10.00", ask="10.02"),
        Row(strike="530", bid="2.49", ask="2.51", delta=0.3),
    )
    assert chosen(dear, cheap, budget_usd=Decimal(2000)) == dear.symbol
    assert chosen(dear, cheap, budget_usd=Decimal(1000)) == cheap.symbol


def test_a_late_signal_is_expired() -> None:
    no = refused(Row(), now=NOW + timedelta(minutes=5))
    assert no.code is RejectionCode.SIGNAL_EXPIRED
    assert no.figures == {"late_s": "0.000"}


def test_a_signal_lives_until_its_last_microsecond() -> None:
    just_in_time = NOW + timedelta(minutes=5) - timedelta(microseconds=1)
    assert refuse_unseen(an_idea(), just_in_time) is None


@pytest.mark.parametrize(("direction", "right"), [("bullish", "put"), ("bearish", "call")])
def test_a_premium_seller_needs_a_spread_that_is_not_built_yet(direction: str, right: str) -> None:
    idea = an_idea(strategy=Strategy.PREMIUM_SELLER, direction=Direction(direction))
    no = refused(Row(), idea=idea)
    assert no.code is RejectionCode.STRUCTURE_NOT_AVAILABLE
    assert f"{right} vertical" in no.message


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 6, 5, 13, 29, 59, tzinfo=UTC),
        datetime(2026, 6, 5, 20, 0, tzinfo=UTC),
        datetime(2026, 6, 6, 15, 0, tzinfo=UTC),
    ],
)
def test_nothing_is_bought_while_the_market_is_closed(now: datetime) -> None:
    idea = an_idea(expires_at=now + timedelta(minutes=5))
    assert refused(Row(), now=now, idea=idea).code is RejectionCode.MARKET_CLOSED


def test_an_underlying_without_a_price_is_unknown() -> None:
    assert refused(spot=None).code is RejectionCode.UNDERLYING_UNKNOWN


def test_a_chain_without_contracts_of_the_right_is_empty() -> None:
    no = refused(Row(right=Right.PUT))
    assert no.code is RejectionCode.CHAIN_EMPTY
    assert no.figures["spot"] == "520"


def test_when_nothing_qualifies_every_reason_is_counted() -> None:
    no = refused(Row(day_volume=1), Row(strike="525", delta=None), Row(strike="530", delta=None))
    assert no.code is RejectionCode.NO_CONTRACT_QUALIFIES
    assert no.rejects == {"VOLUME_TOO_LOW": 1, "DELTA_MISSING": 2}
    assert no.message == "none of 3 calls qualifies: 1 VOLUME_TOO_LOW, 2 DELTA_MISSING"
    assert no.figures == {"candidates": "3", "qualified": "0", "spot": "520", "risk_budget_usd": "1000"}


def test_a_chain_without_greeks_qualifies_nothing() -> None:
    no = refused(*[Row(strike=str(strike), delta=None) for strike in range(510, 531)])
    assert no.rejects == {"DELTA_MISSING": 21}


POOR = Row(strike="560", bid="0.96", ask="1.05", day_volume=200, delta=0.12)


def test_a_best_score_below_the_minimum_is_refused_with_its_parts() -> None:
    no = refused(POOR, Row(strike="561", day_volume=3))
    assert no.code is RejectionCode.SCORE_BELOW_MINIMUM
    assert no.rejects == {"VOLUME_TOO_LOW": 1}
    assert no.figures["best"] == POOR.symbol
    assert no.figures["score_min"] == "40"
    assert float(no.figures["score_total"]) == pytest.approx(18.46, abs=0.05)
    assert {"score_spread", "score_volume", "score_delta", "score_distance"} <= no.figures.keys()


def test_a_score_of_exactly_the_minimum_is_enough() -> None:
    outcome = choose(POOR, params=params_with(min_score=0))
    assert isinstance(outcome, Selected)
    exactly = params_with(min_score=outcome.score.total)
    assert isinstance(choose(POOR, params=exactly), Selected)
