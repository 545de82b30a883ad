from datetime import date

import pytest

from kernel.contracts.parts import VolumeBasis
from services.selector.core.measures import VOLUME_BASES, measure
from tests.fakes.chains import TODAY, YESTERDAY, Row, a_calendar, a_chain

CALENDAR = a_calendar()


def volume_of(row: Row, basis: str = "day", calendar=CALENDAR) -> tuple[int, VolumeBasis]:
    measures = measure(a_chain(row), calendar, TODAY, basis)
    return int(measures.volume[0]), VOLUME_BASES[measures.volume_basis[0]]


def test_a_day_bar_of_today_is_the_days_volume() -> None:
    assert volume_of(Row(day_volume=850, trade_size=3, trade_date=TODAY)) == (850, VolumeBasis.DAY_BAR)


def test_a_day_bar_of_an_earlier_day_means_nothing_traded_today() -> None:
    row = Row(day_volume=850, day_bar_date=YESTERDAY, trade_size=3, trade_date=YESTERDAY)
    assert volume_of(row) == (0, VolumeBasis.DAY_BAR)


def test_without_a_day_bar_the_latest_trade_of_today_counts() -> None:
    assert volume_of(Row(day_volume=None, trade_size=3, trade_date=TODAY)) == (3, VolumeBasis.LATEST_TRADE)


def test_a_trade_of_yesterday_is_no_volume_of_today() -> None:
    assert volume_of(Row(day_volume=None, trade_size=3, trade_date=YESTERDAY)) == (0, VolumeBasis.NONE)


def test_without_bar_and_trade_there_is_no_volume() -> None:
    assert volume_of(Row(day_volume=None)) == (0, VolumeBasis.NONE)


def test_by_default_yesterdays_volume_does_not_count() -> None:
    assert volume_of(Row(day_volume=10, previous_volume=900)) == (10, VolumeBasis.DAY_BAR)


def test_day_or_previous_takes_the_larger() -> None:
    both = Row(day_volume=10, previous_volume=900)
    assert volume_of(both, "day_or_previous") == (900, VolumeBasis.PREVIOUS_DAY_BAR)
    assert volume_of(both.but(day_volume=901), "day_or_previous") == (901, VolumeBasis.DAY_BAR)


def test_before_the_first_trade_of_the_day_the_latest_bar_is_the_previous_days() -> None:
    row = Row(day_volume=700, day_bar_date=YESTERDAY, previous_volume=900, previous_bar_date=date(2026, 6, 3))
    assert volume_of(row, "day_or_previous") == (700, VolumeBasis.PREVIOUS_DAY_BAR)


def test_a_bar_older_than_the_previous_session_does_not_count() -> None:
    row = Row(day_volume=0, previous_volume=900, previous_bar_date=date(2026, 6, 3))
    assert volume_of(row, "day_or_previous") == (0, VolumeBasis.DAY_BAR)


def test_the_previous_session_may_lie_before_a_holiday() -> None:
    row = Row(day_volume=0, previous_volume=900, previous_bar_date=date(2026, 6, 3))
    holiday = a_calendar(closed=frozenset({YESTERDAY}))
    assert volume_of(row, "day_or_previous", holiday) == (900, VolumeBasis.PREVIOUS_DAY_BAR)


@pytest.mark.parametrize(
    ("expiration", "days"),
    [
        (TODAY, 0),
        (date(2026, 6, 6), 0),  # a Saturday: last traded on Friday
        (date(2026, 6, 8), 3),
        (date(2026, 6, 12), 7),
        (date(2026, 6, 13), 7),
        (date(2026, 6, 4), -1),
    ],
)
def test_days_to_expiration_are_calendar_days_to_the_last_session(expiration: date, days: int) -> None:
    measures = measure(a_chain(Row(expiration=expiration)), CALENDAR, TODAY, "day")
    assert measures.days_to_expiration.tolist() == [days]


def test_an_expiration_on_a_holiday_counts_to_the_session_before() -> None:
    holiday = a_calendar(closed=frozenset({date(2026, 6, 19)}))
    measures = measure(a_chain(Row(expiration=date(2026, 6, 19))), holiday, TODAY, "day")
    assert measures.days_to_expiration.tolist() == [13]


def test_an_expiration_beyond_the_calendar_stands_for_itself() -> None:
    measures = measure(a_chain(Row(expiration=date(2028, 1, 22))), CALENDAR, TODAY, "day")
    assert measures.days_to_expiration.tolist() == [(date(2028, 1, 22) - TODAY).days]


def test_percentages_are_of_the_mid_and_of_the_spot() -> None:
    measures = measure(a_chain(Row(strike="533", bid="1.90", ask="2.10")), CALENDAR, TODAY, "day")
    assert measures.spread_pct.tolist() == [pytest.approx(10.0, abs=1e-12)]
    assert measures.distance_pct.tolist() == [pytest.approx(2.5, abs=1e-12)]


def test_a_put_is_measured_by_its_absolute_delta() -> None:
    assert measure(a_chain(Row(delta=-0.4)), CALENDAR, TODAY, "day").delta_abs.tolist() == [0.4]
