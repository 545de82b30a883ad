"""Clock, calendar, assets and option contracts through alpaca-py: Alpaca's defaults, filters, pages and texts."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import (
    AssetClass,
    AssetExchange,
    AssetStatus,
    ContractType,
    ExerciseStyle,
)
from alpaca.trading.requests import GetAssetsRequest, GetCalendarRequest, GetOptionContractsRequest

from kernel.domain.options import OptionSymbol, Right
from simulator.markets.market import ListedContract
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import ask, refusal_of, set_clock

SPX_OPTION = OptionSymbol("SPXW", THIS_FRIDAY, Right.PUT, Decimal(5990))


class MarketWithAnIndex(FakeMarket):
    """Beside SPY, one put on the S&P 500 of which nobody holds figures yet."""

    def underlyings(self) -> Sequence[str]:
        return ["SPY", "SPX"]

    def contracts(self, underlying: str, at: datetime) -> Sequence[ListedContract]:
        if underlying != "SPX":
            return super().contracts(underlying, at)
        return [
            ListedContract(
                symbol=SPX_OPTION,
                open_interest=None,
                open_interest_date=None,
                close_price=None,
                close_price_date=None,
            )
        ]


def listed(trading: TradingClient, **wanted: Any) -> list[str]:
    answer = trading.get_option_contracts(
        GetOptionContractsRequest(**{"underlying_symbols": ["SPY"], **wanted})
    )
    return [row.symbol for row in answer.option_contracts]


# Clock and calendar


def test_the_clock_tells_market_time_in_new_york(trading: TradingClient, raw: TradingClient) -> None:
    clock = trading.get_clock()
    assert clock.is_open
    assert at_eastern("10:00") <= clock.timestamp < at_eastern("10:05")
    assert clock.timestamp.utcoffset() == timedelta(hours=-4)
    assert clock.next_close == at_eastern("16:00")
    assert clock.next_open == at_eastern("09:30", date(2026, 6, 11))
    body = raw.get_clock()
    assert list(body) == ["timestamp", "is_open", "next_open", "next_close"]
    assert body["next_close"] == "2026-06-10T16:00:00-04:00"


def test_over_a_weekend_the_next_open_is_monday(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00", date(2026, 6, 13)), speed=0)
    clock = trading.get_clock()
    assert not clock.is_open
    assert clock.next_open == at_eastern("09:30", date(2026, 6, 15))
    assert clock.next_close == at_eastern("16:00", date(2026, 6, 15))


def test_the_calendar_lists_the_sessions_asked_for(trading: TradingClient, raw: TradingClient) -> None:
    wanted = GetCalendarRequest(start=date(2026, 6, 12), end=date(2026, 6, 15))
    sessions = trading.get_calendar(wanted)
    assert [row.date for row in sessions] == [date(2026, 6, 12), date(2026, 6, 15)]
    assert [moment.isoformat() for moment in (sessions[0].open, sessions[0].close)] == [
        "2026-06-12T09:30:00",
        "2026-06-12T16:00:00",
    ]
    assert raw.get_calendar(wanted)[0] == {
        "date": "2026-06-12",
        "open": "09:30",
        "close": "16:00",
        "session_open": "0400",
        "session_close": "2000",
        "settlement_date": "2026-06-15",
    }


def test_the_calendar_can_be_asked_by_settlement_date(venue: VenueThread) -> None:
    params = {"start": "2026-06-15", "end": "2026-06-15", "date_type": "SETTLEMENT"}
    rows = ask(venue, "GET", "/v2/calendar", params=params).json()
    assert [(row["date"], row["settlement_date"]) for row in rows] == [("2026-06-12", "2026-06-15")]
    refused = ask(venue, "GET", "/v2/calendar", params={"date_type": "LUNAR"})
    assert (refused.status_code, refused.json()["code"]) == (400, 40010000)


# Assets


def test_an_underlying_is_an_asset_with_every_field_alpaca_py_requires(
    trading: TradingClient, raw: TradingClient
) -> None:
    asset = trading.get_asset("SPY")
    assert (asset.symbol, asset.name, asset.exchange) == ("SPY", "SPDR S&P 500 ETF Trust", AssetExchange.ARCA)
    assert (asset.asset_class, asset.status, asset.tradable) == (
        AssetClass.US_EQUITY,
        AssetStatus.ACTIVE,
        True,
    )
    assert asset.attributes == ["has_options"]
    body = raw.get_asset("SPY")
    assert body["easy_to_borrow"] is True
    assert body["borrow_status"] == "easy_to_borrow"
    assert raw.get_asset(body["id"]) == body


def test_an_unknown_asset_is_not_found(trading: TradingClient) -> None:
    with pytest.raises(APIError) as error:
        trading.get_asset("NOPE")
    assert refusal_of(error) == (404, {"code": 40410000, "message": "asset not found for NOPE"})


@pytest.mark.parametrize(
    ("wanted", "symbols"),
    [
        ({}, ["SPY"]),
        ({"status": AssetStatus.ACTIVE, "asset_class": AssetClass.US_EQUITY}, ["SPY"]),
        ({"status": AssetStatus.INACTIVE}, []),
        ({"asset_class": AssetClass.CRYPTO}, []),
        ({"exchange": AssetExchange.ARCA}, ["SPY"]),
        ({"exchange": AssetExchange.NYSE}, []),
        ({"attributes": "ipo,has_options"}, ["SPY"]),
        ({"attributes": "ipo"}, []),
    ],
)
def test_assets_are_filtered(trading: TradingClient, wanted: dict[str, Any], symbols: list[str]) -> None:
    filters = GetAssetsRequest(**wanted) if wanted else None
    assert [row.symbol for row in trading.get_all_assets(filters)] == symbols


def test_an_index_is_no_stock_and_cannot_be_traded() -> None:
    with VenueThread(MarketWithAnIndex(), VenueSettings()) as venue:
        stocks = ask(venue, "GET", "/v2/assets").json()
        index = ask(venue, "GET", "/v2/assets/SPX").json()
    assert [row["symbol"] for row in stocks] == ["SPY"]
    assert (index["class"], index["tradable"], index["shortable"]) == ("us_index", False, False)


# Option contracts


def test_trap_contracts_without_dates_end_at_the_coming_weekend(trading: TradingClient) -> None:
    """Many took the default for a bug: without dates only this week's contracts come back."""
    answer = trading.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["SPY"]))
    assert {row.expiration_date for row in answer.option_contracts} == {THIS_FRIDAY}
    assert answer.next_page_token is None
    assert listed(trading, expiration_date_gte=NEXT_FRIDAY) == []


def test_on_a_weekend_the_coming_weekend_is_the_next(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("12:00", date(2026, 6, 13)), speed=0)
    answer = trading.get_option_contracts(GetOptionContractsRequest(underlying_symbols=["SPY"]))
    assert {row.expiration_date for row in answer.option_contracts} == {NEXT_FRIDAY}


def test_without_underlyings_all_are_listed(venue: VenueThread) -> None:
    rows = ask(venue, "GET", "/v2/options/contracts").json()["option_contracts"]
    assert {row["underlying_symbol"] for row in rows} == {"SPY"}


@pytest.mark.parametrize(
    ("wanted", "symbols"),
    [
        (
            {
                "expiration_date": NEXT_FRIDAY,
                "type": ContractType.PUT,
                "strike_price_gte": "510",
                "strike_price_lte": "520",
            },
            [spy(510, NEXT_FRIDAY, Right.PUT), spy(520, NEXT_FRIDAY, Right.PUT)],
        ),
        (
            {
                "expiration_date_gte": NEXT_FRIDAY,
                "expiration_date_lte": "2026-12-31",
                "type": ContractType.CALL,
                "strike_price_lte": "500",
            },
            [spy(500, NEXT_FRIDAY)],
        ),
        ({"root_symbol": "SPY", "type": ContractType.CALL, "strike_price_gte": "540"}, [spy(540)]),
        ({"root_symbol": "SPYW"}, []),
        ({"style": ExerciseStyle.EUROPEAN}, []),
        ({"underlying_symbols": ["NOPE"]}, []),
        ({"underlying_symbols": ["NOPE", "SPY"], "strike_price_gte": "540.5"}, []),
        (
            {
                "style": ExerciseStyle.AMERICAN,
                "strike_price_gte": "520",
                "strike_price_lte": "520",
            },
            [spy(520), spy(520, right=Right.PUT)],
        ),
    ],
)
def test_contracts_are_filtered(trading: TradingClient, wanted: dict[str, Any], symbols: list[str]) -> None:
    assert listed(trading, **wanted) == symbols


@pytest.mark.parametrize(("spelling", "count"), [("True", 10), ("true", 10), ("False", 0)])
def test_contracts_are_filtered_by_the_penny_program(venue: VenueThread, spelling: str, count: int) -> None:
    answer = ask(venue, "GET", "/v2/options/contracts", params={"ppind": spelling}).json()
    assert len(answer["option_contracts"]) == count


@pytest.mark.parametrize(
    "params",
    [
        {"type": "straddle"},
        {"style": "bermudan"},
        {"status": "asleep"},
        {"limit": "10001"},
        {"limit": "0"},
        {"page_token": "!"},
        {"strike_price_gte": "much"},
        {"expiration_date": "tomorrow"},
    ],
)
def test_a_filter_that_cannot_be_read_is_a_bad_request(venue: VenueThread, params: dict[str, str]) -> None:
    answer = ask(venue, "GET", "/v2/options/contracts", params=params)
    assert (answer.status_code, answer.json()["code"]) == (400, 40010000)
    assert next(iter(params)) in answer.json()["message"]


def test_complaint_418_contracts_come_in_pages_by_token_until_all_are_told(trading: TradingClient) -> None:
    wanted = {"underlying_symbols": ["SPY"], "expiration_date_lte": NEXT_FRIDAY, "limit": 7}
    first = trading.get_option_contracts(GetOptionContractsRequest(**wanted))
    assert first.next_page_token == "Nw=="
    symbols, token = [row.symbol for row in first.option_contracts], first.next_page_token
    while token:
        page = trading.get_option_contracts(GetOptionContractsRequest(**wanted, page_token=token))
        symbols += [row.symbol for row in page.option_contracts]
        token = page.next_page_token
    assert len(symbols) == len(set(symbols)) == 20
    assert symbols == sorted(symbols)


def test_a_contract_is_told_in_texts_by_symbol_or_id(raw: TradingClient) -> None:
    row = raw.get_option_contract(spy(520))
    assert raw.get_option_contract(row["id"]) == row
    assert {key: value for key, value in row.items() if not key.endswith("id")} == {
        "symbol": spy(520),
        "name": "SPY Jun 12 2026 520 Call",
        "status": "active",
        "tradable": True,
        "expiration_date": "2026-06-12",
        "root_symbol": "SPY",
        "underlying_symbol": "SPY",
        "type": "call",
        "style": "american",
        "strike_price": "520",
        "multiplier": "100",
        "size": "100",
        "open_interest": "1234",
        "open_interest_date": "2026-06-09",
        "close_price": "2.45",
        "close_price_date": "2026-06-09",
    }
    assert row["underlying_asset_id"] == raw.get_asset("SPY")["id"]


def test_trap_open_interest_is_a_text_of_the_contract(trading: TradingClient) -> None:
    contract = trading.get_option_contract(spy(520))
    assert (contract.open_interest, contract.open_interest_date) == ("1234", date(2026, 6, 9))
    assert contract.strike_price == 520.0


def test_an_index_contract_is_european_and_settles_in_cash() -> None:
    with VenueThread(MarketWithAnIndex(), VenueSettings()) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        wanted = GetOptionContractsRequest(underlying_symbols=["SPX"], style=ExerciseStyle.EUROPEAN)
        (contract,) = client.get_option_contracts(wanted).option_contracts
        path = f"/v2/options/contracts/{SPX_OPTION}"
        told = ask(venue, "GET", path, params={"show_deliverables": "true"}).json()
        in_nickels = ask(venue, "GET", "/v2/options/contracts", params={"ppind": "false"}).json()
    assert (contract.root_symbol, contract.underlying_symbol) == ("SPXW", "SPX")
    assert (contract.open_interest, contract.close_price) == (None, None)
    assert [(row["type"], row["symbol"]) for row in told["deliverables"]] == [("cash", "USD")]
    assert [row["symbol"] for row in in_nickels["option_contracts"]] == [str(SPX_OPTION)]


@pytest.mark.parametrize("spelling", ["true", "True"])
def test_deliverables_are_told_on_request_only(venue: VenueThread, spelling: str) -> None:
    params = {"show_deliverables": spelling, "limit": 1}
    (row,) = ask(venue, "GET", "/v2/options/contracts", params=params).json()["option_contracts"]
    assert row["deliverables"] == [
        {
            "type": "equity",
            "symbol": "SPY",
            "asset_id": row["underlying_asset_id"],
            "amount": "100",
            "settlement_method": "CCC",
            "allocation_percentage": "100",
            "settlement_type": "T+1",
            "delayed_settlement": False,
        }
    ]
    (plain,) = ask(venue, "GET", "/v2/options/contracts", params={"limit": 1}).json()["option_contracts"]
    assert "deliverables" not in plain


def test_complaint_262_what_expired_today_is_still_active_in_the_evening(
    venue: VenueThread, trading: TradingClient
) -> None:
    set_clock(venue, at=at_eastern("20:00", THIS_FRIDAY), speed=0)
    assert trading.get_option_contract(spy(520)).status is AssetStatus.ACTIVE
    wanted = GetOptionContractsRequest(underlying_symbols=["SPY"], expiration_date=THIS_FRIDAY)
    rows = trading.get_option_contracts(wanted).option_contracts
    assert {row.status for row in rows} == {AssetStatus.ACTIVE}
    assert spy(520) in {row.symbol for row in rows}
    assert listed(trading, status=AssetStatus.INACTIVE) == []


def test_from_the_next_day_it_is_inactive(venue: VenueThread, trading: TradingClient) -> None:
    set_clock(venue, at=at_eastern("00:30", THIS_FRIDAY + timedelta(days=1)), speed=0)
    expired = trading.get_option_contract(spy(520))
    assert (expired.status, expired.tradable) == (AssetStatus.INACTIVE, False)
    assert spy(520) not in listed(trading)
    assert spy(520) in listed(trading, status=AssetStatus.INACTIVE)
    assert listed(trading, status=AssetStatus.INACTIVE, expiration_date=NEXT_FRIDAY) == []


def test_an_unknown_contract_is_not_found(trading: TradingClient) -> None:
    with pytest.raises(APIError) as error:
        trading.get_option_contract("TSLA231110C00021000")
    assert refusal_of(error) == (
        404,
        {"code": 40410000, "message": "option contract TSLA231110C00021000 not found"},
    )
