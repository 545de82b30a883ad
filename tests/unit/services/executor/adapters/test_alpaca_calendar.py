from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import VenueUnavailable
from kernel.runtime.clock import VenueClock
from services.executor.adapters.alpaca_calendar import AlpacaSessions
from services.executor.settings import ExecutorSettings
from tests.fakes.http import Script, scripted_server

ROWS = [
    {"date": "2026-06-05", "open": "09:30", "close": "16:00"},
    {"date": "2026-06-08", "open": "09:30", "close": "13:00"},
]
FRIDAY = datetime(2026, 6, 5, 14, 30, tzinfo=UTC)


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def sessions(venue: Script) -> Iterator[AlpacaSessions]:
    gateway = AlpacaGateway(ExecutorSettings.from_env({"APCA_API_BASE_URL": venue.url}), VenueClock())
    yield AlpacaSessions(gateway)
    gateway.close()
    gateway.trading._session.close()


async def test_sessions_are_new_yorks_and_half_days_end_early(
    venue: Script, sessions: AlpacaSessions
) -> None:
    venue.say(200, ROWS)

    calendar = await sessions.around(FRIDAY)

    monday = calendar.session_on(date(2026, 6, 8))
    assert monday is not None
    assert monday.opens_at == datetime(2026, 6, 8, 13, 30, tzinfo=UTC)
    assert monday.closes_at == datetime(2026, 6, 8, 17, 0, tzinfo=UTC)


async def test_the_venue_is_asked_once_a_day(venue: Script, sessions: AlpacaSessions) -> None:
    venue.say(200, ROWS)
    venue.say(200, ROWS)

    for hour in (14, 15):
        await sessions.around(FRIDAY.replace(hour=hour))
    await sessions.around(FRIDAY.replace(day=8))

    assert [path for _, path, _ in venue.asked] == [
        "/v2/calendar?start=2026-06-05&end=2026-06-19",
        "/v2/calendar?start=2026-06-08&end=2026-06-22",
    ]


@pytest.mark.parametrize("body", [None, {}, [], [{}], [{"date": "x", "open": "y", "close": "z"}], [7]])
async def test_a_calendar_that_cannot_be_read_is_asked_for_again(
    venue: Script, sessions: AlpacaSessions, body: object
) -> None:
    venue.say(200, body)
    venue.say(200, ROWS)

    with pytest.raises(VenueUnavailable):
        await sessions.around(FRIDAY)

    assert (await sessions.around(FRIDAY)).is_open(FRIDAY)
