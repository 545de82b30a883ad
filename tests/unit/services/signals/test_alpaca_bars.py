"""AlpacaBars over a gateway that answers what the test says."""

from collections.abc import Callable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.signals.adapters.alpaca_bars import AlpacaBars
from tests.fakes.signals_market import DAY, PARAMS, SESSION

BAR = {"t": "2026-06-05T13:30:00Z", "o": 520.1, "h": 520.3, "l": 520.0, "c": 520.2, "v": 100}


class FakeGateway:
    """Keeps the requests; answers with `answer`."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.stocks = SimpleNamespace(get_stock_bars=None)
        self.answer = answer
        self.requests: list[Any] = []

    async def call(self, function: Callable[..., Any], request: Any) -> dict[str, Any]:
        self.requests.append(request.to_request_fields())
        return self.answer


def bars_of(*rows: object) -> tuple[AlpacaBars, FakeGateway]:
    gateway = FakeGateway({"SPY": list(rows)})
    return AlpacaBars(gateway, feed="iex", params=PARAMS), gateway  # type: ignore[arg-type]


async def test_a_price_is_the_number_the_venue_wrote() -> None:
    bars, _ = bars_of(BAR)
    (bar,) = (await bars.minute_bars(["SPY"], SESSION))["SPY"]
    assert (bar.open, bar.high, bar.low, bar.close) == tuple(map(Decimal, ("520.1", "520.3", "520", "520.2")))
    assert (bar.volume, bar.starts_at) == (100, SESSION.opens_at)


@pytest.mark.parametrize(
    "wrong",
    [
        {"c": None},
        {"c": "x"},
        {"c": float("nan")},
        {"c": float("inf")},
        {"c": 0},
        {"c": -1},
        {"h": 519.0},
        {"l": 521.0},
        {"l": 0},
        {"v": None},
        {"t": "yesterday"},
        {"t": "2026-06-05T13:30:00"},
    ],
)
async def test_an_unusable_bar_is_left_out_and_said(wrong: dict[str, object]) -> None:
    bars, _ = bars_of(BAR | wrong, BAR)
    with capture_logs() as logs:
        found = await bars.minute_bars(["SPY"], SESSION)
    assert len(found["SPY"]) == 1
    assert [line["event"] for line in logs] == ["a bar was unusable"]


async def test_a_bar_that_is_no_object_is_left_out() -> None:
    bars, _ = bars_of("bar", None, BAR)
    assert len((await bars.minute_bars(["SPY"], SESSION))["SPY"]) == 1


async def test_minutes_are_asked_from_the_open_with_splits_adjusted() -> None:
    bars, gateway = bars_of(BAR)
    await bars.minute_bars(["SPY", "QQQ"], SESSION)
    (request,) = gateway.requests
    assert request["symbols"] == "SPY,QQQ"
    assert str(request["timeframe"]) == "1Min"
    assert request["start"].startswith("2026-06-05T13:30:00")
    assert (request["feed"], request["adjustment"]) == ("iex", "split")


async def test_the_history_is_long_enough_for_the_slowest_average_thrice() -> None:
    bars, gateway = bars_of(BAR | {"t": "2026-06-04T04:00:00Z"})
    found = await bars.daily_bars(["SPY"], DAY)
    (request,) = gateway.requests
    assert request["start"][:10] == "2025-10-08"  # 3 × 50 sessions × 1.6 days
    assert found["SPY"][0].day.isoformat() == "2026-06-04"
