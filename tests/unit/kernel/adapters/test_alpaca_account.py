"""The account adapter over a real HTTP connection to a scripted venue."""

import json
import threading
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.domain.errors import ConfigError, InvariantBroken, VenueUnavailable
from kernel.runtime.clock import VENUE_CLOCK_HEADER, VenueClock
from kernel.runtime.settings import ServiceSettings
from tests.fakes.sizer import ACCOUNT_ID, account_answer

CLOCK = {"timestamp": "2026-06-05T10:30:00-04:00", "is_open": True}
CLOCK_AT = datetime(2026, 6, 5, 14, 30, tzinfo=UTC)


class ScriptedVenue(ThreadingHTTPServer):
    """Answers each path with the (status, body) it was given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, object]] = {
            "/v2/clock": (200, CLOCK),
            "/v2/account": (200, account_answer("40340.18", equity="80680.36", sma="0")),
        }
        self.asked: list[str] = []
        self.headers: dict[str, str] = {}


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedVenue

    def do_GET(self):
        self.server.asked.append(self.path)
        status, answer = self.server.answers[self.path]
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        """Keep quiet."""


@pytest.fixture
def venue():
    with ScriptedVenue() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def account(venue):
    settings = ServiceSettings.from_env({"APCA_API_BASE_URL": f"http://127.0.0.1:{venue.server_port}"})
    gateway = AlpacaGateway(settings, VenueClock(monotonic=lambda: 0.0))
    yield AlpacaAccount(gateway)
    gateway.close()
    for client in (gateway.trading, gateway.options, gateway.stocks):
        client._session.close()


async def test_connecting_learns_whose_account_it_is_and_the_venues_time(account, venue):
    await account.connect()
    assert account.account_id == ACCOUNT_ID
    assert (await account.account()).observed_at == CLOCK_AT
    assert venue.asked == ["/v2/clock", "/v2/account", "/v2/account"]


async def test_a_reading_is_the_amounts_the_whole_answer_and_when_it_was_made(account, venue):
    await account.connect()
    venue.headers[VENUE_CLOCK_HEADER] = "2014-06-06T16:00:00+00:00;speed=60"
    reading = await account.read()
    assert reading.account.equity_usd == Decimal("80680.36")
    assert reading.account.options_buying_power_usd == Decimal("40340.18")
    assert json.loads(reading.body) == venue.answers["/v2/account"][1]
    assert reading.account.observed_at == datetime(2014, 6, 6, 16, tzinfo=UTC)


@pytest.mark.parametrize("path", ["/v2/clock", "/v2/account"])
@pytest.mark.parametrize("status", [401, 403])
async def test_keys_the_venue_does_not_take_are_a_setting_to_mend(account, venue, path, status):
    venue.answers[path] = (status, {"message": "unauthorized."})
    with pytest.raises(ConfigError, match="APCA_API_KEY_ID, APCA_API_SECRET_KEY"):
        await account.connect()


@pytest.mark.parametrize(
    "answer",
    [
        (503, {"message": "try later"}),
        (429, {"message": "too many requests"}),
        (200, b"<html>maintenance</html>"),
        (200, [1, 2]),
        (200, None),
        (200, account_answer(options_buying_power=None)),
        (200, account_answer(account_number=None)),
    ],
)
async def test_half_an_account_is_asked_for_again(account, venue, answer):
    await account.connect()
    venue.answers["/v2/account"] = answer
    with pytest.raises(VenueUnavailable, match="venue"):
        await account.read()


@pytest.mark.parametrize(("status", "body"), [(200, {}), (404, {}), (503, {})])
async def test_an_account_that_cannot_be_learnt_yet_is_asked_for_again(account, venue, status, body):
    venue.answers["/v2/account"] = (status, body)
    with pytest.raises(VenueUnavailable):
        await account.connect()


async def test_an_account_can_be_read_by_who_need_not_know_whose_it_is(account, venue):
    venue.headers[VENUE_CLOCK_HEADER] = "2026-06-05T14:30:00+00:00;speed=1"
    assert (await account.account()).account_id == ACCOUNT_ID


async def test_an_answer_about_another_account_stops_the_process(account, venue):
    await account.connect()
    venue.answers["/v2/account"] = (200, account_answer(account_number="PA0000000002"))
    with pytest.raises(InvariantBroken, match=f"PA0000000002 instead of {ACCOUNT_ID}"):
        await account.read()


async def test_an_account_nobody_asked_for_has_no_number(account):
    with pytest.raises(InvariantBroken, match="before the venue was asked"):
        _ = account.account_id
