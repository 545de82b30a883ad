"""A figure that is missing, zero where it must not be, or not a number stops the order, whichever it is."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from kernel.testing.builders import NOW
from services.executor.core.facts import Facts, Position, Quote
from services.executor.core.gates import check
from services.executor.core.risk_book import LiveOrder
from tests.fakes.executor_facts import LIMITS, a_book, a_quote, account_facts, long_lived, some_facts

D = Decimal
NO_NUMBERS = (D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"))
NOT_POSITIVE = (*NO_NUMBERS, D(0), D("-0.01"))
GOOD = long_lived()


def live(**values: Any) -> tuple[LiveOrder, ...]:
    defaults: dict[str, Any] = {
        "underlying": "SPY",
        "occ_symbol": "SPY260612C00530000",
        "contracts": 1,
        "price_ceiling": D(1),
        "first_limit": D(1),
        "at_venue": False,
    }
    return (LiveOrder(**(defaults | values)),)


FACTS: dict[str, tuple[Callable[[Any], Facts], tuple[Any, ...]]] = {
    "clock_skew_s": (
        lambda v: some_facts(clock_skew_s=v),
        (float("nan"), float("inf"), float("-inf")),
    ),
    "venue_url": (lambda v: some_facts(venue_url=v), (None, "", "nan")),
    "account": (lambda v: some_facts(account=v), (None,)),
    "account_id": (lambda v: some_facts(account=account_facts(account_id=v)), (None, "")),
    "equity_usd": (lambda v: some_facts(account=account_facts(equity_usd=v)), (None, *NOT_POSITIVE)),
    "last_equity_usd": (
        lambda v: some_facts(account=account_facts(last_equity_usd=v)),
        (None, *NOT_POSITIVE),
    ),
    "options_buying_power_usd": (
        lambda v: some_facts(account=account_facts(options_buying_power_usd=v)),
        (None, *NOT_POSITIVE),
    ),
    "positions": (lambda v: some_facts(positions=v), (None,)),
    "at_stake_usd": (
        lambda v: some_facts(positions=(Position(occ_symbol="SPY260612C00530000", at_stake_usd=v),)),
        NO_NUMBERS[:1] + NO_NUMBERS[2:],
    ),
    "quote": (lambda v: some_facts(quote=v), (None,)),
    "bid": (lambda v: some_facts(quote=a_quote(bid=v)), (None, *NOT_POSITIVE)),
    "ask": (lambda v: some_facts(quote=a_quote(ask=v)), (None, *NOT_POSITIVE)),
    "quoted_at": (lambda v: some_facts(quote=Quote(bid=D("2.49"), ask=D("2.51"), quoted_at=v)), (None,)),
    "price_usd": (lambda v: some_facts(price_usd=v), (None, *NOT_POSITIVE)),
    "readiness": (lambda v: some_facts(readiness=v), (None,)),
    "book": (lambda v: some_facts(book=v), (None,)),
    "switch": (lambda v: some_facts(book=a_book(switch=v)), (None,)),
    "day_premium_usd": (
        lambda v: some_facts(book=a_book(day_premium_usd=v)),
        NO_NUMBERS[:1] + NO_NUMBERS[2:],
    ),
    "price_ceiling of a live order": (
        lambda v: some_facts(book=a_book(orders=live(price_ceiling=v))),
        NO_NUMBERS[:1] + NO_NUMBERS[2:],
    ),
    "first_limit": (
        lambda v: some_facts(book=a_book(orders=live(first_limit=v, at_venue=True))),
        NO_NUMBERS[:1] + NO_NUMBERS[2:],
    ),
    "equity_high_usd": (
        lambda v: some_facts(book=a_book(equity_high_usd=v, equity_high_at=NOW)),
        (D("NaN"), D("Infinity")),
    ),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, values) in FACTS.items() for value in values]
)
def test_a_fact_that_is_none_stops_the_order(name: str, value: Any) -> None:
    assert check(GOOD, some_facts(), LIMITS) is None

    refusal = check(GOOD, FACTS[name][0](value), LIMITS)

    assert refusal is not None
    assert refusal.figures


@pytest.mark.parametrize("figure", ["limit_price", "price_ceiling"])
@pytest.mark.parametrize("value", NOT_POSITIVE)
def test_a_price_of_the_ticket_that_is_none_stops_the_order(figure: str, value: Decimal) -> None:
    """The contract refuses such a ticket on the wire; the gates do not rely on it."""
    refusal = check(GOOD.model_copy(update={figure: value}), some_facts(), LIMITS)

    assert refusal is not None


@pytest.mark.parametrize("symbol", ["", "GARBAGE", "SPY260612X00520000", "SPY269912C00520000"])
def test_a_contract_whose_name_cannot_be_read_stops_the_order(symbol: str) -> None:
    ticket = long_lived()
    leg = ticket.legs[0].model_copy(update={"occ_symbol": symbol})

    assert check(ticket.model_copy(update={"legs": (leg,)}), some_facts(), LIMITS) is not None


def test_the_facts_of_a_venue_that_told_nothing_stop_the_order() -> None:
    nothing = replace(
        some_facts(), account=None, positions=None, quote=None, price_usd=None, readiness=None, book=None
    )

    assert check(GOOD, nothing, LIMITS) is not None
