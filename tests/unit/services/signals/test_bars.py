from datetime import timedelta
from decimal import Decimal

from services.signals.core.bars import (
    average_true_range,
    ended_by,
    exponential_average,
    sessions_before,
)
from tests.fakes.signals_market import DAY, OPENS_AT, daily, minute, minutes


def test_a_bar_counts_from_its_end_on() -> None:
    bars = minutes(["520", "521"])
    assert ended_by(bars, OPENS_AT + timedelta(seconds=59)) == []
    assert ended_by(bars, OPENS_AT + timedelta(seconds=60)) == [bars[0]]


def test_bars_are_put_in_order() -> None:
    first, second = minutes(["520", "521"])
    assert ended_by([second, first], OPENS_AT + timedelta(minutes=5)) == [first, second]


def test_todays_own_daily_bar_does_not_count() -> None:
    yesterday, today = daily(1, Decimal(500)), daily(0, Decimal(510))
    assert sessions_before([today, yesterday], DAY) == [yesterday]


def test_true_range_reaches_to_the_close_before_where_there_was_a_gap() -> None:
    bars = [minute(0, "100", reach="1"), minute(1, "110", reach="1")]
    # 2 for the first, 111 − 100 for the second
    assert average_true_range(bars, 2) == Decimal("6.5")


def test_later_true_ranges_weigh_one_part_in_length_as_wilder_has_it() -> None:
    bars = [minute(0, "100", reach="1"), minute(1, "100", reach="1"), minute(2, "100", reach="3")]
    assert average_true_range(bars, 2) == (Decimal(2) * 1 + 6) / 2


def test_the_exponential_average_begins_at_the_plain_one() -> None:
    values = [Decimal(n) for n in (1, 2, 3, 7)]
    # mean of the first three is 2; weight is 2 ÷ 4
    assert exponential_average(values, 3) == Decimal("4.5")


def test_too_few_bars_give_no_figure() -> None:
    assert average_true_range(minutes(["520"]), 2) is None
    assert exponential_average([Decimal(1)], 2) is None
