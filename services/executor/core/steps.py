"""A step of an order together with the messages it makes: what is written in one transaction.

1. Every step makes exactly one Execution, whose id is derived from the ticket and the step's sequence.
2. An order that ends REJECTED without a fill also makes the ticket's one Rejection.
3. Every decision of the gates is preceded by its Evidence. What the venue answered needs none: the Execution, and a
   refusal's figures, are its words.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from kernel.contracts.messages import (
    Evidence,
    Execution,
    OrderStatus,
    Rejection,
    RejectionCode,
    Ticket,
)
from kernel.contracts.origin import Origin
from kernel.contracts.parts import Side
from kernel.contracts.topics import EVIDENCE, EXECUTIONS, REJECTIONS, Topic
from kernel.domain.money import CONTRACT_MULTIPLIER
from services.executor.core.attempts import Attempt, request_of_attempt
from services.executor.core.evidence import evidence_of
from services.executor.core.facts import Facts
from services.executor.core.gates import Refusal, is_expired
from services.executor.core.gates.gate import equity_usd, positive
from services.executor.core.gates.traffic import counted_high
from services.executor.core.order_life import (
    UNANSWERED,
    WORKING,
    Order,
    advance,
    apply,
    begin_attempt,
    new_order,
    plan_anew,
    send_attempt,
)
from services.executor.core.orders import is_ours
from services.executor.core.venue_reports import VenueReport
from services.executor.core.walking import slippage_usd


class Reservation(StrEnum):
    """What a step does to the ticket's reserved money."""

    KEEP = "keep"
    AT_VENUE = "at_venue"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Step:
    """An order after a step, the messages to publish, in this order, and the market time of the step.

    `equity_high_usd` is the account's highest equity where the step's facts have raised it.
    """

    order: Order
    messages: tuple[Evidence | Execution | Rejection, ...]
    at: datetime
    equity_high_usd: Decimal | None = None

    @property
    def code(self) -> RejectionCode | None:
        """Why the order was refused, if this step refuses it."""
        return next((m.code for m in self.messages if isinstance(m, Rejection)), None)

    @property
    def reservation(self) -> Reservation:
        """What becomes of the ticket's reservation."""
        if self.order.ended:
            return Reservation.RELEASE
        return Reservation.AT_VENUE if self.order.status in WORKING else Reservation.KEEP


class Steps:
    """Makes steps, signed by `origin`. Each takes the order as it stands and the market time."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin

    def begin(self, ticket: Ticket, facts: Facts, refusal: Refusal | None) -> Step:
        """Return the first step of a ticket: SENDING, or REJECTED by a gate."""
        return self._gated(new_order(ticket), facts, refusal)

    def send_again(self, order: Order, facts: Facts, refusal: Refusal | None) -> Step:
        """Return the step of an order the venue has proved not to have: sent once more, or refused by now."""
        return self._gated(order, facts, refusal)

    def doubt(self, order: Order, reason: str, now: datetime) -> Step:
        """Return the step to UNKNOWN."""
        return self._step(advance(order, OrderStatus.UNKNOWN, reason), now)

    def claim(self, order: Order, reason: str, now: datetime) -> Step | None:
        """Return the step of an order whose id the venue calls taken; None if that is known, or its order is."""
        if order.current.status not in UNANSWERED or order.current.id_claimed:
            return None
        return self._step(advance(order, OrderStatus.UNKNOWN, reason, claimed=True), now)

    def refuse(self, order: Order, refusal: Refusal, now: datetime) -> Step:
        """Return the step of an order the venue does not have and will not be sent."""
        return self._step(advance(order, OrderStatus.REJECTED, refusal.message), now, refusal)

    def report(self, order: Order, report: VenueReport, now: datetime, why: str | None = None) -> Step | None:
        """Return the step that the order found at the venue under our id leads to; None if it brings nothing new."""
        attempt = order.attempt_under(report.client_order_id)
        if attempt is None:
            return None
        if attempt.venue_order_id is None and not _is_of(order, attempt, report):
            first_in_doubt = attempt.number == 1 and order.status in UNANSWERED
            return self.refuse(order, _id_taken(report), now) if first_in_doubt else None
        return self.accept(order, report, now, why)

    def accept(self, order: Order, report: VenueReport, now: datetime, why: str | None = None) -> Step | None:
        """Return the step that the venue's answer to our own request leads to; None if it brings nothing new.

        `why` is what we cancelled for, if we did.
        """
        moved = apply(order, report)
        if moved is None:
            return None
        if moved.status is OrderStatus.CANCELED and is_expired(order.ticket, now):
            why = "cancelled after the ticket had expired"
        if moved.status is OrderStatus.CANCELED and why is not None:
            moved = replace(moved, reason=why)
        return self._step(moved, now, _refusal_of(moved))

    def begin_attempt(self, order: Order, limit: Decimal, why: str, now: datetime, *, replaces: bool) -> Step:
        """Return the intent of the next attempt at `limit`, committed before the venue hears of it."""
        return self._step(begin_attempt(order, limit, now, why, replaces=replaces), now)

    def plan_anew(self, order: Order, why: str, now: datetime, *, refused: bool) -> Step:
        """Return the step of an attempt the venue did not make by replacing: cancel, and send it after that."""
        return self._step(plan_anew(order, why, refused=refused), now)

    def send_attempt(self, order: Order, now: datetime) -> Step:
        """Return the step of an attempt that is sent now, for what is left; all attempts before it have ended."""
        return self._step(send_attempt(order), now)

    def abandon_attempt(self, order: Order, why: str, now: datetime) -> Step:
        """Return the step of an attempt after the first that the venue does not have and will not be sent."""
        moved = advance(order, OrderStatus.REJECTED, why)
        return self._step(moved, now, _refusal_of(moved))

    def _gated(self, order: Order, facts: Facts, refusal: Refusal | None) -> Step:
        if refusal is None:
            step = self._step(advance(order, OrderStatus.SENDING), facts.now)
        else:
            step = self.refuse(order, refusal, facts.now)
        meta = self._origin.meta(order.ticket.meta, f"evidence-{step.order.sequence}", facts.now)
        return replace(
            step,
            messages=(evidence_of(meta, order, facts), *step.messages),
            equity_high_usd=_new_high(facts),
        )

    def _step(self, order: Order, now: datetime, refusal: Refusal | None = None) -> Step:
        execution = self._execution(order, now)
        messages = (execution,) if refusal is None else (execution, self._rejection(order, refusal, now))
        return Step(order, messages, now)

    def _execution(self, order: Order, now: datetime) -> Execution:
        ticket = order.ticket
        return Execution(
            meta=self._origin.meta(ticket.meta, f"execution-{order.sequence}", now),
            idea=ticket.idea,
            ticket_id=ticket.meta.id,
            client_order_id=order.client_order_id,
            venue_order_id=order.venue_order_id,
            sequence=order.sequence,
            status=order.status,
            action=ticket.action,
            legs=ticket.legs,
            contracts=ticket.contracts,
            filled_contracts=order.filled_contracts,
            limit_price=order.current.limit_price,
            average_fill_price=order.average_fill_price,
            notional_usd=notional_usd(order),
            venue_at=order.venue_at,
            reason=order.reason,
            decision_mid=ticket.mid,
            attempt=order.current.number,
            slippage_usd=slippage_of(order),
        )

    def _rejection(self, order: Order, refusal: Refusal, now: datetime) -> Rejection:
        ticket = order.ticket
        return Rejection(
            meta=self._origin.meta(ticket.meta, "rejection", now),
            idea=ticket.idea,
            code=refusal.code,
            message=refusal.message,
            figures=refusal.figures,
            account=ticket.account,
            observed_at=ticket.selected_at,
        )


def topic_of(message: Evidence | Execution | Rejection) -> Topic[Any]:
    """Return where a step's message goes."""
    match message:
        case Evidence():
            return EVIDENCE
        case Execution():
            return EXECUTIONS
        case Rejection():
            return REJECTIONS


def notional_usd(order: Order) -> Decimal:
    """Return what is filled at its price; before any fill, what was ordered at the limit; 0 if it ended unfilled."""
    if order.average_fill_price is not None:
        return order.filled_contracts * order.average_fill_price * CONTRACT_MULTIPLIER
    if order.ended:
        return Decimal(0)
    return order.ticket.contracts * order.current.limit_price * CONTRACT_MULTIPLIER


def slippage_of(order: Order) -> Decimal | None:
    """Return what the fills cost beyond the decision's mid, USD; None before the first fill."""
    price, mid = order.average_fill_price, order.ticket.mid
    if order.ticket.legs[0].side is Side.SELL and len(order.ticket.legs) == 1:
        price, mid = None if price is None else -price, -mid
    return slippage_usd(price, mid, order.filled_contracts)


def _is_of(order: Order, attempt: Attempt, report: VenueReport) -> bool:
    """Tell whether the venue's order under an attempt's id is that attempt.

    What replaced an order of ours is, though its limit be another: left alone, it would work on unseen.
    """
    request = request_of_attempt(order.ticket, attempt)
    if is_ours(request, report):
        return True
    before = {a.venue_order_id for a in order.attempts if a.venue_order_id is not None}
    same = (report.occ_symbol, report.side) == (request.occ_symbol, request.side)
    return same and report.replaces in before and report.contracts <= attempt.contracts


def _new_high(facts: Facts) -> Decimal | None:
    """Return the account's equity if a decision never saw it higher."""
    equity = equity_usd(facts.account)
    if equity is None or facts.book is None:
        return None
    high = counted_high(facts.book)
    if high is None:
        return equity
    return equity if positive(high) and equity > high else None


def _refusal_of(order: Order) -> Refusal | None:
    if order.status is not OrderStatus.REJECTED or order.filled_contracts:
        return None
    return Refusal(
        code=RejectionCode.VENUE_REJECTED,
        message="the venue rejected the order after it had taken it",
        figures={"venue_order_id": order.venue_order_id or "none"},
    )


def _id_taken(report: VenueReport) -> Refusal:
    return Refusal(
        code=RejectionCode.VENUE_REJECTED,
        message="another order stands at the venue under this ticket's client order id",
        figures={
            "venue_order_id": report.venue_order_id,
            "occ_symbol": report.occ_symbol,
            "side": report.side.value,
            "contracts": str(report.contracts),
            "limit_price": str(report.limit_price),
        },
    )
