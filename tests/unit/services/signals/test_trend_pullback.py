"""Figures of `a_pullback_history`: up a dollar a session to 500, then 497, 494, 491; the last high is 493."""

from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.domain.options import Direction, Strategy
from services.signals.core.setups import NoSetup, NoSetupReason, Setup
from services.signals.core.trend_pullback import trend_pullback
from tests.fakes.signals_market import (
    OPENS_AT,
    PARAMS,
    a_pullback_history,
    a_view,
    daily,
    minute,
    minutes,
)

RESUMES = minutes(["491.50", "493.00", "493.20", "494.00"])
RESUMED_AT = OPENS_AT + timedelta(minutes=3)


def found(
    minute_bars=RESUMES, history=None, *, direction=Direction.BULLISH, now=RESUMED_AT
) -> Setup | NoSetup:
    view = a_view(minute_bars, a_pullback_history() if history is None else history)
    return trend_pullback(view, direction, PARAMS, now)


def reason_of(answer: Setup | NoSetup) -> NoSetupReason:
    assert isinstance(answer, NoSetup)
    return answer.reason


def test_the_first_minute_beyond_yesterdays_high_resumes_the_trend() -> None:
    setup = found()
    assert isinstance(setup, Setup)
    assert setup.strategy is Strategy.SWING
    assert setup.reference_price == Decimal("493.20")
    assert setup.found_at == RESUMED_AT
    assert setup.expires_at == RESUMED_AT + timedelta(seconds=1800)


def test_stop_and_target_are_measured_in_the_daily_atr() -> None:
    setup = found()
    assert isinstance(setup, Setup)
    # true ranges: 4 in the rise, 5 in each of the three falls (close before − low); Wilder over 14
    atr = Decimal(4)
    for _ in range(3):
        atr = (atr * 13 + 5) / 14
    assert setup.atr == atr.quantize(Decimal("0.000001"))
    assert setup.stop_price == (Decimal("493.20") - Decimal("1.5") * atr).quantize(Decimal("0.01"))
    assert setup.target_price == (Decimal("493.20") + 3 * atr).quantize(Decimal("0.01"))


def test_a_falling_market_is_the_same_mirrored() -> None:
    mirrored = tuple(minute(n, str(1000 - bar.close)) for n, bar in enumerate(RESUMES))
    setup = found(mirrored, a_pullback_history(direction=-1), direction=Direction.BEARISH)
    assert isinstance(setup, Setup)
    assert setup.stop_price > setup.reference_price > setup.target_price
    assert reason_of(found(mirrored, a_pullback_history(direction=-1))) is NoSetupReason.NO_TREND


def test_touching_yesterdays_high_is_no_resumption() -> None:
    assert reason_of(found(minutes(["493.00"]))) is NoSetupReason.NOT_RESUMED


def test_the_resumption_is_not_known_before_its_minute_is_over() -> None:
    assert reason_of(found(now=RESUMED_AT - timedelta(seconds=1))) is NoSetupReason.NOT_RESUMED


def test_a_resumption_that_has_expired_is_past() -> None:
    assert reason_of(found(now=RESUMED_AT + timedelta(seconds=1801))) is NoSetupReason.PAST


def test_minutes_outside_the_session_do_not_count() -> None:
    before, after = minute(-1, "499"), minute(390, "499")
    later = OPENS_AT + timedelta(hours=7)
    assert reason_of(found((before, after), now=later)) is NoSetupReason.NOT_RESUMED


@pytest.mark.parametrize(
    ("dip", "reason"),
    [("1", NoSetupReason.NO_PULLBACK), ("5", NoSetupReason.PULLBACK_TOO_DEEP), ("8", NoSetupReason.NO_TREND)],
)
def test_a_dip_reaches_the_fast_average_and_not_much_further(dip: str, reason: NoSetupReason) -> None:
    beyond_any_high = minutes(["600"])
    assert reason_of(found(beyond_any_high, a_pullback_history(dip=dip))) is reason


def test_a_market_at_its_high_has_no_pullback() -> None:
    rising = a_pullback_history()[:-3]
    answer = found(minutes(["600"]), rising)
    assert isinstance(answer, NoSetup)
    assert (answer.reason, answer.figures) == (NoSetupReason.NO_PULLBACK, {"bars_since_extreme": "0"})


def test_a_short_history_gives_no_average() -> None:
    answer = found(history=a_pullback_history()[-49:])
    assert isinstance(answer, NoSetup)
    assert (answer.reason, answer.figures) == (
        NoSetupReason.HISTORY_TOO_SHORT,
        {"sessions": "49", "needed": "50"},
    )


def test_a_flat_market_has_no_trend() -> None:
    flat = [daily(n, Decimal(500), reach="0") for n in range(1, 90)]
    assert reason_of(found(history=flat)) is NoSetupReason.NO_TREND


def test_todays_own_daily_bar_changes_nothing() -> None:
    assert found(history=(*a_pullback_history(), daily(0, Decimal(400)))) == found()


def test_a_target_below_zero_is_refused() -> None:
    answer = found(minutes(["1.00"]), a_pullback_history(direction=-1), direction=Direction.BEARISH)
    assert reason_of(answer) is NoSetupReason.LEVEL_NOT_POSITIVE
