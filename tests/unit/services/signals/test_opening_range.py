"""Figures of `a_breakout_day`: range 519.40 to 520.60, middle 520.00, close of the 16th minute 520.70."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.domain.options import Direction, Strategy
from services.signals.core.opening_range import opening_range_breakout
from services.signals.core.setups import NoSetup, NoSetupReason, Setup
from tests.fakes.signals_market import (
    DAY,
    OPENS_AT,
    PARAMS,
    a_breakout_day,
    a_view,
    minute,
    minutes,
)

BREAKOUT_ENDS_AT = OPENS_AT + timedelta(minutes=16)


def found(bars=None, *, direction=Direction.BULLISH, now=BREAKOUT_ENDS_AT, params=PARAMS) -> Setup | NoSetup:
    return opening_range_breakout(a_view(a_breakout_day() if bars is None else bars), direction, params, now)


def reason_of(answer: Setup | NoSetup) -> NoSetupReason:
    assert isinstance(answer, NoSetup)
    return answer.reason


def test_a_close_beyond_the_range_on_volume_is_a_day_trade() -> None:
    setup = found()
    assert isinstance(setup, Setup)
    assert setup.strategy is Strategy.DAY_TRADE
    assert setup.found_at == BREAKOUT_ENDS_AT
    assert setup.expires_at == BREAKOUT_ENDS_AT + timedelta(seconds=300)
    assert setup.reference_price == Decimal("520.70")


def test_stop_is_the_middle_of_the_range_and_target_its_height_where_these_are_farther_than_atr() -> None:
    setup = found()
    assert isinstance(setup, Setup)
    assert setup.atr == Decimal("0.589650")
    assert setup.stop_price == Decimal("520.00")
    assert setup.target_price == Decimal("521.90")


def test_atr_keeps_stop_and_target_out_of_the_noise_of_a_narrow_range() -> None:
    wide = PARAMS.model_copy(update={"opening_range_atr_stop": 2.0, "opening_range_atr_target": 4.0})
    setup = found(params=wide)
    assert isinstance(setup, Setup)
    assert setup.stop_price == Decimal("519.52")  # 520.70 − 2 × 0.589650
    assert setup.target_price == Decimal("523.06")  # 520.70 + 4 × 0.589650


def test_a_fall_out_of_the_range_is_bearish_only() -> None:
    bars = a_breakout_day(direction=-1)
    bearish = found(bars, direction=Direction.BEARISH)
    assert isinstance(bearish, Setup)
    assert (bearish.stop_price, bearish.target_price) == (Decimal("520.00"), Decimal("518.10"))
    assert reason_of(found(bars)) is NoSetupReason.NO_BREAKOUT


def test_before_the_range_is_over_nothing_is_said() -> None:
    assert reason_of(found(now=OPENS_AT + timedelta(minutes=14, seconds=59))) is NoSetupReason.RANGE_NOT_OVER


def test_the_breakout_is_not_known_before_its_bar_is_over() -> None:
    assert reason_of(found(now=BREAKOUT_ENDS_AT - timedelta(seconds=1))) is NoSetupReason.NO_BREAKOUT


@pytest.mark.parametrize(
    ("edge", "direction"), [("520.60", Direction.BULLISH), ("519.40", Direction.BEARISH)]
)
def test_touching_the_edge_is_no_breakout(edge: str, direction: Direction) -> None:
    bars = (*a_breakout_day()[:15], minute(15, edge, volume=3000))
    assert reason_of(found(bars, direction=direction)) is NoSetupReason.NO_BREAKOUT


@pytest.mark.parametrize(("volume", "breaks"), [(999, False), (1000, True)])
def test_a_breakout_needs_at_least_the_mean_volume_of_the_bars_before(volume: int, breaks: bool) -> None:
    bars = (*a_breakout_day()[:15], minute(15, "520.70", volume=volume))
    assert isinstance(found(bars), Setup) is breaks


def test_a_quiet_close_beyond_the_range_may_be_followed_by_a_busy_one() -> None:
    bars = (
        *a_breakout_day()[:15],
        minute(15, "520.70", volume=10),
        minute(16, "520.80", volume=5000),
    )
    setup = found(bars, now=OPENS_AT + timedelta(minutes=17))
    assert isinstance(setup, Setup)
    assert setup.reference_price == Decimal("520.80")


@pytest.mark.parametrize(("last_entry_min", "breaks"), [(16, True), (15, False)])
def test_entries_end_at_the_last_entry_time_inclusive(last_entry_min: int, breaks: bool) -> None:
    params = PARAMS.model_copy(update={"opening_range_last_entry_min": last_entry_min})
    assert isinstance(found(params=params), Setup) is breaks


def test_only_the_first_breakout_of_the_day_counts_however_late_one_looks() -> None:
    bars = (*a_breakout_day(), minute(16, "521.50", volume=9000))
    early, late = found(bars), found(bars, now=OPENS_AT + timedelta(minutes=20))
    assert early == late


def test_a_breakout_that_has_expired_is_past() -> None:
    assert isinstance(found(now=BREAKOUT_ENDS_AT + timedelta(seconds=300)), Setup)
    assert reason_of(found(now=BREAKOUT_ENDS_AT + timedelta(seconds=301))) is NoSetupReason.PAST


def test_a_flat_range_breaks_nowhere() -> None:
    flat = tuple(minute(n, "520", reach="0") for n in range(15))
    bars = (*flat, minute(15, "521", volume=9000))
    assert reason_of(found(bars)) is NoSetupReason.RANGE_FLAT


def test_without_bars_of_the_range_there_is_no_range() -> None:
    assert reason_of(found(())) is NoSetupReason.RANGE_WITHOUT_BARS
    assert reason_of(found((minute(15, "521"),))) is NoSetupReason.RANGE_WITHOUT_BARS


def test_bars_before_the_session_do_not_widen_the_range() -> None:
    bars = (minute(-1, "530"), *a_breakout_day())
    assert isinstance(found(bars), Setup)


def test_too_few_bars_for_atr_give_no_setup() -> None:
    bars = (*minutes(["520.00", "520.50"]), minute(15, "520.70", volume=3000))
    assert reason_of(found(bars)) is NoSetupReason.NO_BREAKOUT


def test_a_refusal_carries_its_figures() -> None:
    answer = found(a_breakout_day()[:15])
    assert isinstance(answer, NoSetup)
    assert answer.figures == {
        "range_high": "520.60",
        "range_low": "519.40",
        "last_close": "520.00",
        "bars": "15",
    }


def test_a_setup_is_named_by_rule_underlying_day_and_direction() -> None:
    setup = found()
    assert isinstance(setup, Setup)
    assert setup.cause == f"scan:opening_range_breakout:SPY:{DAY}:bullish"
