import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from kernel.adapters import alpaca
from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import ConfigError, VenueUnavailable
from kernel.runtime.clock import VenueClock
from kernel.runtime.settings import ServiceSettings
from tests.fakes.http import Script, scripted_server
from tests.fakes.waiting import eventually

OPENING = datetime(2026, 6, 5, 13, 30, tzinfo=UTC)


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        yield script


@pytest.fixture
def gateway(venue: Script) -> Iterator[AlpacaGateway]:
    settings = ServiceSettings.from_env({"APCA_API_BASE_URL": venue.url})
    made = AlpacaGateway(settings, VenueClock(monotonic=lambda: 0.0))
    yield made
    made.close()
    made.trading._session.close()


def say_time(venue: Script, at: datetime) -> None:
    venue.say(200, {"timestamp": at.isoformat(), "is_open": True})


async def test_connecting_takes_over_the_venues_time(venue: Script, gateway: AlpacaGateway) -> None:
    say_time(venue, OPENING)

    await gateway.connect()

    assert gateway.clock.now() == OPENING
    assert [path for _, path, _ in venue.asked] == ["/v2/clock"]


@pytest.mark.parametrize("status", [401, 403])
async def test_keys_the_venue_refuses_are_a_setting_to_mend(
    venue: Script, gateway: AlpacaGateway, status: int
) -> None:
    venue.say(status, {"message": "unauthorized."})

    with pytest.raises(ConfigError, match="APCA_API_KEY_ID, APCA_API_SECRET_KEY: not accepted"):
        await gateway.connect()


@pytest.mark.parametrize(
    "fail",
    [
        lambda venue: venue.hang_up(),
        lambda venue: venue.say(503, {"message": "try later"}),
        lambda venue: venue.say(404, {"code": 40410000, "message": "no such route"}),
    ],
)
async def test_a_venue_that_cannot_be_reached_yet_is_asked_again(
    venue: Script, gateway: AlpacaGateway, fail: Callable[[Script], None]
) -> None:
    fail(venue)

    with pytest.raises(VenueUnavailable):
        await gateway.connect()


async def test_the_clock_is_followed_through_outages_and_refusals(
    venue: Script, gateway: AlpacaGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alpaca, "_CLOCK_REFRESH_S", 0.0)
    later = OPENING + timedelta(minutes=1)
    say_time(venue, OPENING)
    venue.hang_up()
    venue.say(401, {"message": "unauthorized."})
    say_time(venue, later)

    following = asyncio.create_task(gateway.follow_clock())
    async with asyncio.timeout(10):
        while not (gateway.clock.synchronised and gateway.clock.now() == later):
            assert not following.done()
            await asyncio.sleep(0)
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following


@pytest.mark.parametrize("bid", ["1.25", "17", "0.1", "NaN", "1e400"])
async def test_an_answer_has_the_figures_pythons_own_json_reads(
    venue: Script, gateway: AlpacaGateway, bid: str
) -> None:
    """NaN is no JSON, but servers write it, and one such quote must not hide the whole chain."""
    body = f'{{"symbol": "SPY260612C00520000", "bp": {bid}}}'.encode()
    venue.say(200, body)

    answer = await gateway.call(gateway.trading.get, "/anything")

    assert repr(answer) == repr(json.loads(body))


@pytest.mark.parametrize("method", ["post", "patch", "delete"])
async def test_an_order_goes_out_while_every_reading_hangs(
    venue: Script, gateway: AlpacaGateway, method: str
) -> None:
    threads = gateway._readers._max_workers
    for _ in range(threads + 2):
        venue.say(200, {})
    venue.speaks.clear()
    ask = partial(gateway.call, urgency=None)
    readings = [asyncio.create_task(ask(gateway.trading.get, "/clock")) for _ in range(threads + 1)]
    await eventually(lambda: len(venue.asked) == threads)

    order = asyncio.create_task(ask(getattr(gateway.trading, method), "/orders", {}))
    # Sooner than the server ends its silence, which is ten seconds after the first reading.
    await eventually(lambda: method.upper() in {asked for asked, _, _ in venue.asked}, within_s=8)

    venue.speaks.set()
    await asyncio.gather(order, *readings)


async def test_a_body_that_is_no_json_is_an_outage(venue: Script, gateway: AlpacaGateway) -> None:
    venue.say(200, b"<html>maintenance</html>")

    with pytest.raises(VenueUnavailable):
        await gateway.call(gateway.trading.get, "/anything")


def test_a_refusal_passes_through_a_context_manager_as_it_is() -> None:
    """Transactions are such context managers; a frozen exception broke in them and hid the venue's answer."""

    @contextmanager
    def transaction():
        yield

    with pytest.raises(VenueRefused) as refused, transaction():
        raise VenueRefused(403, 40310000, "insufficient buying power")

    assert (refused.value.status, refused.value.code) == (403, 40310000)
    assert str(refused.value) == "the venue refused (403, code 40310000): insufficient buying power"


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("APCA_API_BASE_URL", "https://api.alpaca.markets"),
        ("APCA_API_BASE_URL", "http://10.0.0.1:8000"),
        ("APCA_API_DATA_URL", "http://data.alpaca.markets"),
        ("APCA_API_DATA_URL", "https://data.alpaca.markets@evil.com"),
        ("APCA_API_DATA_URL", "data.alpaca.markets"),
    ],
)
def test_no_holder_of_keys_is_made_for_a_host_that_must_not_have_them(variable: str, url: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        AlpacaGateway(ServiceSettings.from_env({variable: url}), VenueClock())


@pytest.mark.parametrize("url", ["https://data.alpaca.markets", "http://127.0.0.1:8080/"])
def test_market_data_may_come_over_https_or_from_this_machine(url: str) -> None:
    AlpacaGateway(ServiceSettings.from_env({"APCA_API_DATA_URL": url}), VenueClock()).close()
