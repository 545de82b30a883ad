from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from kernel.domain.options import Strategy
from kernel.testing.builders import NOW
from services.selector.core.ranking import Ranking, rank
from services.selector.core.validation import ContractReason
from tests.fakes.chains import Row, a_calendar, a_chain
from tests.fakes.params import PARAMS


def ranked(*rows: Row, **values: Any) -> Ranking:
    given: dict[str, Any] = {"budget_usd": Decimal(1000), "calendar": a_calendar(), "now": NOW} | values
    return rank(a_chain(*rows), Strategy.DAY_TRADE, params=PARAMS.selector, **given)


def test_every_candidate_is_shown_the_qualified_first_each_part_by_score() -> None:
    good, better = Row(strike="510"), Row(strike="520")
    dull, worse = Row(strike="521", day_volume=150), Row(strike="540", day_volume=20)
    rows = ranked(worse, good, dull, better).rows()
    assert [row.occ_symbol for row in rows] == [r.symbol for r in (better, good, dull, worse)]
    assert [row.reason for row in rows] == [
        None,
        None,
        ContractReason.VOLUME_TOO_LOW,
        ContractReason.VOLUME_TOO_LOW,
    ]


def test_a_rejected_contract_keeps_its_score_where_its_figures_are_there() -> None:
    rows = ranked(
        Row(strike="515", bid=None, ask=None), Row(strike="520", delta=None), Row(strike="525", day_volume=3)
    ).rows()
    by_strike = {row.strike: row for row in rows}
    assert by_strike[Decimal(515)].score is None
    assert by_strike[Decimal(515)].spread_pct is None
    assert by_strike[Decimal(520)].score is None
    assert by_strike[Decimal(520)].delta is None
    assert by_strike[Decimal(525)].score is not None


def test_rows_without_a_score_come_last() -> None:
    first, last = Row(strike="530", day_volume=1), Row(strike="520", delta=None)
    assert [row.occ_symbol for row in ranked(last, first).rows()] == [first.symbol, last.symbol]


def test_the_top_is_cut_where_asked() -> None:
    assert len(ranked(*[Row(strike=str(s)) for s in range(500, 520)]).rows(top=10)) == 10


def test_absent_figures_are_none() -> None:
    (row,) = ranked(Row(open_interest=None, quoted_at=None)).rows()
    assert (row.open_interest, row.quoted_at) == (None, None)


def test_a_chain_can_be_looked_at_while_the_market_is_closed() -> None:
    sunday = datetime(2026, 6, 7, 15, tzinfo=UTC)
    ranking = ranked(Row(quoted_at=sunday, day_volume=None), now=sunday)
    assert ranking.rejects == {ContractReason.VOLUME_TOO_LOW: 1}


def test_an_empty_chain_has_no_best() -> None:
    ranking = ranked()
    assert ranking.best() is None
    assert ranking.rows() == []
    assert (ranking.candidates, ranking.qualified, ranking.rejects) == (0, 0, {})
