"""What the executor asks of the outside: the venue's order desk, its sessions, its updates, and the table of orders."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from kernel.contracts.messages import Ticket
from kernel.domain.calendar import TradingCalendar
from kernel.domain.control import Switch
from services.executor.core.answers import Answer
from services.executor.core.facts import AccountFacts, Facts, Position, Quote
from services.executor.core.order_life import Order
from services.executor.core.orders import OrderRequest
from services.executor.core.readiness import Readiness
from services.executor.core.reconciling.activities import Activity
from services.executor.core.reconciling.books import Baseline, Event, LedgerView, Outcome, OwnOrder
from services.executor.core.reconciling.found import ForeignOrder
from services.executor.core.risk_book import AsOf, RiskBook
from services.executor.core.steps import Step
from services.executor.core.venue_reports import VenueReport


class Broker(Protocol):
    """The venue's order desk."""

    async def submit(self, request: OrderRequest) -> Answer:
        """Send an order once, with a deadline and without retry; every outcome is a value.

        Raises DatabaseUnavailable where the switch could not be asked: nothing was sent then.
        """
        ...

    async def replace(self, venue_order_id: str, request: OrderRequest) -> Answer:
        """Ask once for `request` in place of an open order, like `submit`; a refusal leaves that order as it was."""
        ...

    async def find(self, client_order_id: str) -> VenueReport | None:
        """Return the order under our id, or None when the venue says it has none; raises VenueUnavailable."""
        ...

    async def open_orders(self) -> Sequence[VenueReport]:
        """Return the account's open orders, ours and others'; raises VenueUnavailable. May leave some out."""
        ...

    async def cancel(self, venue_order_id: str) -> bool:
        """Ask for an order's end; whether it came only a look-up tells. Raises VenueUnavailable.

        Returns whether the venue took it: False if the order cannot be cancelled any more.
        """
        ...


class Sessions(Protocol):
    """The venue's calendar."""

    async def around(self, day: date) -> TradingCalendar:
        """Return the session of `day`, if there is one, and those of the coming week; raises VenueUnavailable."""
        ...


class ReadinessBoard(Protocol):
    """What is known of the venue's side by now."""

    async def readiness(self) -> Readiness:
        """Return what is known; `READINESS_UNKNOWN` when nothing is. Raises DatabaseUnavailable."""
        ...


class Accounts(Protocol):
    """The trading account and what it holds. Figures that are senseless come back as None; raises VenueUnavailable."""

    async def account(self) -> AccountFacts | None:
        """Return the account as it stands."""
        ...

    async def positions(self) -> tuple[Position, ...] | None:
        """Return its positions in options."""
        ...


class Prices(Protocol):
    """The market as it is now. Figures that are senseless or missing come back as None; raises VenueUnavailable."""

    async def option(self, occ_symbol: str) -> Quote | None:
        """Return a contract's latest quote."""
        ...

    async def price_usd(self, underlying: str) -> Decimal | None:
        """Return the price of a share."""
        ...


class Quotes(Protocol):
    """The venue's quotes."""

    async def nbbo(self, occ_symbol: str) -> Quote | None:
        """Return the latest quote of a contract, None when there is none; raises VenueUnavailable."""
        ...


class TradeUpdates(Protocol):
    """The venue's trade-updates stream: hints that something happened, never the truth about what."""

    async def listen(
        self,
        on_order: Callable[[str], None],
        on_connect: Callable[[], None],
        on_disconnect: Callable[[], None],
    ) -> None:
        """Listen for ever: `on_order(client_order_id)` at every update, `on_connect()` after every (re)connect,
        `on_disconnect()` when the connection is lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """An order as it is stored now; `written` says whether this call wrote its last step."""

    order: Order
    written: bool


@dataclass(frozen=True, slots=True)
class Arrival:
    """A ticket as it comes in: the order it has already, and the account's traffic of the last minute with it."""

    held: Held
    traffic: int


Decide = Callable[[Order], Step | None]
Open = Callable[[RiskBook], Step]
Judge = Callable[[Order, RiskBook], Step | None]


class Orders(Protocol):
    """The orders, their ledger and their outbox. A step is written whole or not at all.

    Raises DatabaseUnavailable; whether a step was written is then unknown until the order is read again.
    """

    async def time(self) -> datetime:
        """Return the books' own clock: what they said before it, the venue's answers after it include."""
        ...

    async def known(self, ticket: Ticket, *, redelivered: bool) -> Arrival | None:
        """Return the order a ticket has already, else None. `redelivered`: its coming again counts as traffic.

        Raises UnprocessableError when that order was made from a ticket of other content.
        """
        ...

    async def begin(self, ticket: Ticket, as_of: AsOf, decide: Open) -> Held:
        """Lock the account, let `decide` see its book, and write the first step it returns.

        A ticket that has an order already gets that one, as from `known`.
        """
        ...

    async def judge(self, order: Order, as_of: AsOf, decide: Judge) -> Held | None:
        """As `change`, under the account's lock and with its book as it stands without this order."""
        ...

    async def change(self, client_order_id: str, decide: Decide) -> Held | None:
        """Lock an order, let `decide` see it as it stands, write the step it returns. None: no such order."""
        ...

    async def unsettled(self) -> Sequence[Order]:
        """Return all orders that have not ended, oldest first."""
        ...


class Standing(Protocol):
    """The switch that stops trading."""

    async def read(self) -> Switch:
        """Return the switch as it stands; raises DatabaseUnavailable."""
        ...


#: Takes over what the venue says of the order under our id; raises TransientError.
Follow = Callable[[str], Awaitable[None]]
Pause = Callable[[float], Awaitable[None]]
FactsOf = Callable[[Ticket], Awaitable[Facts]]


class Statement(Protocol):
    """What the venue says of the account beside its orders. Each raises VenueUnavailable."""

    async def fills(self, after: datetime) -> Sequence[Activity]:
        """Return the fills after an instant of market time, oldest first."""
        ...

    async def movements(self, after: datetime) -> Sequence[Activity]:
        """Return everything that moved without an order and appeared after an instant of market time."""
        ...

    async def positions(self) -> Mapping[str, Decimal]:
        """Return the signed quantities of all that is held."""
        ...

    async def cash_usd(self) -> Decimal:
        """Return the account's cash."""
        ...

    async def order(self, venue_order_id: str) -> ForeignOrder | None:
        """Return whose order this is; None when the venue does not know it."""
        ...


@dataclass(frozen=True, slots=True)
class BookReading:
    """The books as a pass read them. `fills_since` (market time): up to where the last one took fills.

    `pass_at` (machine time) is when that one read the books.
    """

    ledger: LedgerView
    version: int
    fills_since: datetime | None
    pass_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PassRecord:
    """One pass: whose, on which version of the books, in which listener's time, and up to where it took fills.

    `read_at` (machine time) is when it read the books: everything it looked at is later.
    """

    account_id: str
    version: int
    epoch: int
    read_at: datetime
    market_now: datetime
    fills_since: datetime
    duration_ms: float


class Books(Protocol):
    """The ledger's side of the comparison. Each raises DatabaseUnavailable."""

    async def lead(self, account_id: str) -> int:
        """Begin the time of a new listener; returns its epoch."""
        ...

    async def beat(self, account_id: str, epoch: int, *, stream_ready: bool) -> None:
        """Say that the listener is alive, and whether the stream is."""
        ...

    async def read(self, account_id: str) -> BookReading:
        """Return the books as they stand."""
        ...

    async def unknown(self, account_id: str, event_ids: Collection[str]) -> set[str]:
        """Return those of the ids that were never taken."""
        ...

    async def owners(self, venue_order_ids: Collection[str]) -> Mapping[str, str]:
        """Return the client order ids of those of the venue's orders that are known to be ours."""
        ...

    async def owner_of(self, client_order_id: str) -> str | None:
        """Return the order that was sent under an id of ours, or None: then it is not ours."""
        ...

    async def foreign(self, account_id: str, venue_order_ids: Collection[str]) -> set[str]:
        """Return those of the orders that are known to be somebody else's."""
        ...

    async def filled_since(self, account_id: str, since: datetime) -> Mapping[str, OwnOrder]:
        """Return our orders whose fills the ledger changed since `since` (machine time), begun after first sight."""
        ...

    async def own(self, account_id: str, client_order_ids: Collection[str]) -> Mapping[str, OwnOrder]:
        """Return those of our orders, if they were begun after first sight."""
        ...

    async def quantities(self, account_id: str) -> Mapping[str, Decimal]:
        """Return what the ledger holds by symbol."""
        ...

    async def adopt(self, account_id: str, order: ForeignOrder, found: Event) -> None:
        """Write down an order that is not ours, and that it was found; it moves nothing, and holds whatever comes of the pass."""
        ...

    async def begin(self, baseline: Baseline, held: Mapping[str, Decimal], record: PassRecord) -> bool:
        """Write the first figures of an account, where the ledger held `held`; returns whether they count."""
        ...

    async def keep(self, outcome: Outcome, foreign: Sequence[ForeignOrder], record: PassRecord) -> bool:
        """Write what a pass found; returns whether it counts: not if the books or the listener changed meanwhile."""
        ...
