"""The stock data stream through alpaca-py's StockDataStream, and its frames in MessagePack and in JSON."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, timedelta
from typing import Any

import pytest
from alpaca.data.models import Bar, Quote, Trade

from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket
from tests.integration.simulator.at_venue import eventually
from tests.integration.simulator.data_clients import instant, market_figures, parsed_figures
from tests.integration.simulator.data_listener import AUTH, Bare, Ears, an_error, ws

IEX, SIP, TEST = "/v2/iex", "/v2/sip", "/v2/test"


@pytest.fixture(scope="module")
def synthetic() -> SyntheticMarket:
    return SyntheticMarket(0)


@pytest.fixture
def standing(market: FakeMarket) -> Iterator[VenueThread]:
    with VenueThread(market, VenueSettings(speed=0)) as running:
        yield running


def test_parsed_quotes_trades_and_bars_are_the_markets(synthetic: SyntheticMarket) -> None:
    with VenueThread(synthetic, VenueSettings(speed=60)) as venue:
        ears = Ears.for_stocks(venue)
        for subscribe in (
            ears.stream.subscribe_quotes,
            ears.stream.subscribe_trades,
            ears.stream.subscribe_bars,
            ears.stream.subscribe_daily_bars,
        ):
            subscribe(ears.hear, "IWM")
        with ears:
            eventually(lambda: {Quote, Trade, Bar} <= {type(m) for m in ears.heard}, "all kinds")
    for message in ears.heard:
        at = message.timestamp
        if isinstance(message, Quote):
            shown = synthetic.stock("IWM", at).quote
            assert (message.bid_price, message.ask_price) == (shown.bid, shown.ask)
            assert message.conditions == ["R"]
        elif isinstance(message, Bar) and at >= synthetic.starts_at - timedelta(minutes=1):
            [bar] = synthetic.stock_bars("IWM", 1, at, at, at + timedelta(minutes=1))
            assert parsed_figures(message) == market_figures(bar)
    trades = [m for m in ears.heard if isinstance(m, Trade)]
    whole_seconds = [t for t in trades if t.timestamp.microsecond == 0]
    assert whole_seconds
    assert all(t.price == synthetic.stock("IWM", t.timestamp).trade.price for t in whole_seconds)
    assert len({trade.id for trade in trades}) == len(trades)


def test_raw_messages_have_alpacas_keys(synthetic: SyntheticMarket) -> None:
    with VenueThread(synthetic, VenueSettings(speed=60)) as venue:
        ears = Ears.for_stocks(venue, raw=True)
        for subscribe in (
            ears.stream.subscribe_quotes,
            ears.stream.subscribe_trades,
            ears.stream.subscribe_bars,
        ):
            subscribe(ears.hear, "IWM")
        with ears:
            eventually(lambda: {m["T"] for m in ears.heard} == {"q", "t", "b"}, "all kinds")
    keys = {message["T"]: set(message) for message in ears.heard}
    assert keys == {
        "t": {"T", "S", "i", "x", "p", "s", "c", "z", "t"},
        "q": {"T", "S", "bx", "bp", "bs", "ax", "ap", "as", "c", "z", "t"},
        "b": {"T", "S", "o", "h", "l", "c", "v", "t", "n", "vw"},
    }


async def _conversation(
    venue: VenueThread, *messages: object, path: str = IEX, json: bool = False
) -> list[Any]:
    async with Bare(ws(venue, path), json=json) as client:
        return [await client.listen(), *[await client.asked(message) for message in messages]]


def test_stocks_are_told_in_json_too_with_times_as_text(market: FakeMarket) -> None:
    async def listen(venue: VenueThread) -> dict[str, Any]:
        async with Bare(ws(venue, IEX), json=True) as client:
            await client.ready(trades=["SPY"])
            return await client.until(lambda message: message["T"] == "t")

    with VenueThread(market, VenueSettings(speed=1)) as venue:
        trade = asyncio.run(listen(venue))
    assert (trade["S"], trade["p"], trade["c"]) == ("SPY", 520.0, ["@"])
    assert instant(trade["t"]).astimezone(UTC) > market.starts_at


def test_a_trade_subscription_brings_corrections_and_cancellations(standing: VenueThread) -> None:
    asked = {"trades": ["SPY"], "bars": ["*"], "statuses": ["*"], "lulds": ["SPY"], "updatedBars": ["SPY"]}
    told = asyncio.run(_conversation(standing, AUTH, {"action": "subscribe", **asked}))
    assert told[-1] == [{"T": "subscription", **asked, "corrections": ["SPY"], "cancelErrors": ["SPY"]}]


@pytest.mark.parametrize("json", [True, False])
def test_errors_are_told_in_the_clients_own_format(standing: VenueThread, json: bool) -> None:
    messages = (
        {"action": "subscribe", "trades": ["SPY"]},
        {"action": "auth", "key": "k", "secret": 1},
        AUTH,
        {"action": "subscribe", "news": ["SPY"]},
        {"action": "subscribe", "orderbooks": ["SPY"]},
        {"action": "subscribe", "quotes": ["*"]},
    )
    told = asyncio.run(_conversation(standing, *messages, json=json))
    assert told[1:] == [
        an_error(401, "not authenticated"),
        an_error(402, "auth failed"),
        [{"T": "success", "msg": "authenticated"}],
        an_error(410, "invalid subscribe action for this feed"),
        an_error(410, "invalid subscribe action for this feed"),
        [{"T": "subscription", "quotes": ["*"]}],
    ]


def test_what_cannot_be_read_is_invalid_syntax(standing: VenueThread) -> None:
    async def mumble() -> list[Any]:
        async with Bare(ws(standing, IEX), json=True) as client:
            await client.listen()
            told = []
            for noise in ("{", b"\xc1", "[]", "null"):
                await client.socket.send(noise)
                told.append(await client.listen())
            return told

    assert asyncio.run(mumble()) == [an_error(400, "invalid syntax")] * 4


def test_sip_needs_the_plus_plan(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(data_plan="basic")) as venue:
        assert asyncio.run(_conversation(venue, AUTH, path=SIP))[-1] == an_error(
            409, "insufficient subscription"
        )
        assert asyncio.run(_conversation(venue, AUTH, path=IEX))[-1][0]["T"] == "success"


def test_iex_sip_and_test_are_endpoints_of_their_own(standing: VenueThread) -> None:
    async def all_three() -> list[str]:
        async with (
            Bare(ws(standing, IEX)) as one,
            Bare(ws(standing, SIP)) as two,
            Bare(ws(standing, TEST)) as three,
        ):
            return [
                (
                    await (await client.ready(trades=["SPY"])).asked(
                        {"action": "unsubscribe", "trades": ["SPY"]}
                    )
                )[0]["T"]
                for client in (one, two, three)
            ]

    assert asyncio.run(all_three()) == ["subscription"] * 3


def test_subscriptions_in_many_fragments_are_one_message(standing: VenueThread) -> None:
    """alpaca-py sends frames of at most 32,768 bytes, so thousands of symbols come in pieces."""
    import msgpack

    symbols = [f"SYMBOL{number}" for number in range(10_000)]
    packed = msgpack.packb({"action": "subscribe", "trades": symbols})

    async def fragments() -> Any:
        async with Bare(ws(standing, IEX)) as client:
            await client.ready()
            await client.socket.send(packed[i : i + 32_768] for i in range(0, len(packed), 32_768))
            return await client.listen()

    assert len(packed) > 3 * 32_768
    assert asyncio.run(fragments())[0]["trades"] == sorted(symbols)
