from decimal import Decimal

import pytest

from services.sizer.core.account import BLOCKING_FLAGS, parse_account
from tests.fakes.sizer import ACCOUNT_ID, account_answer

D = Decimal


def test_the_amounts_are_the_venues_to_the_cent():
    account = parse_account(account_answer("40340.18", equity="80680.36"))
    assert (account.account_id, account.equity_usd, account.options_buying_power_usd) == (
        ACCOUNT_ID,
        D("80680.36"),
        D("40340.18"),
    )
    assert account.blocked_by == ()


def test_more_decimals_than_a_message_keeps_are_rounded_down():
    assert parse_account(account_answer("100.12345678")).options_buying_power_usd == D("100.123456")


@pytest.mark.parametrize("flag", BLOCKING_FLAGS)
def test_each_of_the_venues_flags_blocks(flag):
    assert parse_account(account_answer(**{flag: True})).blocked_by == (flag,)


@pytest.mark.parametrize("value", [None, "", "n/a", "NaN", "Infinity"])
def test_an_amount_that_is_none_is_named(value):
    with pytest.raises(ValueError, match="options_buying_power of the account is no amount"):
        parse_account(account_answer(options_buying_power=value))


@pytest.mark.parametrize("number", [None, "", 7])
def test_an_answer_that_does_not_say_whose_account_it_is_is_refused(number):
    with pytest.raises(ValueError, match="account_number"):
        parse_account(account_answer(account_number=number))


def test_an_answer_of_today_needs_none_of_the_fields_the_venue_has_removed():
    assert "pattern_day_trader" not in account_answer()
    assert parse_account(account_answer())
