"""What a data stream tells follows the venue's clock, polled here by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgpack
import pytest

from simulator.clock import SimClock
from simulator.feeds.rules import DataRules, Endpoint, option_endpoint, stock_endpoint
from simulator.feeds.streams import DataClient, DataStreams
from simulator.feeds.wire import Codec
from simulator.market_view import MarketView
from simulator.markets.market import Market
from simulator.markets.synthetic import SyntheticMarket
from tests.fakes.market import FakeMarket, spy

OPTIONS, STOCKS = option_endpoint("indicative"), stock_endpoint("iex")


class Studio:
    """A market, a clock that is moved by hand, and clients whose frames are read as they were queued."""

    def __init__(self, market: Market, speed: float = 1) -> None:
        self.market = market
        self._monotonic_s = 0.0
        self.clock = SimClock(market.starts_at, speed, monotonic=lambda: self._monotonic_s)
        self.streams = DataStreams(self.clock, MarketView(market), DataRules())

    def client(self, endpoint: Endpoint, key: str = "key", **channels: list[str]) -> DataClient:
        client = self.streams.join(endpoint, Codec.MSGPACK)
        for said in ({"action": "auth", "key": key, "secret": "s"}, {"action": "subscribe", **channels}):
            client.session.receive(said)
        return client

    def wait(self, real_s: float) -> None:
        """Let real time pass, and poll once."""
        self._monotonic_s += real_s
        self.streams.poll()

    def jump(self, at: datetime) -> None:
        self.clock.set(at=at)
        self.streams.poll()


def heard(client: DataClient) -> list[dict[str, Any]]:
    """Return what is queued, and empty the queue."""
    frames = list(client.outbox.waiting)
    client.outbox.waiting.clear()
    return [message for frame in frames for message in msgpack.unpackb(frame, timestamp=3)]


def seconds(market: Market, messages: list[dict[str, Any]]) -> list[float]:
    return [(message["t"].astimezone(UTC) - market.starts_at).total_seconds() for message in messages]


@pytest.fixture(scope="module")
def synthetic() -> SyntheticMarket:
    return SyntheticMarket(0)


def test_nothing_is_told_of_before_the_subscription() -> None:
    studio = Studio(FakeMarket())
    client = studio.client(OPTIONS, trades=[spy(520)])
    studio.wait(0)
    assert heard(client) == []
    studio.wait(1)
    assert seconds(studio.market, heard(client)) == [1]


def test_a_clock_that_stands_tells_nothing() -> None:
    studio = Studio(FakeMarket(), speed=0)
    client = studio.client(OPTIONS, trades=[spy(520)], quotes=[spy(520)])
    for _ in range(5):
        studio.wait(1)
    assert heard(client) == []


def test_after_a_jump_nothing_is_told_of_what_was_left_out() -> None:
    studio = Studio(FakeMarket())
    client = studio.client(OPTIONS, trades=[spy(520)])
    starts = studio.market.starts_at
    studio.wait(0)
    told = []
    for seconds_on in (3600, -60):
        studio.jump(starts + timedelta(seconds=seconds_on))
        told.append(seconds(studio.market, heard(client)))
        studio.wait(1)
        told.append(seconds(studio.market, heard(client)))
    assert told == [[], [3601], [], [-59]]


def test_an_option_quote_is_told_when_a_price_changes_and_not_else() -> None:
    market = FakeMarket()
    studio = Studio(market)
    client = studio.client(OPTIONS, quotes=[spy(520)])
    studio.wait(0)
    studio.wait(1)
    assert heard(client) == []
    market.quotes[spy(520)] = (1.0, 1.1)
    market.quotes[spy(530)] = (2.0, 2.1)
    studio.wait(1)
    [quote] = heard(client)
    assert {key: quote[key] for key in ("T", "S", "bp", "ap", "bs", "as", "c")} == {
        "T": "q",
        "S": spy(520),
        "bp": 1.0,
        "ap": 1.1,
        "bs": 10,
        "as": 10,
        "c": "A",
    }


def test_every_single_trade_of_a_long_step_is_told(synthetic: SyntheticMarket) -> None:
    studio = Studio(synthetic, speed=60)
    columns = synthetic.chain_columns("SPY", synthetic.starts_at)
    symbol = columns.listing.symbols[int(columns.day_bar.trades.argmax())]
    client = studio.client(OPTIONS, trades=[symbol])
    studio.wait(0)
    studio.wait(1)
    until = synthetic.starts_at + timedelta(seconds=60)
    happened = synthetic.option_trades(symbol, synthetic.starts_at + timedelta(microseconds=1), until, until)
    assert len(happened) > 60
    assert [(m["t"], m["p"], m["s"]) for m in heard(client)] == [(t.at, t.price, t.size) for t in happened]


@pytest.mark.parametrize("speed", [1, 30])
def test_stock_trades_told_sum_to_what_the_day_grew_by(synthetic: SyntheticMarket, speed: float) -> None:
    studio = Studio(synthetic, speed)
    client = studio.client(STOCKS, trades=["AAPL"], quotes=["AAPL"])
    studio.wait(0)
    for _ in range(4):
        studio.wait(1)
    until = synthetic.starts_at + timedelta(seconds=4 * speed)
    before, after = synthetic.stock("AAPL", synthetic.starts_at), synthetic.stock("AAPL", until)
    told = heard(client)
    trades = [m for m in told if m["T"] == "t"]
    assert sum(m["s"] for m in trades) == after.day_bar.volume - before.day_bar.volume
    assert (trades[-1]["p"], trades[-1]["t"]) == (after.trade.price, after.trade.at)
    quotes = [m for m in told if m["T"] == "q"]
    assert (quotes[-1]["bp"], quotes[-1]["ap"]) == (after.quote.bid, after.quote.ask)


def test_a_minutes_bar_is_told_when_it_has_ended_and_the_days_with_it(synthetic: SyntheticMarket) -> None:
    studio = Studio(synthetic)
    client = studio.client(STOCKS, bars=["SPY"], dailyBars=["SPY"])
    studio.wait(0)
    for _ in range(59):
        studio.wait(1)
    assert heard(client) == []
    studio.wait(1)
    until = synthetic.starts_at + timedelta(minutes=1)
    snapshot = synthetic.stock("SPY", until)
    minute, day = heard(client)
    for told, kind, bar in ((minute, "b", snapshot.minute_bar), (day, "d", snapshot.day_bar)):
        assert told == {
            "T": kind,
            "S": "SPY",
            "o": bar.open,
            "h": bar.high,
            "l": bar.low,
            "c": bar.close,
            "v": bar.volume,
            "t": bar.at,
            "n": bar.trades,
            "vw": bar.vwap,
        }


def test_no_bar_is_missed_at_great_speed(synthetic: SyntheticMarket) -> None:
    studio = Studio(synthetic, speed=1200)
    client = studio.client(STOCKS, bars=["SPY"])
    for _ in range(11):
        studio.wait(0.5)
    starts = seconds(synthetic, heard(client))
    assert len(starts) == 100
    assert starts == [starts[0] + 60 * number for number in range(100)]


def test_a_star_hears_every_name(synthetic: SyntheticMarket) -> None:
    studio = Studio(synthetic)
    client = studio.client(STOCKS, trades=["*"])
    studio.wait(0)
    studio.wait(1)
    assert {message["S"] for message in heard(client)} == set(synthetic.underlyings())


def test_clients_hear_what_each_has_subscribed_to() -> None:
    studio = Studio(FakeMarket())
    one = studio.client(OPTIONS, key="one", trades=[spy(520)])
    other = studio.client(OPTIONS, key="other", trades=[spy(530), "XXX260612C00520000"])
    stock = studio.client(STOCKS, trades=["SPY"])
    studio.wait(0)
    studio.wait(1)
    assert [{m["S"] for m in heard(c)} for c in (one, other, stock)] == [{spy(520)}, {spy(530)}, {"SPY"}]


def test_nothing_is_computed_for_nobody() -> None:
    market = FakeMarket()
    studio = Studio(market)
    client = studio.client(OPTIONS, trades=[spy(520)])
    studio.wait(0)
    studio.streams.leave(client)
    asked = len(market.chain_asked)
    studio.wait(1)
    assert len(market.chain_asked) == asked
