from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.domain.options import Strategy
from kernel.domain.params import TradingParams
from kernel.testing.builders import NOW
from services.selector.core.ranking import Ranking, rank
from services.selector.core.validation import ContractReason, calendar_days_ahead, expiration_window
from tests.fakes.chains import TODAY, Row, a_calendar, a_chain
from tests.fakes.params import PARAMS, params_with

R = ContractReason


def ranked(*rows: Row, now: datetime = NOW, params: TradingParams = PARAMS, **values: Any) -> Ranking:
    given: dict[str, Any] = {"budget_usd": Decimal(1000), "calendar": a_calendar()} | values
    strategy = given.pop("strategy", Strategy.DAY_TRADE)
    return rank(a_chain(*rows), strategy, params=params.selector, now=now, **given)


def reason(row: Row, **values: Any) -> ContractReason | None:
    return ranked(row, **values).verdicts.reason(0)


def test_a_plain_contract_qualifies() -> None:
    assert reason(Row()) is None


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (Row(unreadable=True), R.VALUE_INVALID),
        (Row(bid=None), R.QUOTE_MISSING),
        (Row(ask=None), R.QUOTE_MISSING),
        (Row(quoted_at=None), R.QUOTE_MISSING),
        (Row(bid="2.52"), R.QUOTE_CROSSED),
        (Row(delta=None), R.DELTA_MISSING),
        (Row(delta=0.10), R.DELTA_OUT_OF_BAND),
        (Row(delta=0.97), R.DELTA_OUT_OF_BAND),
        (Row(tradable=False), R.NOT_TRADABLE),
        (Row(expiration=TODAY - timedelta(days=1)), R.EXPIRED),
        (Row(expiration=date(2026, 6, 15)), R.OUTSIDE_EXPIRATION_WINDOW),
    ],
)
def test_what_is_wrong_with_a_contract_has_a_name(row: Row, expected: ContractReason) -> None:
    assert reason(row) == expected


def test_a_locked_quote_is_fine() -> None:
    assert reason(Row(bid="2.50", ask="2.50")) is None


@pytest.mark.parametrize(("age_s", "expected"), [(300, None), (300.000001, R.QUOTE_STALE)])
def test_a_quote_stands_for_300_seconds_of_market_time(age_s: float, expected: ContractReason | None) -> None:
    assert reason(Row(quoted_at=NOW - timedelta(seconds=age_s))) == expected


def test_hourly_recordings_take_an_older_quote() -> None:
    row = Row(quoted_at=NOW - timedelta(seconds=3600))
    assert reason(row, params=params_with(quote_age_s_max=3600)) is None


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [
        ("1.90", "2.10", R.SPREAD_TOO_WIDE),  # exactly 10 %
        ("1.9001", "2.10", None),
        ("4.75", "5.25", R.SPREAD_TOO_WIDE),  # exactly 10 %
        ("9.50", "10.50", R.SPREAD_TOO_WIDE),  # exactly 10 %, and too dear after that
        ("0.38", "0.42", R.SPREAD_TOO_WIDE),  # exactly 10 %; in binary floats it comes out below
        ("2.85", "3.15", R.SPREAD_TOO_WIDE),  # exactly 10 %; in binary floats it comes out below
        ("2.49", "2.51", None),
    ],
)
def test_the_spread_is_compared_exactly(bid: str, ask: str, expected: ContractReason | None) -> None:
    assert reason(Row(bid=bid, ask=ask)) == expected


def test_the_spread_limit_may_have_decimals() -> None:
    params = params_with(spread_pct_below="0.8")
    assert reason(Row(bid="2.49", ask="2.51"), params=params) == R.SPREAD_TOO_WIDE
    assert reason(Row(bid="2.49", ask="2.51"), params=params_with(spread_pct_below="0.800001")) is None


def test_the_dearest_quote_and_the_finest_limit_are_still_compared_exactly() -> None:
    dear = {"budget_usd": Decimal(10) ** 9}
    row = Row(bid="949999", ask="950001")
    exactly = Decimal(2) * 100 / 950_000  # 0.000210526… %: cut to 0.000210, which the spread is not below
    assert reason(row, params=params_with(spread_pct_below=f"{exactly:.9f}"), **dear) == R.SPREAD_TOO_WIDE
    assert reason(row, params=params_with(spread_pct_below="0.000211"), **dear) is None
    assert reason(row, params=params_with(spread_pct_below="99.999999"), **dear) is None


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [("0.29", "0.31", None), ("0.29", "0.3099", R.PREMIUM_TOO_LOW), ("0.2999", "0.30", R.PREMIUM_TOO_LOW)],
)
def test_the_least_premium_is_inclusive(bid: str, ask: str, expected: ContractReason | None) -> None:
    assert reason(Row(bid=bid, ask=ask)) == expected


@pytest.mark.parametrize(
    ("volume", "expected"), [(200, None), (199, R.VOLUME_TOO_LOW), (None, R.VOLUME_TOO_LOW)]
)
def test_the_least_volume_is_inclusive(volume: int | None, expected: ContractReason | None) -> None:
    assert reason(Row(day_volume=volume)) == expected


@pytest.mark.parametrize(
    ("strategy", "days", "expected"),
    [
        (Strategy.DAY_TRADE, 0, None),
        (Strategy.DAY_TRADE, 7, None),
        (Strategy.DAY_TRADE, 10, R.OUTSIDE_EXPIRATION_WINDOW),
        (Strategy.SWING, 6, R.OUTSIDE_EXPIRATION_WINDOW),
        (Strategy.SWING, 7, None),
        (Strategy.SWING, 45, None),
        (Strategy.SWING, 46, R.OUTSIDE_EXPIRATION_WINDOW),
        (Strategy.PREMIUM_SELLER, 28, R.OUTSIDE_EXPIRATION_WINDOW),
        (Strategy.PREMIUM_SELLER, 31, None),
        (Strategy.PREMIUM_SELLER, 60, None),
        (Strategy.PREMIUM_SELLER, 61, R.OUTSIDE_EXPIRATION_WINDOW),
    ],
)
def test_every_strategy_has_its_window(
    strategy: Strategy, days: int, expected: ContractReason | None
) -> None:
    row = Row(expiration=TODAY + timedelta(days=days), delta=0.3)
    assert reason(row, strategy=strategy) == expected


def test_a_saturday_expiration_is_inside_the_window_by_its_last_session() -> None:
    saturday = date(2026, 6, 13)
    assert reason(Row(expiration=saturday)) is None
    assert expiration_window(TODAY, PARAMS.selector.strategies[Strategy.DAY_TRADE])[1] >= saturday


@pytest.mark.parametrize(
    ("hour", "minute", "second", "expected"),
    [
        (18, 59, 59, None),
        (19, 0, 0, R.EXPIRES_TODAY_TOO_LATE),
        (19, 59, 59, R.EXPIRES_TODAY_TOO_LATE),
        (20, 0, 0, R.EXPIRED),
    ],
)
@pytest.mark.parametrize("expiration", [TODAY, TODAY + timedelta(days=1)])
def test_nothing_that_expires_today_is_opened_in_its_last_hour(
    expiration: date, hour: int, minute: int, second: int, expected: ContractReason | None
) -> None:
    now = datetime(2026, 6, 5, hour, minute, second, tzinfo=UTC)
    assert reason(Row(expiration=expiration, quoted_at=now), now=now) == expected


def test_the_last_hour_of_a_half_day_begins_at_noon() -> None:
    now = datetime(2026, 6, 5, 16, 0, tzinfo=UTC)
    half = a_calendar(early=frozenset({TODAY}))
    row = Row(expiration=TODAY, quoted_at=now)
    assert reason(row, now=now, calendar=half) == R.EXPIRES_TODAY_TOO_LATE
    assert reason(row, now=now) is None


def test_contracts_of_other_days_may_be_opened_in_the_last_hour() -> None:
    now = datetime(2026, 6, 5, 19, 30, tzinfo=UTC)
    assert reason(Row(quoted_at=now), now=now) is None


@pytest.mark.parametrize(
    ("interest", "expected"),
    [(100, None), (99, R.OPEN_INTEREST_TOO_LOW), (None, None), (0, R.OPEN_INTEREST_TOO_LOW)],
)
def test_open_interest_counts_where_it_is_known(
    interest: int | None, expected: ContractReason | None
) -> None:
    assert reason(Row(open_interest=interest), params=params_with(open_interest_min=100)) == expected


@pytest.mark.parametrize(
    ("budget", "expected"), [("250", None), ("249.999999", R.TOO_EXPENSIVE), ("0", R.TOO_EXPENSIVE)]
)
def test_one_contract_at_the_mid_must_fit_the_risk_budget(
    budget: str, expected: ContractReason | None
) -> None:
    assert reason(Row(bid="2.49", ask="2.51"), budget_usd=Decimal(budget)) == expected


def test_a_contract_carries_the_first_reason_in_the_order_of_the_checks() -> None:
    everything = Row(
        unreadable=True,
        bid="2.52",
        quoted_at=NOW - timedelta(days=1),
        day_volume=0,
        tradable=False,
        delta=None,
    )
    mended = [
        (R.VALUE_INVALID, {"unreadable": False}),
        (R.QUOTE_CROSSED, {"bid": "0.10", "ask": "0.20"}),
        (R.QUOTE_STALE, {"quoted_at": NOW}),
        (R.SPREAD_TOO_WIDE, {"ask": "0.10"}),
        (R.PREMIUM_TOO_LOW, {"bid": "20", "ask": "20"}),
        (R.VOLUME_TOO_LOW, {"day_volume": 900, "expiration": TODAY - timedelta(days=2)}),
        (R.EXPIRED, {"expiration": TODAY + timedelta(days=30)}),
        (R.OUTSIDE_EXPIRATION_WINDOW, {"expiration": TODAY}),
        (R.NOT_TRADABLE, {"tradable": True}),
        (R.DELTA_MISSING, {"delta": 0.99}),
        (R.DELTA_OUT_OF_BAND, {"delta": 0.5}),
        (R.TOO_EXPENSIVE, {"bid": "2", "ask": "2"}),
    ]
    row = everything
    for expected, mend in mended:
        assert reason(row) == expected
        row = row.but(**mend)
    assert reason(row) is None


def test_reasons_are_counted_over_the_chain() -> None:
    rows = [
        Row(strike="510"),
        Row(strike="515", day_volume=3),
        Row(strike="520", day_volume=0),
        Row(strike="525", bid=None),
    ]
    ranking = ranked(*rows)
    assert (ranking.candidates, ranking.qualified) == (4, 1)
    assert ranking.rejects == {R.QUOTE_MISSING: 1, R.VOLUME_TOO_LOW: 2}


def test_the_calendar_reaches_beyond_the_widest_window() -> None:
    assert calendar_days_ahead(PARAMS.selector) == 70
