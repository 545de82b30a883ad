"""The account step by step; what holds for any steps is in tests/properties/test_venue_properties.py."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from simulator.venue.account import Account
from simulator.venue.fills import FillRules, Nbbo
from simulator.venue.instruments import instrument_of
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import (
    EventKind,
    Intent,
    OrderEvent,
    OrderRequest,
    OrderType,
    Side,
    Status,
    TimeInForce,
)
from simulator.venue.quotes import NO_QUOTE
from simulator.venue.refusals import Refusal

CALL, PUT = "SPY260612C00520000", "SPY260612P00520000"
NOW = datetime(2026, 6, 10, 14, tzinfo=UTC)
LIVE_AT, CLOSES_AT = NOW + timedelta(seconds=1), NOW + timedelta(hours=6)
QUOTE = Nbbo(bid=Decimal("2.40"), ask=Decimal("2.60"))


def an_account(cash: int = 1000) -> Account:
    return Account(account_id="account", cash_usd=Decimal(cash), fills=FillRules())


def a_request(**overrides: Any) -> OrderRequest:
    fields: dict[str, Any] = {
        "symbol": CALL,
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "qty": 1,
        "limit_price": Decimal("2.60"),
        "intent": None,
        "client_order_id": None,
        **overrides,
    }
    if fields["type"] is OrderType.MARKET:
        fields["limit_price"] = None
    return OrderRequest(instrument=instrument_of(fields.pop("symbol")), **fields)


def submit(
    account: Account, *, queued: bool = False, quote: Nbbo = QUOTE, **overrides: Any
) -> OrderEvent | Refusal:
    timing = Timing(live_at=LIVE_AT, expires_at=CLOSES_AT, queued=queued)
    return account.submit(a_request(**overrides), now=NOW, timing=timing, quote_of=lambda _symbol: quote)


def accepted(account: Account, **overrides: Any) -> str:
    outcome = submit(account, **overrides)
    assert isinstance(outcome, OrderEvent), outcome
    return outcome.order.id


def advance(account: Account, now: datetime = LIVE_AT, *, quote: Nbbo = QUOTE) -> list[EventKind]:
    return [event.kind for event in account.advance(now, quote_of=lambda _symbol: quote)]


def with_position(qty: int, cash: int = 100_000) -> Account:
    account = an_account(cash)
    accepted(account, qty=qty)
    assert advance(account) == [EventKind.NEW, EventKind.FILL]
    return account


def message(outcome: object) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.message


def test_nothing_happens_before_an_order_reaches_the_market() -> None:
    account = an_account()
    order_id = accepted(account)
    assert advance(account, LIVE_AT - timedelta(microseconds=1)) == []
    assert account.orders[order_id].status is Status.PENDING_NEW
    assert advance(account, LIVE_AT) == [EventKind.NEW, EventKind.FILL]
    assert account.orders[order_id].filled_at == LIVE_AT


def test_a_queued_order_is_told_as_accepted_and_waits_for_the_session() -> None:
    account = an_account()
    outcome = submit(account, queued=True)
    assert isinstance(outcome, OrderEvent)
    assert (outcome.kind, outcome.order.status) == (EventKind.ACCEPTED, Status.ACCEPTED)
    assert advance(account, quote=NO_QUOTE) == [EventKind.NEW]
    assert advance(account) == [EventKind.FILL]


def test_an_order_ends_at_its_expiry_even_if_the_quote_would_fill_it() -> None:
    account = an_account()
    order_id = accepted(account)
    assert advance(account, CLOSES_AT) == [EventKind.EXPIRED]
    assert account.orders[order_id].expired_at == CLOSES_AT
    assert account.options_buying_power_usd == 1000


def test_two_orders_cannot_hold_the_same_dollar() -> None:
    account = an_account(500)
    accepted(account)
    refused = submit(account)
    assert message(refused) == "insufficient options buying power (required: 260, available: 240)"
    assert isinstance(refused, Refusal)
    assert refused.http_status == 403
    assert refused.figures == {"cost_basis": "260", "options_buying_power": "240"}


def test_exactly_the_buying_power_is_enough() -> None:
    accepted(an_account(260))


def test_a_market_buy_holds_the_ask_and_is_rejected_when_the_ask_runs_away() -> None:
    account = an_account(300)
    order_id = accepted(account, type=OrderType.MARKET)
    assert account.options_buying_power_usd == 40
    dear = Nbbo(bid=Decimal("3.00"), ask=Decimal("3.01"))
    assert advance(account, quote=dear) == [EventKind.NEW, EventKind.REJECTED]
    assert account.orders[order_id].status is Status.REJECTED
    assert (account.cash_usd, account.options_buying_power_usd) == (300, 300)


def test_a_better_ask_gives_back_what_was_held_beyond_it() -> None:
    account = an_account(1000)
    accepted(account, limit_price=Decimal("3.00"))
    advance(account)
    assert account.cash_usd == account.options_buying_power_usd == 740


def test_intents_are_inferred_from_what_is_available() -> None:
    account = with_position(2)
    assert account.intents_of(a_request()) == (Intent.BUY_TO_OPEN,)
    assert account.intents_of(a_request(side=Side.SELL)) == (Intent.SELL_TO_CLOSE,)


@pytest.mark.parametrize(
    ("side", "intent", "expected"),
    [
        (Side.BUY, Intent.BUY_TO_CLOSE, "inferred: buy_to_open, specified: buy_to_close"),
        (Side.SELL, Intent.SELL_TO_CLOSE, "inferred: sell_to_open, specified: sell_to_close"),
    ],
)
def test_a_contradicting_intent_is_refused(side: Side, intent: Intent, expected: str) -> None:
    assert message(submit(an_account(), side=side, intent=intent)) == f"position intent mismatch, {expected}"


def test_selling_what_one_does_not_have_is_uncovered() -> None:
    expected = "insufficient underlying qty available for covered call (required: 100, available: 0)"
    assert message(submit(an_account(), side=Side.SELL)) == expected
    unsecured = "insufficient options buying power for cash-secured put (required: 51740, available: 1000)"
    assert message(submit(an_account(), side=Side.SELL, symbol=PUT)) == unsecured


def test_what_an_open_sell_promised_cannot_be_sold_again() -> None:
    account = with_position(3)
    accepted(account, side=Side.SELL, qty=2, limit_price=Decimal(9))
    refused = submit(account, side=Side.SELL, qty=2, limit_price=Decimal(9))
    assert message(refused) == "insufficient qty available for order (requested: 2, available: 1)"
    assert isinstance(refused, Refusal)
    assert (refused.figures["existing_qty"], refused.figures["held_for_orders"]) == ("3", "2")


def test_a_sell_does_not_add_buying_power_before_it_fills() -> None:
    account = with_position(1, cash=300)
    accepted(account, side=Side.SELL, limit_price=Decimal("2.40"))
    assert account.options_buying_power_usd == 40
    advance(account)
    assert account.options_buying_power_usd == 280
    assert account.positions == {}


def test_the_average_entry_stays_when_part_is_sold() -> None:
    account = with_position(1)
    accepted(account, qty=3, limit_price=Decimal("3.00"))
    advance(account, quote=Nbbo(bid=Decimal("2.90"), ask=Decimal("3.00")))
    assert account.positions[CALL].avg_entry_price == Decimal("2.90")
    accepted(account, side=Side.SELL, qty=2, limit_price=Decimal("2.40"))
    advance(account)
    assert (account.positions[CALL].qty, account.positions[CALL].avg_entry_price) == (2, Decimal("2.90"))


def test_a_client_order_id_is_refused_even_after_its_order_was_refilled_or_cancelled() -> None:
    account = an_account()
    order_id = accepted(account, client_order_id="c-1")
    account.cancel(order_id, NOW)
    assert message(submit(account, client_order_id="c-1")) == "client_order_id must be unique"


def test_a_refused_order_does_not_use_up_its_client_order_id() -> None:
    account = an_account(300)
    assert isinstance(submit(account, qty=2, client_order_id="c-1"), Refusal)
    accepted(account, qty=1, client_order_id="c-1")


def test_a_filled_order_cannot_be_cancelled() -> None:
    account = with_position(1)
    order_id = next(iter(account.orders))
    refused = account.cancel(order_id, NOW)
    assert message(refused) == 'order is already in "filled" state'


def replaced(account: Account, order_id: str, **changes: Any) -> tuple[OrderEvent, OrderEvent] | Refusal:
    timing = Timing(live_at=LIVE_AT, expires_at=CLOSES_AT)
    return account.replace(
        order_id, Changes(**changes), now=NOW, timing=timing, quote_of=lambda _symbol: QUOTE
    )


def test_a_replacement_holds_what_it_costs_and_not_both() -> None:
    account = an_account(300)
    order_id = accepted(account, limit_price=Decimal("1.00"))
    advance(account)
    outcome = replaced(account, order_id, limit_price=Decimal("2.00"))
    assert isinstance(outcome, tuple)
    assert [event.kind for event in outcome] == [EventKind.PENDING_REPLACE, EventKind.PENDING_NEW]
    assert account.options_buying_power_usd == 100
    refused = replaced(account, outcome[1].order.id, qty=9)
    assert message(refused) == "order chain not fully replaced"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "order parameters are not changed"),
        ({"limit_price": Decimal("1.00")}, "order parameters are not changed"),
        (
            {"limit_price": Decimal("9.00")},
            "insufficient options buying power (required: 900, available: 300)",
        ),
        ({"client_order_id": "c-1", "qty": 2}, "client_order_id must be unique"),
    ],
)
def test_replacements_that_are_refused_change_nothing(changes: dict[str, Any], expected: str) -> None:
    account = an_account(300)
    order_id = accepted(account, limit_price=Decimal("1.00"), client_order_id="c-1")
    advance(account)
    before = dict(account.orders)
    assert message(replaced(account, order_id, **changes)) == expected
    assert account.orders == before


def test_ids_look_like_uuids_and_repeat_in_the_same_run() -> None:
    ids = [accepted(an_account(), client_order_id="c-1") for _ in range(2)]
    assert ids[0] == ids[1]
    assert [len(part) for part in ids[0].split("-")] == [8, 4, 4, 4, 12]
