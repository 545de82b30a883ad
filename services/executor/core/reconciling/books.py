"""What the ledger says and what the venue says, as values; and what comes of holding one against the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from services.executor.core.reconciling.activities import Activity, Kind

#: Key of the cash among differences; positions and orders have a prefix before their name.
CASH = "cash"
#: The venue tells cash in cents; what a fraction of a share costs has more digits.
_HALF_A_CENT = Decimal("0.005")


def cash_agrees(found_usd: Decimal, expected_usd: Decimal) -> bool:
    """Tell whether two figures of cash are the same to half a cent."""
    return abs(found_usd - expected_usd) <= _HALF_A_CENT


def position_key(symbol: str) -> str:
    """Return the key of a position's difference."""
    return f"position:{symbol}"


def order_key(client_order_id: str) -> str:
    """Return the key of an order's difference."""
    return f"order:{client_order_id}"


def order_of(key: str) -> str | None:
    """Return the client order id a difference is about; None where it is about something else."""
    return key.removeprefix(order_key("")) if key.startswith(order_key("")) else None


def event_key(event_id: str) -> str:
    """Return the key of an expected activity that never came."""
    return f"expected:{event_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that explains a difference, once: `id` is the venue's or derived from what it shows.

    `quantity` (signed) and `cash_usd` are what it does to the books. A FILL is of an order of ours, whose own steps move
    the ledger's position. `expects` and `expects_usd`: what an activity of the venue will still confirm; or, where
    `confirms` names another event, what less of it is expected. `order_contracts`: what our order counts as filled
    besides its fills.
    """

    id: str
    kind: Kind
    at: datetime
    symbol: str | None = None
    quantity: Decimal = Decimal(0)
    cash_usd: Decimal = Decimal(0)
    venue_order_id: str | None = None
    client_order_id: str | None = None
    expects: Decimal = Decimal(0)
    expects_usd: Decimal = Decimal(0)
    confirms: str | None = None
    order_contracts: Decimal = Decimal(0)
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a synthetic event still expects an activity to confirm."""

    event_id: str
    kind: Kind
    symbol: str
    quantity: Decimal
    cash_usd: Decimal
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnOrder:
    """One of our orders at the venue: contracts filled by the ledger, and by the fills that were taken before."""

    client_order_id: str
    ledger_contracts: Decimal
    taken_contracts: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The ledger says one figure and the venue another. `expected` is the ledger's."""

    key: str
    expected: Decimal
    found: Decimal

    @property
    def amount(self) -> Decimal:
        """Return what the venue has more."""
        return self.found - self.expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A difference over the passes it stood in. `passes` counts them, `quiet` those since it was last touched.

    `is_drift` once it stood long enough; it stays so until it is gone. Times are the machine's.
    """

    difference: Difference
    passes: int
    quiet: int
    is_drift: bool
    first_at: datetime
    counted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerView:
    """The ledger as a pass found it. `positions` and `cash_usd` are what all activities taken so far add up to.

    `read_at` is the machine's time; `baseline_at` market time, None before the account was first seen.
    """

    account_id: str
    read_at: datetime
    baseline_at: datetime | None
    positions: Mapping[str, Decimal]
    cash_usd: Decimal
    expected: Sequence[Expected] = ()
    suspects: Sequence[Suspect] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueView:
    """What the venue told: activities new to the ledger `before` positions and cash were read, and new `between`.

    `positions` are signed and without zeros. `now` is market time.
    """

    now: datetime
    before: Sequence[Activity]
    between: Sequence[Activity]
    positions: Mapping[str, Decimal]
    cash_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Our orders as far as a pass has to look at them, by client order id.

    `early`: read before the venue's activities were last listed, those whose fills the ledger changed of late.
    `late`: read after it, those the new fills are of. Both have those that differed in the pass before.
    """

    early: Mapping[str, OwnOrder] = field(default_factory=dict)
    late: Mapping[str, OwnOrder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The venue's figures taken as they are, at first sight; the activities that led to them are done with."""

    positions: Mapping[str, Decimal]
    cash_usd: Decimal
    events: Sequence[Event]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a pass found: events to take, and the differences nothing explains (yet)."""

    events: Sequence[Event]
    suspects: Sequence[Suspect]

    @property
    def is_clean(self) -> bool:
        """Whether everything is explained."""
        return not self.suspects

    @property
    def drift(self) -> Sequence[Suspect]:
        """Return the differences that stood long enough to be believed."""
        return [suspect for suspect in self.suspects if suspect.is_drift]
