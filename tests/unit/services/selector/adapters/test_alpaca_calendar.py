from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import VenueUnavailable
from services.selector.adapters.alpaca_calendar import AlpacaCalendars
from tests.fakes.gateway import FakeGateway

ROWS = [
    {"date": "2015-12-23", "open": "09:30", "close": "16:00", "session_open": "0400"},
    {"date": "2015-12-24", "open": "09:30", "close": "13:00", "session_open": "0400"},
    {"date": "2016-07-05", "open": "09:30", "close": "16:00"},
]
DAY = date(2015, 12, 24)


def calendars_of(gateway: FakeGateway) -> AlpacaCalendars:
    return AlpacaCalendars(cast("AlpacaGateway", gateway), horizon_days=70)


async def test_sessions_are_read_in_the_exchanges_zone() -> None:
    calendar = await calendars_of(FakeGateway(get_calendar=ROWS)).around(DAY)
    half, summer = calendar.sessions[1:]
    assert half.closes_at.astimezone(UTC) == datetime(2015, 12, 24, 18, tzinfo=UTC)
    assert summer.opens_at.astimezone(UTC) == datetime(2016, 7, 5, 13, 30, tzinfo=UTC)


async def test_the_span_reaches_back_over_holidays_and_ahead_over_every_window() -> None:
    gateway = FakeGateway(get_calendar=ROWS)
    calendar = await calendars_of(gateway).around(DAY)
    (request,) = gateway.requests("get_calendar")
    assert (str(request["start"]), str(request["end"])) == ("2015-12-14", "2016-03-03")
    assert calendar.covers_to == date(2016, 3, 3)


async def test_the_venue_is_asked_once_a_day() -> None:
    gateway = FakeGateway(get_calendar=ROWS)
    calendars = calendars_of(gateway)
    assert await calendars.around(DAY) is await calendars.around(DAY)
    await calendars.around(DAY + timedelta(days=1))
    assert len(gateway.requests("get_calendar")) == 2


@pytest.mark.parametrize(
    "answer", [None, [{}], [{"date": "soon", "open": "09:30", "close": "16:00"}], [None]]
)
async def test_an_unusable_calendar_is_asked_for_again(answer: Any) -> None:
    with pytest.raises(VenueUnavailable, match="calendar answer is unusable"):
        await calendars_of(FakeGateway(get_calendar=answer)).around(DAY)
