"""The last look at an order before the socket: orders out never exceed decisions in.

1. A request that could make an order is sent only with a permit, which a committed intent gives: for one client order
   id, with exactly these fields, once. What else changes something at the venue is not sent, but for a cancellation.
2. A permit can be used only while the switch is held for it (`arm`), and not once the holder's lease is over.
3. It is used up when the request is let through, whatever becomes of it. It is given again only after the venue took no
   notice for certain, or by the next committed intent.
4. Whatever has no permit is no order of a decision: OrdersAboveDecisions, and the process stops.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from urllib.parse import urlsplit

from kernel.adapters.control import Lease
from kernel.contracts.messages import RejectionCode
from kernel.domain.errors import InvariantBroken, TransientError
from kernel.domain.money import plain
from services.executor.core.orders import OrderRequest


class OrdersAboveDecisions(InvariantBroken):
    """Something wanted to send an order that no committed intent stands behind."""


class LeaseOver(TransientError):
    """It took too long to come to the socket; the request was not sent."""


@dataclass(frozen=True, slots=True)
class _Permit:
    fields: Mapping[str, str]
    lease: Lease | None = None


class WireGuard:
    """The permits of one process; its methods may be called from any thread."""

    def __init__(self) -> None:
        self._permits: dict[str, _Permit] = {}
        self._used: dict[str, _Permit] = {}
        self._lock = Lock()

    def permit(self, request: OrderRequest) -> None:
        """Let this request be sent once: its intent is committed."""
        with self._lock:
            self._permits[request.client_order_id] = _Permit(order_fields(request))

    def arm(self, client_order_id: str, lease: Lease) -> None:
        """Say that the switch is held for this order; without a permit that changes nothing."""
        with self._lock:
            permit = self._permits.get(client_order_id)
            if permit is not None:
                self._permits[client_order_id] = replace(permit, lease=lease)

    def give_back(self, client_order_id: str) -> None:
        """Make a used permit good again: nothing was made of the request, for certain, so its intent still stands."""
        with self._lock:
            used = self._used.pop(client_order_id, None)
            if used is not None:
                self._permits[client_order_id] = replace(used, lease=None)

    def withdraw(self, client_order_id: str) -> None:
        """Forget the permit, used or not."""
        with self._lock:
            self._permits.pop(client_order_id, None)
            self._used.pop(client_order_id, None)

    def check(self, method: str, url: str, body: bytes | str | None) -> None:
        """Go through for a request that may be sent; called right before it is.

        Raises OrdersAboveDecisions, or LeaseOver for one that was permitted and comes too late.
        """
        path = urlsplit(url).path
        if method == "GET" or (method == "DELETE" and "/orders/" in path):
            return
        if method not in {"POST", "PATCH"} or "/orders" not in path:
            raise _blocked(f"{method} {path}")
        self._use(method, path, _fields(body))

    def _use(self, method: str, path: str, fields: Mapping[str, object]) -> None:
        client_order_id = str(fields.get("client_order_id"))
        with self._lock:
            permit = self._permits.pop(client_order_id, None)
            if permit is None or permit.lease is None or not _is_for(permit, method, fields):
                raise _blocked(f"{method} {path} of client order id {client_order_id}")
            self._used[client_order_id] = permit
        if permit.lease.over:
            raise LeaseOver("the order came to the socket too late to be sent under the switch")


def order_fields(request: OrderRequest) -> dict[str, str]:
    """Return the JSON of an order. Quantity and price are strings: exact, as Alpaca itself writes them."""
    return {
        "client_order_id": request.client_order_id,
        "symbol": request.occ_symbol,
        "qty": str(request.contracts),
        "side": request.side.value,
        "type": "limit",
        "limit_price": plain(request.limit_price),
        "time_in_force": "day",
        "order_class": "simple",
        "position_intent": request.intent.value,
    }


def _is_for(permit: _Permit, method: str, fields: Mapping[str, object]) -> bool:
    """Tell whether a request is the permitted one; a replacement (PATCH) says only what changes."""
    return permit.fields == fields if method == "POST" else fields.items() <= permit.fields.items()


def _fields(body: bytes | str | None) -> Mapping[str, object]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _blocked(what: str) -> OrdersAboveDecisions:
    return OrdersAboveDecisions(
        f"{RejectionCode.ORDERS_ABOVE_DECISIONS}: {what} was not sent, no committed intent permits it"
    )
