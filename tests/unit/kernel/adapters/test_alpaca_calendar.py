from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VenueClock
from kernel.runtime.settings import ServiceSettings
from tests.fakes.http import Script, scripted_server

ROWS = [
    {"date": "2015-12-23", "open": "09:30", "close": "16:00", "session_open": "0400"},
    {"date": "2015-12-24", "open": "09:30", "close": "13:00", "session_open": "0400"},
    {"date": "2016-07-05", "open": "09:30", "close": "16:00"},
]
DAY = date(2015, 12, 24)


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def gateway(venue: Script) -> Iterator[AlpacaGateway]:
    made = AlpacaGateway(ServiceSettings.from_env({"APCA_API_BASE_URL": venue.url}), VenueClock())
    yield made
    made.close()
    made.trading._session.close()


@pytest.fixture
def calendars(gateway: AlpacaGateway) -> AlpacaCalendars:
    return AlpacaCalendars(gateway, days_back=10, days_ahead=70)


async def test_sessions_are_new_yorks_in_winter_and_summer_and_half_days_end_early(
    venue: Script, calendars: AlpacaCalendars
) -> None:
    venue.say(200, ROWS)

    half, summer = (await calendars.around(DAY)).sessions[1:]

    assert half.closes_at.astimezone(UTC) == datetime(2015, 12, 24, 18, tzinfo=UTC)
    assert summer.day == date(2016, 7, 5)
    assert summer.opens_at.astimezone(UTC) == datetime(2016, 7, 5, 13, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "asked"),
    [
        ({"days_back": 10, "days_ahead": 70}, "/v2/calendar?start=2015-12-14&end=2016-03-03"),
        ({"days_ahead": 14}, "/v2/calendar?start=2015-12-24&end=2016-01-07"),
    ],
)
async def test_the_span_is_what_its_user_needs(
    venue: Script, gateway: AlpacaGateway, days: dict[str, int], asked: str
) -> None:
    venue.say(200, ROWS)

    calendar = await AlpacaCalendars(gateway, **days).around(DAY)

    assert [path for _, path, _ in venue.asked] == [asked]
    assert str(calendar.covers_to) == asked.rpartition("=")[2]


async def test_the_venue_is_asked_once_a_day(venue: Script, calendars: AlpacaCalendars) -> None:
    venue.say(200, ROWS)
    venue.say(200, ROWS)

    assert await calendars.around(DAY) is await calendars.around(DAY)
    await calendars.around(date(2015, 12, 25))

    assert [path for _, path, _ in venue.asked] == [
        "/v2/calendar?start=2015-12-14&end=2016-03-03",
        "/v2/calendar?start=2015-12-15&end=2016-03-04",
    ]


@pytest.mark.parametrize(
    "fail",
    [
        *(
            lambda venue, body=body: venue.say(200, body)
            for body in (None, {}, [], [{}], [None], [7], [{"date": "x", "open": "y", "close": "z"}])
        ),
        lambda venue: venue.say(422, {"code": 42210000, "message": "the dates were refused"}),
        lambda venue: venue.hang_up(),
    ],
)
async def test_a_calendar_that_cannot_be_read_is_asked_for_again(
    venue: Script, calendars: AlpacaCalendars, fail: Callable[[Script], None]
) -> None:
    fail(venue)
    venue.say(200, ROWS)

    with pytest.raises(VenueUnavailable):
        await calendars.around(DAY)

    assert (await calendars.around(DAY)).is_open(datetime(2015, 12, 24, 15, tzinfo=UTC))
