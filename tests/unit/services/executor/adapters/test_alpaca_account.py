from collections.abc import Iterator

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import ConfigError, InvariantBroken, VenueUnavailable
from kernel.runtime.clock import VenueClock
from services.executor.adapters.alpaca_account import AlpacaAccount
from services.executor.settings import ExecutorSettings
from tests.fakes.http import Script, scripted_server


@pytest.fixture
def venue() -> Iterator[Script]:
    with scripted_server() as script:
        script.say(200, {"timestamp": "2026-06-05T13:30:00Z", "is_open": True})
        yield script


@pytest.fixture
def account(venue: Script) -> Iterator[AlpacaAccount]:
    gateway = AlpacaGateway(ExecutorSettings.from_env({"APCA_API_BASE_URL": venue.url}), VenueClock())
    yield AlpacaAccount(gateway)
    gateway.close()
    gateway.trading._session.close()


async def test_connecting_takes_over_the_time_and_learns_the_account(
    venue: Script, account: AlpacaAccount
) -> None:
    venue.say(200, {"account_number": "PA0000000001"})

    await account.connect()

    assert account.number() == "PA0000000001"
    assert [path for _, path, _ in venue.asked] == ["/v2/clock", "/v2/account"]


@pytest.mark.parametrize("status", [401, 403])
async def test_keys_that_do_not_open_the_account_are_a_setting_to_mend(
    venue: Script, account: AlpacaAccount, status: int
) -> None:
    venue.say(status, {"message": "forbidden."})

    with pytest.raises(ConfigError, match="APCA_API_KEY_ID, APCA_API_SECRET_KEY"):
        await account.connect()


@pytest.mark.parametrize(("status", "body"), [(200, {}), (200, None), (404, {}), (503, {})])
async def test_an_account_that_cannot_be_read_is_asked_for_again(
    venue: Script, account: AlpacaAccount, status: int, body: object
) -> None:
    venue.say(status, body)

    with pytest.raises(VenueUnavailable):
        await account.connect()


def test_an_account_nobody_asked_for_has_no_number(account: AlpacaAccount) -> None:
    with pytest.raises(InvariantBroken, match="before the venue was asked"):
        account.number()
