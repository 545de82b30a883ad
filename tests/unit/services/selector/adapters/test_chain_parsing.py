import json
import math
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from kernel.domain.clock import microseconds
from kernel.testing.builders import NOW
from services.selector.adapters.chain_parsing import Listed, parse_chain, parse_listing, parse_spot
from services.selector.core.chain import Chain

CALL = "SPY260612C00520000"
LISTED = Listed(1200, tradable=True)


def a_snapshot(**blocks: Any) -> dict[str, Any]:
    """A snapshot as the venue writes one; name the blocks that matter."""
    return {
        "latestQuote": {
            "t": "2026-06-05T14:30:00.123456789Z",
            "bp": 2.49,
            "ap": 2.51,
            "bs": 9,
            "as": 4,
            "c": "A",
        },
        "latestTrade": {"t": "2026-06-05T14:29:00Z", "p": 2.5, "s": 2, "x": "N", "c": "S"},
        "dailyBar": {
            "t": "2026-06-05T04:00:00Z",
            "o": 2,
            "h": 3,
            "l": 2,
            "c": 2.5,
            "v": 850,
            "n": 60,
            "vw": 2.4,
        },
        "prevDailyBar": {
            "t": "2026-06-04T04:00:00Z",
            "o": 2,
            "h": 3,
            "l": 2,
            "c": 2.5,
            "v": 700,
            "n": 60,
            "vw": 2.4,
        },
        "greeks": {"delta": 0.5, "gamma": 0.01, "rho": 0.1, "theta": -0.1, "vega": 0.2},
        "impliedVolatility": 0.2,
    } | blocks


def parsed(snapshot: Any, symbol: str = CALL, listed: Listed = LISTED) -> Chain:
    # Through JSON and back: what is tested arrives the way it would from the venue, NaN included.
    snapshots = json.loads(json.dumps({symbol: snapshot}))
    return parse_chain("SPY", Decimal(520), snapshots, {symbol: listed}, NOW)


def test_every_column_comes_from_its_block() -> None:
    chain = parsed(a_snapshot())
    assert chain.symbols == (CALL,)
    assert (chain.bid[0], chain.ask[0]) == (24_900, 25_100)
    assert chain.quoted_at_us[0] == microseconds(NOW) + 123_456
    assert (chain.day_bar_date[0].item(), chain.day_bar_volume[0]) == (date(2026, 6, 5), 850)
    assert (chain.previous_bar_date[0].item(), chain.previous_bar_volume[0]) == (date(2026, 6, 4), 700)
    assert (chain.trade_date[0].item(), chain.trade_size[0]) == (date(2026, 6, 5), 2)
    assert (chain.delta[0], chain.open_interest[0]) == (0.5, 1200)
    assert (chain.tradable[0], chain.unreadable[0], chain.skipped) == (True, False, 0)


@pytest.mark.parametrize("snapshot", [{}, None, [], "none", {"latestQuote": None, "greeks": []}])
def test_absent_blocks_leave_their_columns_empty(snapshot: Any) -> None:
    chain = parsed(snapshot)
    assert (chain.bid[0], chain.ask[0], chain.quoted_at_us[0]) == (0, 0, 0)
    assert np.isnat([chain.day_bar_date[0], chain.previous_bar_date[0], chain.trade_date[0]]).all()
    assert math.isnan(chain.delta[0])
    assert not chain.unreadable[0]


@pytest.mark.parametrize(
    "damage",
    [
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": math.nan, "ap": 2.51}},
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": -2.49, "ap": 2.51}},
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": "2.49", "ap": 2.51}},
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": 2.49, "ap": math.inf}},
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": 2.49, "ap": [2.51]}},
        {"latestQuote": {"t": "2026-06-05T14:30:00Z", "bp": 2.49, "ap": 1e6}},
        {"latestQuote": {"t": "half past ten", "bp": 2.49, "ap": 2.51}},
        {"latestQuote": {"t": "2026-06-05T14:30:00", "bp": 2.49, "ap": 2.51}},
        {"latestQuote": {"t": 1780669800, "bp": 2.49, "ap": 2.51}},
        {"dailyBar": {"t": "2026-06-05T04:00:00Z", "v": -1}},
        {"dailyBar": {"t": "2026-06-05T04:00:00Z", "v": "many"}},
        {"dailyBar": {"t": "today", "v": 850}},
        {"prevDailyBar": {"t": "2026-06-04T04:00:00Z", "v": math.nan}},
        {"latestTrade": {"t": "2026-06-05T14:29:00Z", "s": math.nan}},
        {"latestTrade": {"t": "", "s": 2}},
        {"greeks": {"delta": math.nan}},
        {"greeks": {"delta": "0.5"}},
        {"greeks": {"delta": 1.5}},
        {"greeks": {"delta": -math.inf}},
    ],
)
def test_a_figure_that_is_none_marks_its_contract_and_no_column_keeps_it(damage: dict[str, Any]) -> None:
    chain = parsed(a_snapshot(**damage))
    assert chain.unreadable[0]
    for name in ("bid", "ask", "quoted_at_us", "day_bar_volume", "previous_bar_volume", "trade_size"):
        assert getattr(chain, name)[0] >= 0
    assert not abs(chain.delta[0]) > 1


def test_one_bad_contract_does_not_touch_its_neighbour() -> None:
    snapshots = {CALL: a_snapshot(), "SPY260612C00525000": a_snapshot(latestQuote={"bp": "x"})}
    chain = parse_chain("SPY", Decimal(520), snapshots, {}, NOW)
    assert chain.unreadable.tolist() == [False, True]


def test_odd_symbols_are_skipped_and_counted() -> None:
    snapshots = {CALL: a_snapshot(), "SPY": a_snapshot(), "SPY261312C00520000": a_snapshot()}
    chain = parse_chain("SPY", Decimal(520), snapshots, {CALL: LISTED}, NOW)
    assert (chain.symbols, chain.skipped) == ((CALL,), 2)


def test_rows_ascend_by_symbol_in_whatever_order_they_came() -> None:
    names = ["SPY260612C00525000", "SPY260612C00515000", CALL]
    chain = parse_chain("SPY", Decimal(520), {n: a_snapshot() for n in names}, {}, NOW)
    assert list(chain.symbols) == sorted(names)


def test_sub_penny_prices_stay_exact() -> None:
    chain = parsed(a_snapshot(latestQuote={"t": "2026-06-05T14:30:00Z", "bp": 0.2875, "ap": 645.57}))
    assert (chain.bid[0], chain.ask[0]) == (2_875, 6_455_700)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        ("2026-06-05T04:00:00Z", date(2026, 6, 5)),
        ("2026-06-05T03:59:59.999999Z", date(2026, 6, 4)),
        ("2026-01-05T05:00:00Z", date(2026, 1, 5)),
        ("2026-01-05T04:59:59Z", date(2026, 1, 4)),
        ("2026-06-05T23:59:59Z", date(2026, 6, 5)),
        ("2026-06-05T00:00:00-04:00", date(2026, 6, 5)),
    ],
)
@pytest.mark.parametrize(("block", "column"), [("latestTrade", "trade_date"), ("dailyBar", "day_bar_date")])
def test_dates_are_the_exchanges(at: str, day: date, block: str, column: str) -> None:
    chain = parsed(a_snapshot(**{block: {"t": at, "v": 1, "s": 1}}))
    assert getattr(chain, column)[0].item() == day


def test_a_contract_that_is_not_listed_is_not_tradable() -> None:
    chain = parse_chain("SPY", Decimal(520), {CALL: a_snapshot()}, {}, NOW)
    assert (chain.tradable[0], chain.open_interest[0]) == (False, -1)


def test_no_snapshots_make_an_empty_chain() -> None:
    chain = parse_chain("SPY", None, {}, {}, NOW)
    assert (len(chain), chain.spot, chain.skipped) == (0, None, 0)


@pytest.mark.parametrize(
    ("row", "listed"),
    [
        ({"open_interest": "6168", "tradable": True}, Listed(6168, tradable=True)),
        ({"open_interest": None, "tradable": True}, Listed(-1, tradable=True)),
        ({"open_interest": 12, "tradable": True}, Listed(12, tradable=True)),
        ({"open_interest": "-3", "tradable": True}, Listed(-1, tradable=True)),
        ({"open_interest": "none", "tradable": True}, Listed(-1, tradable=True)),
        ({"tradable": False}, Listed(-1, tradable=False)),
        ({}, Listed(-1, tradable=False)),
        ({"tradable": True, "status": "inactive"}, Listed(-1, tradable=False)),
        ({"tradable": True, "status": "active", "size": "100"}, Listed(-1, tradable=True)),
        ({"tradable": True, "size": "10"}, Listed(-1, tradable=False)),
    ],
)
def test_a_listing_row_is_read(row: dict[str, Any], listed: Listed) -> None:
    assert parse_listing([{"symbol": CALL} | row]) == {CALL: listed}


def test_listing_rows_that_are_none_are_left_out() -> None:
    assert parse_listing([None, "row", {"tradable": True}]) == {}


@pytest.mark.parametrize(
    ("snapshot", "spot"),
    [
        ({"latestTrade": {"p": 520.25}, "latestQuote": {"bp": 1, "ap": 2}}, Decimal("520.25")),
        ({"latestTrade": {"p": 520.1234}}, Decimal("520.1234")),
        ({"latestQuote": {"bp": 520.0, "ap": 520.03}}, Decimal("520.015")),
        ({"latestTrade": {"p": math.nan}, "latestQuote": {"bp": 520.0, "ap": 520.02}}, Decimal("520.01")),
        ({"latestQuote": {"bp": 0, "ap": 520.0}}, None),
        ({"latestQuote": {"bp": 521.0, "ap": 520.0}}, None),
        ({"latestTrade": {"p": -1}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_spot_is_the_latest_trade_else_the_mid_of_the_quote(snapshot: Any, spot: Decimal | None) -> None:
    assert parse_spot(snapshot) == spot
