"""What the executor asks of the outside: the venue's order desk, its sessions, its updates, and the table of orders."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from kernel.contracts.messages import Ticket
from kernel.domain.calendar import TradingCalendar
from kernel.domain.control import Switch
from services.executor.core.answers import Answer
from services.executor.core.order_life import Order
from services.executor.core.orders import OrderRequest
from services.executor.core.readiness import Readiness
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

    async def find(self, client_order_id: str) -> VenueReport | None:
        """Return the order under our id, or None when the venue says it has none; raises VenueUnavailable."""
        ...

    async def open_orders(self) -> Sequence[VenueReport]:
        """Return the account's open orders, ours and others'; raises VenueUnavailable. May leave some out."""
        ...

    async def cancel(self, venue_order_id: str) -> None:
        """Ask for an order's end; whether it came only a look-up tells. Raises VenueUnavailable."""
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


class TradeUpdates(Protocol):
    """The venue's trade-updates stream: hints that something happened, never the truth about what."""

    async def listen(self, on_order: Callable[[str], None], on_connect: Callable[[], None]) -> None:
        """Listen for ever: `on_order(client_order_id)` at every update, `on_connect()` after every (re)connect."""
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
