"""What the venue can answer to an order, as values; and what a refusal means."""

from dataclasses import dataclass

from kernel.contracts.messages import RejectionCode
from services.executor.core.gates import Refusal
from services.executor.core.venue_reports import VenueReport

#: HTTP status and code of "client_order_id must be unique", shared with other faults of form.
_FORM = (422, 40010001)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order."""

    report: VenueReport


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The venue may have an order under this id already: only a look-up can tell."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no to this order; none was made by this request."""

    refusal: Refusal


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """The venue took no notice of the request (its rate limit), or never saw it: once judged anew it may be sent again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody knows: a time-out, a reset, a server error, an answer that cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """Nothing was sent: the switch does not let this order through."""

    refusal: Refusal


Answer = Accepted | Duplicate | Refused | NotAccepted | Unanswered | Stopped


def read_refusal(status: int, code: int | None, reason: str) -> Duplicate | Refused:
    """Return what a 4xx answer to an order means. Alpaca's code and status are its contract, its texts are not."""
    refusal = Refusal(
        code=RejectionCode.VENUE_REJECTED,
        message=f"the venue refused the order: {reason}",
        figures={
            "http_status": str(status),
            "venue_code": "none" if code is None else str(code),
            "reason": reason,
        },
    )
    return Duplicate(refusal) if (status, code) == _FORM else Refused(refusal)


def claims_duplicate(refusal: Refusal) -> bool:
    """Tell whether a refusal's text speaks of our id: then an order must be there, however long it takes to show."""
    return "client_order_id" in refusal.figures.get("reason", "").lower()
