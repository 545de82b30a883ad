"""An audit that finds nothing wrong proves nothing unless it finds what is."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kernel.contracts.base import Message
from kernel.contracts.messages import Execution, OrderStatus, Rejection, RejectionCode, Ticket
from kernel.testing.builders import a_meta, a_selection, a_signal, a_ticket, an_idea
from services.executor.core.orders import client_order_id_of
from tests.chaos.nemesis.audit import audit
from tests.chaos.nemesis.facts import Attempt, Facts, Ledger, Order, Venue, Written
from tests.chaos.nemesis.feed import Sent

AT = datetime(2026, 6, 5, 14, 0, tzinfo=UTC)
SIGNALS = "dispatch.signals"
POISON = {SIGNALS: [b"poison"]}
TICKET = a_ticket("signal-1")
ORDER_ID = client_order_id_of(TICKET.meta.id)
SYMBOL = TICKET.legs[0].occ_symbol
REFUSED = a_signal("signal-2")


def a_no(signal_id: str, stage: str, step: str = "no") -> Rejection:
    meta = a_meta(signal_id, step, correlation_id=signal_id).model_copy(update={"stage": stage})
    return Rejection(meta=meta, idea=an_idea(), code=RejectionCode.MARKET_CLOSED, message="closed")


def an_execution(ticket: Ticket) -> Execution:
    return Execution(
        meta=a_meta(ticket.meta.id, "step-1", correlation_id=ticket.meta.correlation_id),
        idea=ticket.idea,
        ticket_id=ticket.meta.id,
        client_order_id=client_order_id_of(ticket.meta.id),
        sequence=1,
        status=OrderStatus.SENDING,
        action=ticket.action,
        legs=ticket.legs,
        contracts=ticket.contracts,
        filled_contracts=0,
        limit_price=ticket.limit_price,
        notional_usd=ticket.limit_price,
    )


def written(topic: str, message: Message) -> Written:
    return Written(topic, message, AT)


SENT = [
    Sent("alert-1", AT, AT, a_signal("signal-1").meta.id),
    Sent("alert-2", AT, AT, REFUSED.meta.id),
]
WELL = Facts(
    log=[
        written("signals", a_signal("signal-1")),
        written("signals", REFUSED),
        written("selections", a_selection("signal-1")),
        written("tickets", TICKET),
        written("tickets", TICKET),
        written("executions", an_execution(TICKET)),
        written("rejections", a_no(REFUSED.meta.id, "selector")),
    ],
    dead={SIGNALS: [b"poison", b"poison"]},
    lags={"selector": 0},
    ledger=Ledger(
        orders=[Order(ORDER_ID, TICKET.meta.id, SENT[0].signal_id or "", SYMBOL, "FILLED", 4, 4)],
        attempts=[Attempt(ORDER_ID, ORDER_ID, 1, "FILLED")],
        unpublished=0,
        switch=[("*", "ACTIVE", "never stopped")],
        positions={SYMBOL: 4},
        differences=[],
    ),
    venue=Venue(Counter({ORDER_ID: 1}), Counter({ORDER_ID: 4}), {SYMBOL: 4}, frozenset()),
)


def ledger(**values: object) -> Facts:
    return replace(WELL, ledger=replace(WELL.ledger, **values))


def venue(**values: object) -> Facts:
    return replace(WELL, venue=replace(WELL.venue, **values))


def without(topic: str) -> Facts:
    return replace(WELL, log=[w for w in WELL.log if w.topic != topic])


def also(topic: str, message: Message) -> Facts:
    return replace(WELL, log=[*WELL.log, written(topic, message)])


def found(facts: Facts, sent: list[Sent] = SENT) -> set[str]:
    return {violation.what for violation in audit(facts, sent, POISON)}


def test_a_run_in_which_all_is_well_has_no_violation() -> None:
    """Repeats of a message and of a dead letter are no second decision."""
    assert found(WELL) == set()


ORDER = WELL.ledger.orders[0]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: replace(WELL, log=WELL.log[1:]), "signals accepted but not in the log"),
        (lambda: also("signals", a_signal("signal-9")), "signals nobody sent"),
        (lambda: without("rejections"), "signals without an answer"),
        (lambda: also("rejections", a_no(REFUSED.meta.id, "selector", "x")), "signals with two rejections"),
        (lambda: also("rejections", a_no(SENT[0].signal_id or "", "sizer")), "signals both refused and sized"),
        (lambda: also("tickets", a_ticket("signal-1", contracts=3)), "signals with two tickets"),
        (lambda: also("selections", a_selection("signal-1", candidates=9)), "signals with two selections"),
        (lambda: without("executions"), "orders nothing was told of"),
        (lambda: ledger(orders=[], attempts=[]), "tickets without an order in the ledger"),
        (lambda: ledger(orders=[], attempts=[]), "orders at the venue no attempt explains"),
        (lambda: ledger(orders=[ORDER, replace(ORDER, order_id="x")]), "tickets with two orders"),
        (lambda: ledger(orders=[replace(ORDER, order_id="x")]), "orders whose id does not come from their ticket"),
        (lambda: venue(accepted=Counter({ORDER_ID: 2})), "orders the venue took twice"),
        (lambda: venue(accepted=Counter()), "acknowledged attempts the venue never had"),
        (lambda: venue(filled=Counter({ORDER_ID: 3})), "orders whose fills differ"),
        (lambda: venue(filled=Counter({ORDER_ID: 5})), "orders filled beyond their contracts"),
        (lambda: venue(positions={SYMBOL: 3}), "positions that differ"),
        (lambda: venue(positions={SYMBOL: 4, "SPY260605P00520000": 1}), "positions that differ"),
        (lambda: ledger(positions={SYMBOL: 5}), "positions kept that differ"),
        (lambda: ledger(positions={}), "positions kept that differ"),
        (lambda: ledger(differences=["cash: ..."]), "differences to the venue nothing explains"),
        (lambda: ledger(orders=[replace(ORDER, status="UNKNOWN")]), "orders in doubt"),
        (
            lambda: ledger(orders=[replace(ORDER, status="ACKNOWLEDGED")]),
            "working orders the venue does not have open",
        ),
        (lambda: ledger(unpublished=1), "messages not published"),
        (lambda: replace(WELL, lags={"sizer": 1}), "stages behind"),
        (lambda: replace(WELL, dead={}), f"poison in {SIGNALS} without a dead letter"),
        (lambda: replace(WELL, dead={SIGNALS: [b"poison", b"x"]}), f"dead letters of {SIGNALS} nobody planted"),
        (lambda: ledger(switch=[("*", "HALTED", "breaker")]), "trading was stopped"),
    ],
)  # fmt: skip
def test_what_must_not_be_is_found(make: Callable[[], Facts], what: str) -> None:
    assert what in found(make())


def test_an_order_with_two_attempts_open_is_found() -> None:
    second = Attempt("second", ORDER_ID, 2, "ACKNOWLEDGED")
    facts = ledger(attempts=[*WELL.ledger.attempts, second])
    facts = replace(
        facts,
        venue=replace(
            facts.venue,
            accepted=Counter({ORDER_ID: 1, "second": 1}),
            open_orders=frozenset({ORDER_ID, "second"}),
        ),
    )

    assert found(facts) == {"orders with several attempts open"}


def test_alerts_that_were_never_accepted_or_became_one_signal_are_found() -> None:
    assert "alerts never accepted" in found(WELL, [*SENT, Sent("alert-3", AT)])
    assert "alerts that became one signal" in found(WELL, [*SENT, SENT[0]])
