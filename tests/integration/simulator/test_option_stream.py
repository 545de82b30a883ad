"""The option data stream through alpaca-py's OptionDataStream, and its frames one by one."""

import asyncio
from collections.abc import Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

import msgpack
import pytest
import requests
import websockets
from alpaca.data.live.option import OptionDataStream
from alpaca.data.models import Quote, Trade

from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, spy
from tests.integration.simulator.at_venue import eventually, inject
from tests.integration.simulator.data_clients import busiest
from tests.integration.simulator.data_listener import AUTH, Bare, Ears, an_error, ws

INDICATIVE, OPRA = "/v1beta1/indicative", "/v1beta1/opra"


@pytest.fixture(scope="module")
def synthetic() -> SyntheticMarket:
    return SyntheticMarket(0)


@pytest.fixture
def standing(synthetic: SyntheticMarket) -> Iterator[VenueThread]:
    with VenueThread(synthetic, VenueSettings(speed=0)) as running:
        yield running


# Through alpaca-py


def test_parsed_quotes_and_trades_are_the_markets(synthetic: SyntheticMarket) -> None:
    contract = busiest(synthetic, "SPY", synthetic.starts_at)
    with VenueThread(synthetic, VenueSettings(speed=5)) as venue:
        ears = Ears.for_options(venue)
        ears.stream.subscribe_quotes(ears.hear, contract)
        ears.stream.subscribe_trades(ears.hear, contract)
        with ears:
            eventually(
                lambda: {Quote, Trade} <= {type(m) for m in ears.heard} and len(ears.heard) > 20, "both"
            )
    trades = [m for m in ears.heard if isinstance(m, Trade)]
    first, last = trades[0].timestamp, trades[-1].timestamp
    happened = [(t.at, t.price, t.size) for t in synthetic.option_trades(contract, first, last, last)]
    told = [(trade.timestamp, trade.price, trade.size) for trade in trades]
    assert told == happened[: len(told)]
    for quote in (m for m in ears.heard if isinstance(m, Quote)):
        shown = synthetic.option_quote(contract, quote.timestamp)
        assert (quote.bid_price, quote.bid_size, quote.ask_price, quote.ask_size) == (
            shown.bid,
            shown.bid_size,
            shown.ask,
            shown.ask_size,
        )
        assert quote.conditions == "A"


def test_trap_7_an_instant_is_a_msgpack_timestamp_and_not_text(synthetic: SyntheticMarket) -> None:
    contract = busiest(synthetic, "SPY", synthetic.starts_at)
    with VenueThread(synthetic, VenueSettings(speed=5)) as venue:
        ears = Ears.for_options(venue, raw=True)
        ears.stream.subscribe_trades(ears.hear, contract)
        with ears:
            eventually(lambda: ears.heard, "a trade")
    trade = ears.heard[0]
    assert isinstance(trade["t"], msgpack.Timestamp)
    assert set(trade) == {"T", "S", "t", "p", "s", "x", "c"}
    at = trade["t"].to_datetime().astimezone(UTC)
    assert (trade["p"], trade["s"]) in {
        (t.price, t.size) for t in synthetic.option_trades(contract, at, at, at)
    }


def test_trap_8_options_speak_msgpack_alone(standing: VenueThread) -> None:
    refusal = an_error(412, "option messages are only available in MsgPack format")

    async def listen() -> list[Any]:
        async with Bare(ws(standing, INDICATIVE), json=True) as client:
            return [await client.listen(), await client.asked(AUTH)]

    assert asyncio.run(listen()) == [refusal, refusal]


def test_subscribing_while_it_runs_adds_and_unsubscribing_takes_away(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(speed=1)) as venue, _ears(venue, spy(520)) as ears:
        eventually(lambda: ears.heard, "a trade")
        ears.stream.subscribe_trades(ears.hear, spy(530))
        eventually(lambda: {m.symbol for m in ears.heard} == {spy(520), spy(530)}, "both")
        ears.stream.unsubscribe_trades(spy(520))
        last = len(ears.heard)
        eventually(lambda: sum(m.symbol == spy(530) for m in ears.heard[last:]) > 2, "the other one goes on")
        assert sum(m.symbol == spy(520) for m in ears.heard[last:]) <= 1


def _ears(venue: VenueThread, *symbols: str) -> Ears:
    """alpaca-py connects once there is something to subscribe to."""
    ears = Ears.for_options(venue)
    ears.stream.subscribe_trades(ears.hear, *symbols)
    return ears


def test_an_unknown_symbol_is_accepted_and_silent(market: FakeMarket) -> None:
    unknown = "XXX260612C00520000"
    with VenueThread(market, VenueSettings(speed=1)) as venue, _ears(venue, unknown, spy(520)) as ears:
        eventually(lambda: len(ears.heard) > 1, "trades of the known one")
    assert {message.symbol for message in ears.heard} == {spy(520)}


# Frames one by one


async def _conversation(venue: VenueThread, *messages: object, path: str = INDICATIVE) -> list[Any]:
    async with Bare(ws(venue, path)) as client:
        return [await client.listen(), *[await client.asked(message) for message in messages]]


def test_the_greeting_comes_unasked_and_every_frame_is_an_array(standing: VenueThread) -> None:
    told = asyncio.run(
        _conversation(standing, AUTH, {"action": "subscribe", "trades": ["B", "A"], "quotes": ["C"]})
    )
    assert told == [
        [{"T": "success", "msg": "connected"}],
        [{"T": "success", "msg": "authenticated"}],
        [{"T": "subscription", "trades": ["A", "B"], "quotes": ["C"]}],
    ]


def test_subscriptions_add_up_and_an_empty_channel_is_left_out(standing: VenueThread) -> None:
    told = asyncio.run(
        _conversation(
            standing,
            AUTH,
            {"action": "subscribe", "trades": ["A"], "quotes": ["A"]},
            {"action": "subscribe", "trades": ["B", "A"]},
            {"action": "unsubscribe", "trades": ["A", "Z"]},
            {"action": "unsubscribe", "trades": ["B"], "quotes": ["A"]},
        )
    )
    assert [frame[0] for frame in told[2:]] == [
        {"T": "subscription", "trades": ["A"], "quotes": ["A"]},
        {"T": "subscription", "trades": ["A", "B"], "quotes": ["A"]},
        {"T": "subscription", "trades": ["B"], "quotes": ["A"]},
        {"T": "subscription"},
    ]


SUBSCRIBE = {"action": "subscribe", "trades": ["A"]}


@pytest.mark.parametrize(
    ("messages", "code", "text"),
    [
        ([AUTH, {"action": "dance"}], 400, "invalid syntax"),
        ([AUTH, {"action": "subscribe"}], 400, "invalid syntax"),
        ([AUTH, {"action": "subscribe", "trades": []}], 400, "invalid syntax"),
        ([AUTH, {"action": "subscribe", "candles": ["A"]}], 400, "invalid syntax"),
        ([AUTH, {"action": "subscribe", "trades": "A"}], 400, "invalid syntax"),
        ([AUTH, 7], 400, "invalid syntax"),
        ([SUBSCRIBE], 401, "not authenticated"),
        ([{"action": "auth", "key": "", "secret": "s"}], 402, "auth failed"),
        ([{"action": "auth", "key": "k"}], 402, "auth failed"),
        ([AUTH, AUTH], 403, "already authenticated"),
        ([AUTH, {"action": "subscribe", "bars": ["A"]}], 410, "invalid subscribe action for this feed"),
        (
            [AUTH, {"action": "subscribe", "quotes": ["*"]}],
            413,
            "star subscription is not allowed for option quotes",
        ),
    ],
)
def test_an_error_has_its_code_and_text_and_leaves_the_socket_open(
    standing: VenueThread, messages: list[Any], code: int, text: str
) -> None:
    told = asyncio.run(_conversation(standing, *messages, AUTH))
    assert told[len(messages)] == an_error(code, text)
    authenticated = [{"T": "success", "msg": "authenticated"}]
    assert told[-1] in (authenticated, an_error(403, "already authenticated"))


def test_a_star_is_allowed_for_option_trades(market: FakeMarket) -> None:
    async def listen(venue: VenueThread) -> set[str]:
        async with Bare(ws(venue, INDICATIVE)) as client:
            await client.ready(trades=["*"])
            symbols: set[str] = set()
            while len(symbols) < 20:
                symbols |= {message["S"] for message in await client.listen()}
            return symbols

    with VenueThread(market, VenueSettings(speed=1)) as venue:
        assert spy(520) in asyncio.run(listen(venue))


def test_who_does_not_authenticate_in_time_is_told_404_and_let_go(market: FakeMarket) -> None:
    async def wait(venue: VenueThread) -> Any:
        async with Bare(ws(venue, INDICATIVE)) as client:
            await client.listen()
            told = await client.listen()
            with pytest.raises(websockets.ConnectionClosed):
                await client.listen()
            return told

    with VenueThread(market, VenueSettings(stream_auth_timeout_s=0.1)) as venue:
        assert asyncio.run(wait(venue)) == an_error(404, "auth timeout")


def test_the_31st_symbol_is_over_the_basic_plans_limit_405(market: FakeMarket) -> None:
    symbols = [f"A{number}" for number in range(31)]

    async def ask(venue: VenueThread) -> list[Any]:
        return await _conversation(
            venue,
            AUTH,
            {"action": "subscribe", "trades": symbols[:30], "quotes": symbols[:30]},
            {"action": "subscribe", "trades": symbols[30:]},
            {"action": "unsubscribe", "trades": symbols[:29]},
        )

    with VenueThread(market, VenueSettings(data_plan="basic")) as venue:
        told = asyncio.run(ask(venue))
    assert told[2][0]["T"] == "subscription"
    assert told[3] == an_error(405, "symbol limit exceeded")
    assert told[4][0]["trades"] == symbols[29:30]


def test_an_account_has_one_connection_per_endpoint_406(standing: VenueThread) -> None:
    async def ask() -> tuple[Any, ...]:
        async with Bare(ws(standing, INDICATIVE)) as first, Bare(ws(standing, INDICATIVE)) as second:
            await first.ready()
            await second.listen()
            refused = await second.asked(AUTH)
            # Another key of the same account does not have a place of its own; that of another account has.
            sharing = await second.asked({**AUTH, "key": "another"})
            other = await second.asked({**AUTH, "key": "owner"})
        elsewhere = await _conversation(standing, AUTH, path=OPRA)
        return refused, sharing, other, elsewhere[-1]

    standing.brokerage.open("owner", Decimal(5000))
    taken, authenticated = (
        an_error(406, "connection limit exceeded"),
        [{"T": "success", "msg": "authenticated"}],
    )
    assert asyncio.run(ask()) == (taken, taken, authenticated, authenticated)


def test_a_place_is_free_again_when_its_connection_is_gone(standing: VenueThread) -> None:
    async def twice() -> list[Any]:
        await _conversation(standing, AUTH)
        for _ in range(200):
            told = await _conversation(standing, AUTH)
            if told[-1][0]["T"] == "success":
                return told[-1]
        return told[-1]

    assert asyncio.run(twice())[0]["msg"] == "authenticated"


def test_a_client_with_more_frames_waiting_than_allowed_is_told_407_and_let_go(
    synthetic: SyntheticMarket,
) -> None:
    async def fall_behind(venue: VenueThread) -> list[dict[str, Any]]:
        async with Bare(ws(venue, INDICATIVE)) as client:
            await client.ready(trades=["*"])
            frames = [msgpack.unpackb(frame, timestamp=3) async for frame in client.socket]
            return frames[-1]

    # Half a minute of every chain's trades is told at once: more frames than one, before any of them can be sent.
    with VenueThread(synthetic, VenueSettings(speed=600, stream_queue=1)) as venue:
        assert asyncio.run(fall_behind(venue)) == an_error(407, "slow client")


def test_opra_without_the_agreement_is_409_and_ends_alpaca_pys_stream(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(data_plan="basic")) as venue:
        told = asyncio.run(_conversation(venue, AUTH, path=OPRA))
        stream = OptionDataStream("key", "secret", url_override=ws(venue, OPRA))
        stream.subscribe_trades(_ignore, spy(520))
        stream.run()
    assert told[-1] == an_error(409, "insufficient subscription")


async def _ignore(_message: object) -> None:
    """Nothing is ever told here."""


@pytest.mark.parametrize(
    ("code", "text"),
    [(408, "v2 not enabled"), (411, "insufficient scope"), (500, "internal error")],
)
def test_errors_the_venue_has_no_reason_for_are_told_on_request(
    standing: VenueThread, code: int, text: str
) -> None:
    inject(standing, "stream_error", path=INDICATIVE, status=code)
    told = asyncio.run(_conversation(standing, AUTH, AUTH))
    assert told[1:] == [an_error(code, text), [{"T": "success", "msg": "authenticated"}]]


def test_a_mute_stream_makes_alpaca_py_connect_anew_after_its_data_timeout(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(speed=10)) as venue:
        url = ws(venue, INDICATIVE)
        ears = Ears(OptionDataStream("key", "secret", url_override=url, data_timeout=0.5))
        ears.stream._reconnect_min_backoff = 0.01
        ears.stream.subscribe_trades(ears.hear, spy(520))
        with ears:
            eventually(lambda: ears.heard, "a trade")
            inject(venue, "mute_stream", path=INDICATIVE)
            first = ears.stream._ws
            eventually(lambda: ears.stream._ws not in (None, first), "a new connection")
            requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
            heard = len(ears.heard)
            eventually(lambda: len(ears.heard) > heard, "trades again")


def test_a_venue_that_is_down_refuses_the_handshake(standing: VenueThread) -> None:
    inject(standing, "down")
    with pytest.raises(websockets.InvalidStatus) as error:
        asyncio.run(_conversation(standing))
    assert error.value.response.status_code == 503
