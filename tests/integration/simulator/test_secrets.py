"""Which secret goes with a key: the first it came with. Another is refused by every API, and kept nowhere."""

import asyncio
import json
from pathlib import Path

import pytest
import websockets
from alpaca.common.exceptions import APIError
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.requests import OptionChainRequest
from alpaca.trading.client import TradingClient

from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket
from tests.integration.simulator.at_venue import DEADLINE_S, journal, refusal_of
from tests.integration.simulator.data_listener import Bare, ws

UNAUTHORIZED = (401, {"message": "unauthorized."})


def test_any_pair_is_let_in_and_from_then_on_that_secret_alone(
    venue: VenueThread, trading: TradingClient
) -> None:
    trading.get_account()
    with pytest.raises(APIError) as error:
        TradingClient("key", "a-guess", url_override=venue.url).get_account()
    assert refusal_of(error) == UNAUTHORIZED
    trading.get_account()
    TradingClient("another key", "a-guess", url_override=venue.url).get_account()


def test_a_wrong_secret_gets_no_market_data(venue: VenueThread, trading: TradingClient) -> None:
    trading.get_account()
    client = OptionHistoricalDataClient("key", "a-guess", url_override=venue.url)
    with pytest.raises(APIError) as error:
        client.get_option_chain(OptionChainRequest(underlying_symbol="SPY"))
    assert refusal_of(error) == UNAUTHORIZED


def test_a_wrong_secret_is_unauthorized_on_the_trade_updates_stream(
    venue: VenueThread, trading: TradingClient
) -> None:
    trading.get_account()

    async def talk(secret: str) -> str:
        async with websockets.connect(venue.stream_url) as stream:
            keys = {"key_id": "key", "secret_key": secret}
            await stream.send(json.dumps({"action": "authenticate", "data": keys}))
            told = json.loads(await asyncio.wait_for(stream.recv(), DEADLINE_S))
            return str(told["data"]["status"])

    assert asyncio.run(talk("a-guess")) == "unauthorized"
    assert asyncio.run(talk("secret")) == "authorized"


def test_a_wrong_secret_is_told_402_on_a_data_stream(venue: VenueThread, trading: TradingClient) -> None:
    trading.get_account()

    async def talk() -> object:
        async with Bare(ws(venue, "/v1beta1/indicative")) as client:
            await client.listen()
            return await client.asked({"action": "auth", "key": "key", "secret": "a-guess"})

    assert asyncio.run(talk()) == [{"T": "error", "code": 402, "msg": "auth failed"}]


def test_a_reset_lets_the_accounts_keys_have_new_secrets(venue: VenueThread, trading: TradingClient) -> None:
    trading.get_account()
    trading._session.post(f"{venue.url}/sim/reset", json={}, timeout=30).raise_for_status()
    TradingClient("key", "new", url_override=venue.url).get_account()
    with pytest.raises(APIError):
        trading.get_account()


def test_a_secret_is_in_no_journal_and_no_file(tmp_path: Path, market: FakeMarket) -> None:
    secret = "unmistakable-secret"
    settings = VenueSettings(state=tmp_path / "state.sqlite", journal=tmp_path / "journal.jsonl")
    with VenueThread(market, settings) as venue:
        TradingClient("key", secret, url_override=venue.url).get_account()
        with pytest.raises(APIError):
            TradingClient("key", secret + "-wrong", url_override=venue.url).get_account()
        assert secret not in json.dumps(journal(venue))
    for file in tmp_path.iterdir():
        assert secret.encode() not in file.read_bytes(), file
