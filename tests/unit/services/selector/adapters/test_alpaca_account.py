from decimal import Decimal
from typing import Any, cast

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import VenueUnavailable
from kernel.testing.builders import NOW
from services.selector.adapters.alpaca_account import AlpacaAccounts
from services.selector.core.account import Account
from tests.fakes.gateway import FakeGateway

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


async def account_of(answer: Any) -> Account:
    return await AlpacaAccounts(cast("AlpacaGateway", FakeGateway(get_account=answer))).account()


async def test_the_accounts_figures_are_read_exactly() -> None:
    assert await account_of(ANSWER) == Account(
        account_id="PA3J93N4D9PG",
        equity_usd=Decimal("80680.36"),
        options_buying_power_usd=Decimal("40340.18"),
        blocked=None,
        observed_at=NOW,
    )


@pytest.mark.parametrize(
    ("flag", "blocked"),
    [
        ({"trading_blocked": True}, "trading_blocked"),
        ({"account_blocked": True}, "account_blocked"),
        ({"trade_suspended_by_user": True}, "trade_suspended_by_user"),
        ({"status": "ACCOUNT_CLOSED"}, "status ACCOUNT_CLOSED"),
        ({"options_trading_level": 1}, "options level 1"),
        ({"options_trading_level": "0"}, "options level 0"),
        ({"options_trading_level": None}, None),
        ({"options_trading_level": "2"}, None),
    ],
)
async def test_what_keeps_an_account_from_buying_is_named(flag: dict[str, Any], blocked: str | None) -> None:
    assert (await account_of(ANSWER | flag)).blocked == blocked


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {k: v for k, v in ANSWER.items() if k != "options_buying_power"},
        ANSWER | {"equity": None},
        ANSWER | {"equity": "NaN"},
        ANSWER | {"options_buying_power": "much"},
        ANSWER | {"options_trading_level": "high"},
    ],
)
async def test_half_an_account_is_asked_for_again(answer: Any) -> None:
    with pytest.raises(VenueUnavailable, match="account answer is unusable"):
        await account_of(answer)
