"""Stories built from valid messages, as if they had been read from the topics."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from dispatch.stories.story import Library, Story
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Execution, OrderStatus, Rejection, RejectionCode
from kernel.contracts.parts import Action
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS, TICKETS
from kernel.domain.ids import derive_id
from kernel.stream.reader import StoredRecord
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_meta, a_selection, a_signal, a_ticket, an_account, an_idea

WALL = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def signal_id(cause: str) -> str:
    """Return the id of the signal that `cause` makes."""
    return a_signal(cause).meta.id


def an_execution(cause: str, sequence: int, status: OrderStatus, **values: Any) -> Execution:
    """Return a step of the order of `cause`'s ticket."""
    ticket = a_ticket(cause)
    filled = ticket.contracts if status is OrderStatus.FILLED else 0
    defaults: dict[str, Any] = {
        "meta": a_meta(f"{ticket.meta.id}-{sequence}", "executor", correlation_id=signal_id(cause)),
        "idea": ticket.idea,
        "ticket_id": ticket.meta.id,
        "client_order_id": derive_id(ticket.meta.id, "order"),
        "venue_order_id": f"venue-{cause}",
        "sequence": sequence,
        "status": status,
        "action": Action.BUY_TO_OPEN,
        "legs": (a_leg(),),
        "contracts": ticket.contracts,
        "filled_contracts": filled,
        "limit_price": ticket.limit_price,
        "average_fill_price": Decimal("2.51") if filled else None,
        "notional_usd": Decimal(1004),
    }
    return Execution(**(defaults | values))


def a_rejection(
    cause: str, code: RejectionCode = RejectionCode.NO_CONTRACT_QUALIFIES, **values: Any
) -> Rejection:
    """Return a no to the signal of `cause`."""
    signal = a_signal(cause)
    defaults: dict[str, Any] = {
        "meta": a_meta(signal.meta.id, "selector-no", correlation_id=signal.meta.id),
        "idea": an_idea(),
        "code": code,
        "message": "none of 40 contracts qualifies",
        "figures": {"budget_usd": "1000.00"},
        "rejects": {"VOLUME_TOO_LOW": 40},
        "account": an_account(),
        "observed_at": signal.meta.occurred_at,
    }
    return Rejection(**(defaults | values))


def filled(cause: str) -> list[Emission[Any]]:
    """Return the messages of a signal that was filled."""
    return [
        Emission(SIGNALS, a_signal(cause)),
        Emission(SELECTIONS, a_selection(cause)),
        Emission(TICKETS, a_ticket(cause)),
        Emission(EXECUTIONS, an_execution(cause, 1, OrderStatus.ACKNOWLEDGED)),
        Emission(EXECUTIONS, an_execution(cause, 2, OrderStatus.FILLED)),
    ]


def refused(cause: str) -> list[Emission[Any]]:
    """Return the messages of a signal the selector refused."""
    return [Emission(SIGNALS, a_signal(cause)), Emission(REJECTIONS, a_rejection(cause))]


def records(emissions: list[Emission[Any]], prefix: str = "dispatch.") -> list[StoredRecord]:
    """Return `emissions` as records written 10 ms apart."""
    codec = Codec()
    return [
        StoredRecord(
            topic=e.topic.full_name(prefix),
            partition=0,
            offset=offset,
            key=e.key.encode(),
            value=codec.encode(e.topic, e.message),
            written_at=WALL + timedelta(milliseconds=10 * offset),
            headers=(),
        )
        for offset, e in enumerate(emissions)
    ]


def library_of(*stories: list[Emission[Any]]) -> Library:
    """Return a library of those stories."""
    library = Library()
    library.add_all(records([e for story in stories for e in story]))
    return library


def story_of(emissions: list[Emission[Any]]) -> Story:
    """Return the one story of `emissions`."""
    (story,) = library_of(emissions).stories.values()
    return story
