from decimal import Decimal
from typing import Any

import pytest

from kernel.domain.account import BLOCKING_FLAGS, Account, parse_account
from kernel.testing.builders import NOW

D = Decimal
#: What matters here of Alpaca's answer, as it comes over the wire.
ANSWER: dict[str, Any] = {
    "account_number": "PA3J93N4D9PG",
    "status": "ACTIVE",
    "equity": "80680.36",
    "options_buying_power": "40340.18",
    "options_trading_level": 3,
    "trading_blocked": False,
    "account_blocked": False,
    "trade_suspended_by_user": False,
}


def account(**fields: object) -> Account:
    return parse_account(ANSWER | fields, NOW)


def test_the_amounts_are_the_venues_to_the_cent() -> None:
    assert account() == Account(
        account_id="PA3J93N4D9PG",
        equity_usd=D("80680.36"),
        options_buying_power_usd=D("40340.18"),
        blocked_by=(),
        observed_at=NOW,
    )


def test_more_decimals_than_a_message_keeps_are_rounded_down() -> None:
    assert account(options_buying_power="100.12345678").options_buying_power_usd == D("100.123456")
    assert account(equity="-0.0000001").equity_usd == D("-0.000001")


@pytest.mark.parametrize("flag", BLOCKING_FLAGS)
def test_each_of_the_venues_flags_blocks(flag: str) -> None:
    assert account(**{flag: True}).blocked_by == (flag,)


@pytest.mark.parametrize(
    ("field", "blocked_by"),
    [
        ({"status": "ACCOUNT_CLOSED"}, ("status ACCOUNT_CLOSED",)),
        ({"options_trading_level": 1}, ("options level 1",)),
        ({"options_trading_level": "0"}, ("options level 0",)),
        ({"options_trading_level": None}, ()),
        ({"options_trading_level": "2"}, ()),
    ],
)
def test_an_account_must_be_active_and_allowed_to_buy_options(
    field: dict[str, object], blocked_by: tuple[str, ...]
) -> None:
    assert account(**field).blocked_by == blocked_by


def test_all_that_blocks_is_named() -> None:
    blocked = account(
        trading_blocked=True, account_blocked=True, status="ONBOARDING", options_trading_level=0
    )
    assert blocked.blocked_by == (
        "trading_blocked",
        "account_blocked",
        "status ONBOARDING",
        "options level 0",
    )


@pytest.mark.parametrize("name", ["equity", "options_buying_power"])
@pytest.mark.parametrize("value", [None, "", "n/a", "NaN", "Infinity"])
def test_an_amount_that_is_none_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"{name} of the account is no amount"):
        account(**{name: value})


@pytest.mark.parametrize("level", ["high", [], 2.5])
def test_a_level_that_is_none_is_named(level: object) -> None:
    with pytest.raises(ValueError, match="options_trading_level of the account is no whole number"):
        account(options_trading_level=level)


@pytest.mark.parametrize("number", [None, "", 7])
def test_an_answer_that_does_not_say_whose_account_it_is_is_refused(number: object) -> None:
    with pytest.raises(ValueError, match="account_number"):
        account(account_number=number)


def test_an_answer_needs_none_of_the_fields_but_number_and_amounts() -> None:
    least = {name: ANSWER[name] for name in ("account_number", "equity", "options_buying_power")}
    assert parse_account(least, NOW) == account()
