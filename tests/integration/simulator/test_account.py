"""The account and its configurations through alpaca-py, key by key."""

from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AccountStatus, OrderSide
from alpaca.trading.models import AccountConfiguration

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.market import FakeMarket, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    a_spread,
    ask,
    at_market,
    bought,
    eventually,
    filled,
    journal,
    refusal_of,
    set_clock,
)

#: A real paper account of September 2026, fresh: its keys in their order, and what does not differ by account.
FRESH = {
    "id": None,
    "admin_configurations": {},
    "user_configurations": None,
    "account_number": None,
    "status": "ACTIVE",
    "crypto_status": "ACTIVE",
    "options_approved_level": 3,
    "options_trading_level": 3,
    "currency": "USD",
    "buying_power": "400000",
    "regt_buying_power": "200000",
    "effective_buying_power": "400000",
    "non_marginable_buying_power": "100000",
    "options_buying_power": "100000",
    "cash": "100000",
    "accrued_fees": "0",
    "portfolio_value": "100000",
    "trading_blocked": False,
    "transfers_blocked": False,
    "account_blocked": False,
    "created_at": None,
    "trade_suspended_by_user": False,
    "multiplier": "4",
    "shorting_enabled": True,
    "equity": "100000",
    "last_equity": "100000",
    "long_market_value": "0",
    "short_market_value": "0",
    "position_market_value": "0",
    "initial_margin": "0",
    "maintenance_margin": "0",
    "last_maintenance_margin": "0",
    "sma": "0",
    "balance_asof": "2026-06-09",
    "crypto_tier": 0,
    "intraday_adjustments": "0",
    "pending_reg_taf_fees": "0",
}

#: What differs by account.
OWN = ("id", "account_number", "created_at")

CONFIGURATION = {
    "no_shorting": False,
    "suspend_trade": False,
    "fractional_trading": True,
    "max_margin_multiplier": "4",
    "trade_confirm_email": "all",
    "ptp_no_exception_entry": False,
    "max_options_trading_level": 3,
    "disable_overnight_trading": False,
}

PDT = ("pattern_day_trader", "daytrade_count", "daytrading_buying_power", "dtbp_check", "pdt_check")


def figures(trading: TradingClient, *names: str) -> dict[str, Any]:
    account = trading.get_account()
    return {name: getattr(account, name) for name in names}


def test_a_fresh_account_shows_what_a_real_paper_account_shows(raw: TradingClient) -> None:
    body = raw.get_account()
    assert list(body) == list(FRESH)
    assert body | dict.fromkeys(OWN) == FRESH
    assert body["account_number"].startswith("PA")
    assert body["created_at"].startswith("2026-06-10T14:00:00")


def test_the_account_parses_into_alpaca_pys_model(trading: TradingClient) -> None:
    account = trading.get_account()
    assert account.status is AccountStatus.ACTIVE
    assert (account.options_approved_level, account.options_trading_level) == (3, 3)
    assert (account.cash, account.multiplier, account.shorting_enabled) == ("100000", "4", True)


def test_complaint_686_fields_of_pattern_day_trading_are_gone(raw: TradingClient) -> None:
    assert not set(PDT) & {*raw.get_account(), *raw.get_account_configurations()}


def test_the_starting_cash_is_the_setting_and_little_of_it_has_no_margin(market: FakeMarket) -> None:
    with VenueThread(market, VenueSettings(equity=1000)) as venue:
        account = TradingClient("key", "secret", url_override=venue.url).get_account()
    assert (account.equity, account.options_buying_power, account.multiplier) == ("1000", "1000", "1")
    assert (account.buying_power, account.regt_buying_power) == ("1000", "1000")
    assert account.shorting_enabled is False


def test_equity_is_cash_and_long_less_short_value(trading: TradingClient) -> None:
    bought(trading)
    assert figures(
        trading, "cash", "long_market_value", "short_market_value", "equity", "portfolio_value"
    ) == {
        "cash": "99480",
        "long_market_value": "500",
        "short_market_value": "0",
        "equity": "99980",
        "portfolio_value": "99980",
    }


def test_a_spread_needs_its_worst_loss_of_the_buying_power(
    market: FakeMarket, trading: TradingClient
) -> None:
    market.quotes[spy(530)] = (2.10, 2.30)
    filled(trading, trading.submit_order(a_spread(limit_price=0.50)))
    assert figures(
        trading, "cash", "long_market_value", "short_market_value", "equity", "options_buying_power"
    ) == {
        "cash": "99950",
        "long_market_value": "250",
        "short_market_value": "-220",
        "equity": "99980",
        "options_buying_power": "99950",
    }


def test_a_cash_secured_put_holds_its_strike(trading: TradingClient) -> None:
    put = spy(500, right=Right.PUT)
    filled(trading, trading.submit_order(at_market(OrderSide.SELL, symbol=put)))
    assert figures(
        trading, "cash", "short_market_value", "equity", "options_buying_power", "initial_margin"
    ) == {
        "cash": "100240",
        "short_market_value": "-250",
        "equity": "99990",
        "options_buying_power": "50240",
        "initial_margin": "50000",
    }


def test_options_buying_power_is_half_of_reg_t(trading: TradingClient) -> None:
    trading.submit_order(a_buy(qty=10, limit_price=1.50))
    assert figures(trading, "options_buying_power", "regt_buying_power", "buying_power", "cash") == {
        "options_buying_power": "98500",
        "regt_buying_power": "197000",
        "buying_power": "394000",
        "cash": "100000",
    }


def test_the_next_day_last_equity_is_that_of_the_close(
    venue: VenueThread, market: FakeMarket, trading: TradingClient, raw: TradingClient
) -> None:
    bought(trading)
    set_clock(venue, at=at_eastern("16:30"), speed=0)
    eventually(lambda: venue.desk.account.days.closes, "the day is closed")
    market.quotes[spy(520)] = (3.00, 3.20)
    set_clock(venue, at=at_eastern("10:00", market.calendar.sessions[8].day), speed=0)
    body = raw.get_account()
    assert (body["last_equity"], body["equity"], body["balance_asof"]) == ("99980", "100100", "2026-06-10")


# Configurations


def test_configurations_are_told_whole(raw: TradingClient, trading: TradingClient) -> None:
    assert raw.get_account_configurations() == CONFIGURATION
    configuration = trading.get_account_configurations()
    assert (configuration.max_margin_multiplier, configuration.max_options_trading_level) == ("4", 3)
    assert (configuration.dtbp_check, configuration.pdt_check) == (None, None)


def test_trap_a_patch_with_nulls_changes_only_what_is_told(
    trading: TradingClient, raw: TradingClient, venue: VenueThread
) -> None:
    """alpaca-py sends its whole model, the gone fields of pattern day trading as null."""
    wanted = trading.get_account_configurations()
    wanted.max_options_trading_level = 1
    wanted.trade_confirm_email = "none"
    answer = trading.set_account_configurations(wanted)
    assert isinstance(answer, AccountConfiguration)
    changed = CONFIGURATION | {"max_options_trading_level": 1, "trade_confirm_email": "none"}
    assert raw.get_account_configurations() == changed
    patched = ask(venue, "PATCH", "/v2/account/configurations", json=dict.fromkeys(CONFIGURATION))
    assert (patched.status_code, patched.json()) == (200, changed)
    assert raw.get_account()["options_trading_level"] == 1
    assert raw.get_account()["options_approved_level"] == 3
    assert [row["max_options_trading_level"] for row in journal(venue, "configured")] == [1, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_options_trading_level", 4),
        ("max_options_trading_level", True),
        ("max_margin_multiplier", "3"),
        ("max_margin_multiplier", 4),
        ("trade_confirm_email", "some"),
        ("no_shorting", "yes"),
        ("suspend_trade", 1),
    ],
)
def test_a_configuration_that_is_none_is_refused(venue: VenueThread, name: str, value: Any) -> None:
    answer = ask(venue, "PATCH", "/v2/account/configurations", json={name: value})
    assert (answer.status_code, answer.json()) == (422, {"code": 40010001, "message": f"invalid {name}"})
    assert ask(venue, "GET", "/v2/account/configurations").json() == CONFIGURATION


def test_suspended_trading_refuses_new_orders_until_it_is_resumed(
    venue: VenueThread, trading: TradingClient
) -> None:
    ask(venue, "PATCH", "/v2/account/configurations", json={"suspend_trade": True})
    assert trading.get_account().trade_suspended_by_user is True
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy())
    assert refusal_of(error)[0] == 403
    ask(venue, "PATCH", "/v2/account/configurations", json={"suspend_trade": False})
    assert trading.submit_order(a_buy()).symbol == spy(520)


@pytest.mark.parametrize(("multiplier", "buying_power"), [("1", "100000"), ("2", "200000")])
def test_the_margin_multiplier_bounds_the_buying_power(
    venue: VenueThread, trading: TradingClient, multiplier: str, buying_power: str
) -> None:
    ask(venue, "PATCH", "/v2/account/configurations", json={"max_margin_multiplier": multiplier})
    account = trading.get_account()
    assert (account.multiplier, account.buying_power) == (multiplier, buying_power)
    assert account.options_buying_power == "100000"
