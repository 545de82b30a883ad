"""Account, positions and prices out of Alpaca's answers, the senseless ones too; and answers that are shared."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from kernel.domain.errors import VenueUnavailable
from services.executor.adapters.alpaca_facts import Shared
from services.executor.core.facts import Position, read_account, read_positions, read_price, read_quote
from services.executor.core.gates import check
from tests.fakes.executor_facts import LIMITS, long_lived, some_facts

ACCOUNT = {
    "account_number": "PA0000000001",
    "status": "ACTIVE",
    "equity": "100000",
    "last_equity": "99000.5",
    "options_buying_power": "50000",
    "options_trading_level": 3,
}
POSITION: dict[str, Any] = {
    "symbol": "SPY260612C00520000",
    "asset_class": "us_option",
    "cost_basis": "1004",
    "market_value": "990",
}


def test_an_account_is_read_whole() -> None:
    account = read_account(ACCOUNT)

    assert account is not None
    assert (account.account_id, account.blocked_by) == ("PA0000000001", ())
    assert (account.equity_usd, account.last_equity_usd) == (Decimal(100000), Decimal("99000.5"))


@pytest.mark.parametrize("figure", ["equity", "last_equity", "options_buying_power"])
@pytest.mark.parametrize("value", [None, "", "NaN", "Infinity", "a lot", [], True])
def test_a_figure_that_is_none_is_missing(figure: str, value: Any) -> None:
    account = read_account(ACCOUNT | {figure: value})

    assert account is not None
    assert getattr(account, f"{figure}_usd") is None


@pytest.mark.parametrize(
    ("values", "block"),
    [
        ({"trading_blocked": True}, "trading_blocked"),
        ({"status": "ONBOARDING"}, "status ONBOARDING"),
        ({"options_trading_level": 1}, "options level 1"),
        (
            {"options_trading_level": "high"},
            "options_trading_level of the account is no whole number: 'high'",
        ),
    ],
)
def test_what_blocks_an_account_is_named(values: dict[str, Any], block: str) -> None:
    account = read_account(ACCOUNT | values)

    assert account is not None
    assert account.blocked_by == (block,)


@pytest.mark.parametrize("answer", [None, [], "PA0000000001", 7])
def test_an_answer_that_is_no_account_is_none(answer: object) -> None:
    assert read_account(answer) is None


@pytest.mark.parametrize(
    ("values", "at_stake"),
    [
        ({}, "1004"),
        ({"market_value": "1500"}, "1500"),
        ({"cost_basis": "-250", "market_value": "-300"}, "300"),
        ({"market_value": None}, "1004"),
    ],
)
def test_a_position_stands_for_what_it_cost_or_is_worth(values: dict[str, Any], at_stake: str) -> None:
    assert read_positions([POSITION | values]) == (
        Position(occ_symbol="SPY260612C00520000", at_stake_usd=Decimal(at_stake)),
    )


@pytest.mark.parametrize(("symbol", "asset_class"), [("SPY", "us_equity"), ("BTCUSD", "crypto")])
def test_shares_and_coins_are_no_premium(symbol: str, asset_class: str) -> None:
    other = {"symbol": symbol, "asset_class": asset_class, "cost_basis": "52000"}

    assert read_positions([other]) == ()


@pytest.mark.parametrize("figure", ["9e999999", "-9e999999", "1e-999999", "0e999999", "1e16"])
def test_a_figure_of_no_sane_size_is_none(figure: str) -> None:
    """Arithmetic with it would overflow, and stop the executor rather than the order."""
    quote = read_quote({"bp": 2.49, "ap": figure, "t": "2026-06-05T14:30:00Z"})

    assert quote is not None
    assert quote.ask is None
    assert check(long_lived(), some_facts(quote=quote), LIMITS) is not None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        "positions",
        [None],
        [POSITION | {"cost_basis": None}],
        [POSITION | {"cost_basis": "NaN"}],
        [POSITION | {"symbol": "what?"}],
        [POSITION | {"symbol": "BTCUSD", "asset_class": None}],
        [POSITION | {"symbol": "BTCUSD", "asset_class": "something new"}],
    ],
)
def test_positions_of_which_one_cannot_be_read_are_not_known(answer: object) -> None:
    assert read_positions(answer) is None


def test_a_quote_keeps_what_can_be_read_of_it() -> None:
    quote = read_quote({"bp": 2.49, "ap": "NaN", "t": "2026-06-05T14:30:00.123456789Z"})

    assert quote is not None
    assert (quote.bid, quote.ask) == (Decimal("2.49"), None)
    assert quote.quoted_at == datetime(2026, 6, 5, 14, 30, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize("t", [None, "yesterday", 7, "2026-06-05T14:30:00"])
def test_a_time_that_is_none_is_missing(t: object) -> None:
    quote = read_quote({"bp": 1, "ap": 2, "t": t})

    assert quote is not None
    assert quote.quoted_at is None


@pytest.mark.parametrize(
    ("snapshot", "price"),
    [
        ({"latestTrade": {"p": 520.5}, "latestQuote": {"bp": 1, "ap": 2}}, Decimal("520.5")),
        ({"latestTrade": {"p": 0}, "latestQuote": {"bp": 519, "ap": 521}}, Decimal(520)),
        ({"latestQuote": {"bp": 0, "ap": 521}}, None),
        ({"latestQuote": {"bp": 522, "ap": 521}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_shares_price_is_its_trade_or_the_mid_of_its_quote(snapshot: object, price: Decimal | None) -> None:
    assert read_price(snapshot) == price


# Answers that are shared


class Venue:
    """Answers the number of the request, when the test lets it."""

    def __init__(self) -> None:
        self.asked = 0
        self.go, self.on_its_way = asyncio.Event(), asyncio.Event()
        self.fails = False

    async def ask(self) -> int:
        self.asked += 1
        number = self.asked
        self.on_its_way.set()
        await self.go.wait()
        if self.fails:
            raise VenueUnavailable("away")
        return number


async def test_who_asks_while_a_request_is_on_its_way_is_given_the_next_ones_answer() -> None:
    venue = Venue()
    shared = Shared(venue.ask)
    first = [asyncio.ensure_future(shared.answer()) for _ in range(3)]
    await venue.on_its_way.wait()
    later = [asyncio.ensure_future(shared.answer()) for _ in range(3)]
    await asyncio.sleep(0)

    venue.go.set()

    assert await asyncio.gather(*first) == [1, 1, 1]
    assert await asyncio.gather(*later) == [2, 2, 2]
    assert await shared.answer() == 3


async def test_a_failure_is_told_to_all_who_waited_and_to_nobody_after() -> None:
    venue = Venue()
    venue.fails = True
    venue.go.set()
    shared = Shared(venue.ask)

    answers = await asyncio.gather(*(shared.answer() for _ in range(3)), return_exceptions=True)
    venue.fails = False

    assert [type(answer) for answer in answers] == [VenueUnavailable] * 3
    assert await shared.answer() == 2


async def test_one_who_gives_up_does_not_stop_the_others() -> None:
    venue = Venue()
    shared = Shared(venue.ask)
    impatient, patient = (asyncio.ensure_future(shared.answer()) for _ in range(2))
    await venue.on_its_way.wait()
    impatient.cancel()

    venue.go.set()

    assert await patient == 1
