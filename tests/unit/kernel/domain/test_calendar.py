"""A Thursday half day, a holiday, and the Monday after a weekend."""

from datetime import UTC, date, datetime, timedelta

import pytest

from kernel.domain.calendar import Session, TradingCalendar, market_day
from kernel.domain.clock import MARKET_ZONE, require_utc

EVE = Session(  # closes at 13:00
    date(2015, 12, 24),
    datetime(2015, 12, 24, 9, 30, tzinfo=MARKET_ZONE),
    datetime(2015, 12, 24, 13, 0, tzinfo=MARKET_ZONE),
)
MONDAY = Session(
    date(2015, 12, 28),
    datetime(2015, 12, 28, 9, 30, tzinfo=MARKET_ZONE),
    datetime(2015, 12, 28, 16, 0, tzinfo=MARKET_ZONE),
)
CALENDAR = TradingCalendar([MONDAY, EVE])  # given in any order


def eastern(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2015, 12, day, hour, minute, tzinfo=MARKET_ZONE).astimezone(UTC)


def test_a_day_has_its_session_and_a_holiday_has_none():
    assert CALENDAR.session_on(date(2015, 12, 24)) == EVE
    assert CALENDAR.session_on(date(2015, 12, 25)) is None
    assert CALENDAR.session_on(date(2015, 12, 1)) is None


@pytest.mark.parametrize(("day", "last"), [(24, EVE), (25, EVE), (26, EVE), (27, EVE), (28, MONDAY)])
def test_what_expires_on_a_saturday_last_trades_on_the_session_before(day, last):
    assert CALENDAR.last_session_on_or_before(date(2015, 12, day)) == last


@pytest.mark.parametrize("day", [date(2015, 12, 23), date(2015, 12, 29)])
def test_a_day_outside_the_calendar_is_said_to_be_outside(day):
    with pytest.raises(LookupError, match=f"does not cover {day}"):
        CALENDAR.last_session_on_or_before(day)


def test_a_calendar_may_answer_for_holidays_after_its_last_session():
    calendar = TradingCalendar([EVE], covers_to=date(2015, 12, 27))
    assert calendar.last_session_on_or_before(date(2015, 12, 27)) == EVE


def test_an_empty_calendar_answers_for_no_day():
    with pytest.raises(LookupError, match="does not cover"):
        TradingCalendar([]).last_session_on_or_before(date(2015, 12, 24))


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (eastern(24, 9, 29), False),
        (eastern(24, 9, 30), True),
        (eastern(24, 12, 59), True),
        (eastern(24, 13, 0), False),
        (eastern(25, 11), False),
        (eastern(28, 15, 59), True),
    ],
)
def test_the_market_is_open_from_the_open_until_just_before_the_close(now, is_open):
    assert CALENDAR.is_open(now) is is_open
    assert (CALENDAR.time_to_close(now) is not None) is is_open


def test_a_half_day_has_less_time_left():
    assert CALENDAR.time_to_close(eastern(24, 12)) == timedelta(hours=1)


def test_the_trading_day_is_the_exchanges_even_when_utc_is_a_day_ahead():
    assert market_day(datetime(2015, 12, 29, 2, 0, tzinfo=UTC)) == date(2015, 12, 28)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="naive datetime"):
        require_utc(datetime(2015, 12, 24, 9, 30))  # noqa: DTZ001 - the very mistake
    assert require_utc(EVE.opens_at).tzinfo is UTC
