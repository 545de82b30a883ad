"""Activities and the portfolio's history through alpaca-py: what moved the account, and its equity over time."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderSide
from alpaca.trading.requests import GetPortfolioHistoryRequest

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import THIS_FRIDAY, TODAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_spread,
    ask,
    at_market,
    bought,
    eventually,
    filled,
    refusal_of,
    set_clock,
)

SATURDAY = THIS_FRIDAY + timedelta(days=1)


def activities(trading: TradingClient, path: str = "", **params: Any) -> list[dict[str, Any]]:
    """Ask as one does with alpaca-py, which has no method for it."""
    found = trading.get(f"/account/activities{path}", params)
    assert isinstance(found, list)
    return found


def settled(venue: VenueThread, trading: TradingClient, symbols: set[str]) -> None:
    """Let Friday's close pass, until what is held are `symbols`."""
    set_clock(venue, at=at_eastern("16:00", THIS_FRIDAY), speed=0)
    eventually(lambda: {row.symbol for row in trading.get_all_positions()} == symbols, f"{symbols} are held")


# Fills


def test_a_fill_is_told_at_once_and_whole(trading: TradingClient) -> None:
    done = bought(trading)
    (row,) = activities(trading)
    assert list(row) == [
        "id",
        "activity_type",
        "transaction_time",
        "type",
        "price",
        "qty",
        "side",
        "symbol",
        "leaves_qty",
        "order_id",
        "cum_qty",
        "order_status",
    ]
    assert {key: row[key] for key in list(row)[3:]} == {
        "type": "fill",
        "price": "2.6",
        "qty": "2",
        "side": "buy",
        "symbol": spy(520),
        "leaves_qty": "0",
        "order_id": str(done.id),
        "cum_qty": "2",
        "order_status": "filled",
    }
    stamp, _, unique = row["id"].partition("::")
    assert (len(stamp), len(unique)) == (17, 36)
    assert stamp.startswith("20260610100")
    assert datetime.fromisoformat(row["transaction_time"]) == done.filled_at


def test_partial_fills_count_up_to_the_order(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(partial_fills=100, latency_ms=(0.0, 0.0))) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        bought(client, qty=9)
        rows = activities(client, "/FILL", direction="asc")
    assert len(rows) > 1
    assert {row["type"] for row in rows[:-1]} == {"partial_fill"}
    assert (rows[-1]["type"], rows[-1]["cum_qty"], rows[-1]["leaves_qty"]) == ("fill", "9", "0")
    cumulated = 0
    for row in rows:
        cumulated += int(row["qty"])
        assert (int(row["cum_qty"]), int(row["leaves_qty"])) == (cumulated, 9 - cumulated)


def test_a_spread_has_a_fill_for_each_leg(market: FakeMarket, trading: TradingClient) -> None:
    market.quotes[spy(530)] = (1.40, 1.60)
    done = filled(trading, trading.submit_order(a_spread(limit_price=1.20)))
    rows = activities(trading, direction="asc")
    assert [(row["symbol"], row["side"], row["price"]) for row in rows] == [
        (spy(520), "buy", "2.6"),
        (spy(530), "sell", "1.4"),
    ]
    assert [row["order_id"] for row in rows] == [str(leg.id) for leg in done.legs]


# What no order caused


def test_trap_exercises_are_on_no_stream_and_appear_the_next_day(
    venue: VenueThread, trading: TradingClient
) -> None:
    """Cash and positions change at once; the activities appear at the start of the next day."""
    bought(trading, symbol=spy(500), qty=1)
    trading.exercise_options_position(spy(500))
    assert [row.symbol for row in trading.get_all_positions()] == ["SPY"]
    assert {row["activity_type"] for row in activities(trading)} == {"FILL"}
    set_clock(venue, at=at_eastern("23:59:59"), speed=0)
    assert {row["activity_type"] for row in activities(trading)} == {"FILL"}
    set_clock(venue, at=at_eastern("00:00", TODAY + timedelta(days=1)))
    option, shares = activities(trading, activity_types="OPEXC,OPTRD", direction="asc")
    assert {key: value for key, value in option.items() if key != "id"} == {
        "activity_type": "OPEXC",
        "date": "2026-06-10",
        "created_at": "2026-06-11T04:00:00.000000Z",
        "net_amount": "0",
        "description": "Option Exercise",
        "symbol": spy(500),
        "qty": "-1",
        "status": "executed",
        "currency": "USD",
    }
    assert (shares["symbol"], shares["qty"], shares["price"], shares["net_amount"]) == (
        "SPY",
        "100",
        "500",
        "-50000",
    )
    assert (shares["activity_type"], shares["description"]) == ("OPTRD", "Option Trade")


def test_expiry_and_assignment_are_told_with_signed_quantities(
    venue: VenueThread, market: FakeMarket, trading: TradingClient
) -> None:
    put = spy(530, right=Right.PUT)
    market.quotes[put] = (10.0, 10.2)
    bought(trading, symbol=spy(540), qty=3)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put)))
    settled(venue, trading, {"SPY"})
    set_clock(venue, at=at_eastern("09:00", SATURDAY))
    rows = {row["activity_type"]: row for row in activities(trading, category="non_trade_activity")}
    assert {kind: (row["symbol"], row["qty"], row["net_amount"]) for kind, row in rows.items()} == {
        "OPEXP": (spy(540), "-3", "0"),
        "OPASN": (put, "1", "0"),
        "OPTRD": ("SPY", "100", "-53000"),
    }
    assert rows["OPEXP"]["description"] == "Option Expiry"
    assert rows["OPASN"]["description"] == "Option Assignment"
    assert {row["date"] for row in rows.values()} == {"2026-06-12"}


def test_activities_explain_the_cash(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading, symbol=spy(500), qty=1)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=spy(500, right=Right.PUT))))
    settled(venue, trading, {"SPY"})
    set_clock(venue, at=at_eastern("09:00", SATURDAY))
    moved = Decimal(0)
    for row in activities(trading):
        if row["activity_type"] == "FILL":
            sign = -1 if row["side"] == "buy" else 1
            moved += sign * Decimal(row["price"]) * Decimal(row["qty"]) * 100
        else:
            moved += Decimal(row["net_amount"])
    assert Decimal(trading.get_account().cash) == 100_000 + moved


# Filters and pages


@pytest.fixture
def five(venue: VenueThread, trading: TradingClient) -> list[str]:
    """Two fills on Wednesday, and on Saturday an expiry, an exercise and its shares; their ids, oldest first."""
    bought(trading, symbol=spy(540), qty=1)
    bought(trading, symbol=spy(500), qty=1)
    settled(venue, trading, {"SPY"})
    set_clock(venue, at=at_eastern("09:00", SATURDAY))
    ids = [row["id"] for row in activities(trading, direction="asc")]
    assert len(set(ids)) == 5
    return ids


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"direction": "asc"}, [0, 1, 2, 3, 4]),
        ({"activity_types": "FILL"}, [1, 0]),
        ({"activity_types": "DIV,CSD"}, []),
        ({"category": "trade_activity"}, [1, 0]),
        ({"category": "non_trade_activity"}, [4, 3, 2]),
        ({"date": "2026-06-10"}, [1, 0]),
        ({"date": "2026-06-12"}, []),
        ({"date": "2026-06-13"}, [4, 3, 2]),
        ({"after": "2026-06-11"}, [4, 3, 2]),
        ({"after": "2026-06-13T04:00:00Z"}, []),
        ({"until": "2026-06-11T00:00:00Z"}, [1, 0]),
        ({"until": "2026-06-13T04:00:00Z"}, [1, 0]),
        ({"page_size": "2"}, [4, 3]),
    ],
)
def test_activities_are_filtered_by_when_they_appeared(
    trading: TradingClient, five: list[str], params: dict[str, str], found: list[int]
) -> None:
    assert [row["id"] for row in activities(trading, **params)] == [five[number] for number in found]


def test_activities_come_in_pages_by_the_last_id(trading: TradingClient, five: list[str]) -> None:
    told: list[str] = []
    while page := activities(trading, page_size=2, **({"page_token": told[-1]} if told else {})):
        told += [row["id"] for row in page]
    assert told == five[::-1]


def test_activities_of_one_order_or_type(trading: TradingClient, five: list[str]) -> None:
    rows = activities(trading, "/FILL")
    assert [row["id"] for row in rows] == [five[1], five[0]]
    assert [row["id"] for row in activities(trading, order_id=rows[0]["order_id"])] == [five[1]]
    assert [row["activity_type"] for row in activities(trading, "/OPEXP")] == ["OPEXP"]


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("", {"activity_types": "WISH"}, 422, 40010001),
        ("/WISH", {}, 422, 40010001),
        ("", {"activity_types": "FILL", "category": "trade_activity"}, 422, 40010001),
        ("", {"category": "other"}, 400, 40010000),
        ("", {"direction": "up"}, 400, 40010000),
        ("", {"page_size": "101"}, 400, 40010000),
        ("", {"page_token": "20260610::none"}, 400, 40010000),
        ("", {"date": "today"}, 400, 40010000),
    ],
)
def test_a_listing_that_cannot_be_understood_is_refused(
    trading: TradingClient, path: str, params: dict[str, str], status: int, code: int
) -> None:
    with pytest.raises(APIError) as error:
        activities(trading, path, **params)
    refused, body = refusal_of(error)
    assert (refused, body["code"]) == (status, code)


@pytest.mark.parametrize(("path", "params"), [("", {"activity_types": "FILL,WISH"}), ("/WISH", {})])
def test_an_unknown_activity_type_is_named(trading: TradingClient, path: str, params: dict[str, str]) -> None:
    with pytest.raises(APIError) as error:
        activities(trading, path, **params)
    told = {"code": 40010001, "message": "invalid activity type: WISH"}
    assert refusal_of(error) == (422, told)


# Portfolio history


def history(trading: TradingClient, **wanted: Any) -> Any:
    return trading.get_portfolio_history(GetPortfolioHistoryRequest(**wanted))


def new_york(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, at_eastern("10:00").tzinfo)


def test_a_day_in_windows_ends_with_the_present(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    set_clock(venue, at=at_eastern("10:50"), speed=0)
    told = history(trading, period="1D", timeframe="15Min")
    expected = [at_eastern(clock) for clock in ("10:00", "10:15", "10:30", "10:45")]
    assert [new_york(stamp) for stamp in told.timestamp] == expected
    assert told.equity[-1] == 99_980.0
    assert (told.profit_loss[-1], told.profit_loss_pct[-1]) == (-20.0, -0.0002)
    assert (told.base_value, told.timeframe, told.cashflow) == (100_000.0, "15Min", {})


def test_the_days_of_a_month_begin_with_the_account(
    venue: VenueThread, market: FakeMarket, trading: TradingClient, raw: TradingClient
) -> None:
    bought(trading, symbol=spy(520, date(2026, 6, 19)))
    set_clock(venue, at=at_eastern("16:30"), speed=0)
    eventually(lambda: venue.desk.account.days.closes, "the day is closed")
    market.quotes[spy(520, date(2026, 6, 19))] = (3.00, 3.20)
    set_clock(venue, at=at_eastern("12:00", date(2026, 6, 11)), speed=0)
    told = raw.get_portfolio_history(GetPortfolioHistoryRequest(timeframe="1D"))
    assert list(told) == [
        "timestamp",
        "equity",
        "profit_loss",
        "profit_loss_pct",
        "base_value",
        "timeframe",
        "cashflow",
    ]
    assert [new_york(stamp) for stamp in told["timestamp"]] == [
        at_eastern("20:00"),
        at_eastern("20:00", date(2026, 6, 11)),
    ]
    assert told["equity"] == [99_980.0, 100_100.0]
    assert told["profit_loss"] == [0.0, 120.0]
    assert told["profit_loss_pct"] == [0.0, 0.0012]
    assert told["base_value"] == 99_980.0


def test_gains_of_a_day_count_from_the_close_before(venue: VenueThread, trading: TradingClient) -> None:
    bought(trading)
    set_clock(venue, at=at_eastern("16:30"), speed=0)
    eventually(lambda: venue.desk.account.days.closes, "the day is closed")
    set_clock(venue, at=at_eastern("10:00", date(2026, 6, 11)), speed=0)
    both = {"period": "2D", "timeframe": "1H"}
    per_day = history(trading, **both)
    no_reset = history(trading, **both, pnl_reset="no_reset")
    # Seven windows of Wednesday, of which only the last saw the close, and the first of Thursday.
    assert per_day.profit_loss == [0.0] * 6 + [-20.0, 0.0]
    assert no_reset.profit_loss == [0.0] * 6 + [-20.0, -20.0]
    today = ask(venue, "GET", "/v2/account/portfolio/history", params={"period": "1D"}).json()
    assert (today["base_value"], today["base_value_asof"]) == (99_980.0, "2026-06-10")


@pytest.mark.parametrize(
    ("wanted", "timeframe"),
    [({"period": "1D"}, "1Min"), ({"period": "2W"}, "15Min"), ({"period": "3M"}, "1D")],
)
def test_windows_are_as_long_as_the_period_asks(
    trading: TradingClient, wanted: dict[str, str], timeframe: str
) -> None:
    assert history(trading, **wanted).timeframe == timeframe


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [
        ({}, "09:30", "16:00"),
        ({"intraday_reporting": "extended_hours"}, "10:00", "20:00"),
        ({"extended_hours": True}, "10:00", "20:00"),
        ({"intraday_reporting": "continuous"}, "10:00", "23:00"),
    ],
)
def test_which_windows_are_told(
    venue: VenueThread, trading: TradingClient, wanted: dict[str, Any], first: str, last: str
) -> None:
    set_clock(venue, at=at_eastern("23:59"), speed=0)
    told = history(trading, timeframe="1H", period="1D", **wanted)
    stamps = [new_york(stamp) for stamp in told.timestamp]
    assert (stamps[0], stamps[-1]) == (
        at_eastern(first),
        at_eastern("15:30") if last == "16:00" else at_eastern(last),
    )


def test_a_history_may_end_on_a_day_or_at_an_instant(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00", THIS_FRIDAY), speed=0)
    by_day = history(trading, period="1D", timeframe="1H", date_end=date(2026, 6, 11))
    assert new_york(by_day.timestamp[-1]) == at_eastern("15:30", date(2026, 6, 11))
    between = history(
        trading,
        start=at_eastern("10:00", date(2026, 6, 11)),
        end=at_eastern("11:00", date(2026, 6, 11)),
        timeframe="15Min",
    )
    assert len(between.timestamp) == 5


@pytest.mark.parametrize(
    ("params", "status", "message"),
    [
        ({"period": "1Y"}, 422, "invalid period: 1Y"),
        ({"period": "2M", "timeframe": "1Min"}, 422, "timeframe must be 1D for periods longer than 30 days"),
        (
            {"period": "1D", "start": "2026-06-10T00:00:00Z", "end": "2026-06-11T00:00:00Z"},
            422,
            "only two of start, end and period can be specified at the same time",
        ),
        ({"timeframe": "2H"}, 400, "invalid timeframe: '2H' is none of 1Min, 5Min, 15Min, 1H, 1D"),
    ],
)
def test_a_history_that_cannot_be_told_is_refused(
    venue: VenueThread, params: dict[str, str], status: int, message: str
) -> None:
    answer: requests.Response = ask(venue, "GET", "/v2/account/portfolio/history", params=params)
    assert (answer.status_code, answer.json()["message"]) == (status, message)
