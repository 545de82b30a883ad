"""The last look at an order before the socket: orders out never exceed decisions in.

1. A request that could make an order is sent only with a permit, which a committed intent gives: for one client order
   id, as a new order or in place of a certain one, with exactly these fields, once. What else changes something at the
   venue is not sent, but for a cancellation; and nothing that does goes to another host than paper's or this machine's.
2. A permit can be used only while the switch is held for it (`arm`), and not once the holder's lease is over.
3. It is good for some seconds from the decision behind it: what was decided on is not true for ever, and another worker
   may have settled the order meanwhile. Who is too late decides anew (`renew`).
4. It is used up when the request is let through, whatever becomes of it. It is given again only after the venue took no
   notice for certain, or by the next committed intent.
5. Whatever has no permit is no order of a decision: OrdersAboveDecisions, and the process stops.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Lock
from urllib.parse import urlsplit

from kernel.adapters.control import Lease
from kernel.contracts.messages import RejectionCode
from kernel.domain.errors import InvariantBroken, TransientError
from kernel.domain.hosts import is_paper_url
from kernel.domain.money import plain
from kernel.runtime.clock import seconds_gone_by
from services.executor.core.orders import OrderRequest

#: Seconds from a decision to the first byte of its request.
GOOD_FOR_S = 5.0
_CANCELLATION = re.compile(r"/v2/orders/[^/?]+")


class OrdersAboveDecisions(InvariantBroken):
    """Something wanted to send an order that no committed intent stands behind."""


class LeaseOver(TransientError):
    """It took too long to come to the socket; the request was not sent."""


@dataclass(frozen=True, slots=True)
class _Permit:
    method: str
    path: str
    fields: Mapping[str, str]
    decided_at_s: float
    lease: Lease | None = None


class WireGuard:
    """The permits of one process; its methods may be called from any thread."""

    def __init__(self, time_s: Callable[[], float] = seconds_gone_by) -> None:
        self.time_s = time_s
        self._permits: dict[str, _Permit] = {}
        self._used: dict[str, _Permit] = {}
        self._lock = Lock()

    def permit(
        self, request: OrderRequest, *, replaces: str | None = None, decided_at_s: float | None = None
    ) -> None:
        """Let this request be sent once: its intent is committed.

        `replaces`: the venue's id of the order it takes the place of. `decided_at_s`: by `time_s`; None is now.
        """
        at_s = self.time_s() if decided_at_s is None else decided_at_s
        if replaces is None:
            permit = _Permit("POST", "/v2/orders", order_fields(request), at_s)
        else:
            permit = _Permit("PATCH", f"/v2/orders/{replaces}", replacement_fields(request), at_s)
        with self._lock:
            self._permits[request.client_order_id] = permit

    def renew(self, client_order_id: str, decided_at_s: float) -> None:
        """Say that it was decided anew that the request is to be sent; without an unused permit that changes nothing."""
        with self._lock:
            permit = self._permits.get(client_order_id)
            if permit is not None:
                self._permits[client_order_id] = replace(permit, decided_at_s=decided_at_s)

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
        if method == "GET":
            return
        parts = urlsplit(url)
        if not is_paper_url(f"{parts.scheme}://{parts.netloc}"):
            raise _blocked(f"{method} {parts.path} to {parts.hostname}")
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        if method == "DELETE" and _CANCELLATION.fullmatch(path):
            return
        self._use(method, path, _fields(body))

    def _use(self, method: str, path: str, fields: Mapping[str, object]) -> None:
        client_order_id = str(fields.get("client_order_id"))
        with self._lock:
            permit = self._permits.pop(client_order_id, None)
            if permit is None or permit.lease is None or not _is_for(permit, method, path, fields):
                raise _blocked(f"{method} {path} of client order id {client_order_id}")
            self._used[client_order_id] = permit
        if permit.lease.over or self.time_s() - permit.decided_at_s > GOOD_FOR_S:
            raise LeaseOver("the order came to the socket too late to be sent on its decision")


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


def replacement_fields(request: OrderRequest) -> dict[str, str]:
    """Return the JSON of a replacement: what changes, and the quantity all the same, so that it never grows unseen."""
    return {
        "client_order_id": request.client_order_id,
        "qty": str(request.contracts),
        "limit_price": plain(request.limit_price),
    }


def _is_for(permit: _Permit, method: str, path: str, fields: Mapping[str, object]) -> bool:
    """Tell whether a request is the permitted one."""
    return (permit.method, permit.path) == (method, path) and permit.fields == fields


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
