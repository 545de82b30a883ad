"""The invariants of ranking, validation and evidence, for any chain."""

from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.domain.options import Direction, Right, Strategy
from kernel.testing.builders import NOW, an_idea
from services.selector.core.chain import Chain
from services.selector.core.decision import Gathered
from services.selector.core.evidence import from_items, to_items
from services.selector.core.ranking import Ranking, rank
from services.selector.core.selection import Selected, select
from services.selector.core.validation import ContractReason
from tests.fakes.chains import (
    TODAY,
    YESTERDAY,
    Row,
    a_calendar,
    a_chain,
    a_question,
    an_account_at_the_venue,
    same_chain,
)
from tests.fakes.params import PARAMS

CALENDAR = a_calendar()
prices = st.one_of(st.none(), st.integers(1, 200_000).map(lambda units: str(Decimal(units) / 10_000)))
good_bids = st.integers(3_000, 30_000).map(lambda units: str(Decimal(units) / 10_000))
expirations = st.sampled_from([TODAY, date(2026, 6, 6), date(2026, 6, 12), date(2026, 7, 2), YESTERDAY])


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Contracts of every quality, good ones often enough that something qualifies."""
    good = draw(st.booleans())
    bid = draw(good_bids) if good else draw(prices)
    tight = st.integers(0, 900).map(lambda units: str(Decimal(bid or 0) + Decimal(units) / 10_000))
    return Row(
        strike=str(Decimal(draw(st.integers(960, 1120))) / 2),
        expiration=draw(expirations),
        right=draw(st.sampled_from(Right)),
        bid=bid,
        ask=draw(tight) if good else draw(prices),
        quoted_at=draw(
            st.one_of(st.none(), st.just(NOW), st.integers(0, 400).map(lambda s: NOW - timedelta(seconds=s)))
        ),
        day_volume=draw(st.one_of(st.none(), st.integers(0, 2000))),
        day_bar_date=draw(st.sampled_from([TODAY, TODAY, YESTERDAY])),
        previous_volume=draw(st.one_of(st.none(), st.integers(0, 2000))),
        trade_size=draw(st.integers(0, 500)),
        trade_date=draw(st.sampled_from([None, TODAY, YESTERDAY])),
        delta=draw(st.one_of(st.none(), st.floats(-1, 1), st.floats(0.3, 0.6))),
        open_interest=draw(st.one_of(st.none(), st.integers(0, 9999))),
        tradable=draw(st.sampled_from([True, True, True, False])),
        unreadable=draw(st.sampled_from([False, False, False, True])),
    )


chains = st.lists(rows(), max_size=25, unique_by=lambda row: row.symbol)
budgets = st.integers(0, 400_000).map(lambda cents: Decimal(cents) / 100)


def ranked(chain: Chain, budget: Decimal = Decimal(1000), now: datetime = NOW) -> Ranking:
    return rank(
        chain, Strategy.DAY_TRADE, budget_usd=budget, calendar=CALENDAR, params=PARAMS.selector, now=now
    )


def may_be_bought(row: Row, budget: Decimal) -> bool:
    """The rules' validation of a day trade at `NOW`, contract by contract in exact fractions."""
    if row.unreadable or not row.tradable or row.bid is None or row.ask is None or row.quoted_at is None:
        return False
    bid, ask = Fraction(row.bid), Fraction(row.ask)
    if bid > ask or NOW - row.quoted_at > timedelta(seconds=300):
        return False
    mid = (bid + ask) / 2
    if (ask - bid) / mid * 100 >= 10 or mid < Fraction(3, 10) or mid * 100 > Fraction(budget):
        return False
    if row.day_volume is not None:
        volume = row.day_volume if row.day_bar_date == TODAY else 0
    else:
        volume = row.trade_size if row.trade_date == TODAY else 0
    days = {TODAY: 0, date(2026, 6, 6): 0, date(2026, 6, 12): 7, date(2026, 7, 2): 27, YESTERDAY: -1}
    if volume < 200 or not 0 <= days[row.expiration] <= 7 or row.delta is None:
        return False
    return round(max(0.35 - abs(row.delta), abs(row.delta) - 0.60, 0), 12) < 0.25


@given(chains, budgets)
def test_a_contract_qualifies_exactly_when_the_rules_say_so(given_rows: list[Row], budget: Decimal) -> None:
    ranking = ranked(a_chain(*given_rows), budget)
    verdicts = {r.occ_symbol: r.reason is None for r in ranking.rows()}
    assert verdicts == {row.symbol: may_be_bought(row, budget) for row in given_rows}


@given(chains)
def test_every_candidate_either_qualifies_or_carries_one_reason(given_rows: list[Row]) -> None:
    ranking = ranked(a_chain(*given_rows))
    assert ranking.qualified + sum(ranking.rejects.values()) == ranking.candidates == len(given_rows)
    assert Counter(r.reason for r in ranking.rows() if r.reason) == ranking.rejects
    assert set(ranking.rejects) <= set(ContractReason)


@given(chains)
def test_the_best_is_the_first_by_score_then_spread_volume_distance_and_symbol(given_rows: list[Row]) -> None:
    ranking = ranked(a_chain(*given_rows))
    qualified = [r for r in ranking.rows() if r.reason is None]
    best = ranking.best()
    if best is None:
        assert not qualified
        return
    in_order = sorted(
        qualified,
        key=lambda r: (
            -round(r.score.total, 9) if r.score else 0,
            r.spread_pct,
            -r.volume,
            r.distance_pct,
            r.occ_symbol,
        ),
    )
    assert qualified == in_order
    assert best == in_order[0]


@given(chains, st.randoms(use_true_random=False))
def test_the_order_in_which_the_venue_sends_the_chain_changes_nothing(given_rows: list[Row], chance) -> None:
    shuffled = list(given_rows)
    chance.shuffle(shuffled)
    assert ranked(a_chain(*given_rows)).rows() == ranked(a_chain(*shuffled)).rows()


@given(chains, st.sampled_from(Direction), budgets)
def test_what_is_selected_is_of_the_right_affordable_and_scores_enough(
    given_rows: list[Row], direction: Direction, budget: Decimal
) -> None:
    idea = an_idea(direction=direction)
    chosen = select(
        idea, a_chain(*given_rows), budget_usd=budget, calendar=CALENDAR, params=PARAMS.selector, now=NOW
    )
    if isinstance(chosen, Selected):
        assert chosen.contract.occ_symbol[-9] == ("C" if direction is Direction.BULLISH else "P")
        assert chosen.contract.mid * 100 <= budget
        assert chosen.score.total >= 40
        assert chosen.contract.reason is None


@given(chains, budgets, budgets)
def test_a_larger_budget_never_disqualifies_a_contract(
    given_rows: list[Row], one: Decimal, other: Decimal
) -> None:
    less, more = sorted((one, other))
    poor, rich = (ranked(a_chain(*given_rows), b).verdicts.qualifies for b in (less, more))
    assert not np.any(poor & ~rich)


@settings(max_examples=60)
@given(chains, st.one_of(st.none(), st.integers(1, 10**9).map(lambda units: str(Decimal(units) / 10_000))))
def test_evidence_gives_back_the_same_chain(given_rows: list[Row], spot: str | None) -> None:
    gathered = Gathered(
        question=a_question(),
        chain=a_chain(*given_rows, spot=spot),
        account=an_account_at_the_venue(),
        calendar=CALENDAR,
    )
    again = from_items(to_items(gathered))
    assert again is not None
    assert same_chain(again.chain, gathered.chain)
    assert again.account == gathered.account
    assert again.calendar.sessions == CALENDAR.sessions
