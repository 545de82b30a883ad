"""A paper account told from the venue's journal alone: starting cash, and every row that moved money, contracts or shares.

Nothing of the venue's code is used, and no total it wrote is believed: what a row says it did to cash is compared with
its quantity × price. It knows orders of one leg. Prices are Decimals, USD per share.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

_OPTION = re.compile(r"(?P<root>[A-Z]+)(?P<expiration>\d{6})(?P<right>[CP])(?P<strike>\d{8})")
_FRIDAY = 4
_FILLS = {"fill", "partial_fill"}
_ENDS = {"fill": "filled", "canceled": "canceled", "expired": "expired", "rejected": "rejected"}
#: Contracts that end or are exercised leave without money; the shares or the cash that follow are rows of their own.
_WITHOUT_MONEY = {"OPEXP", "OPEXC", "OPASN"}


@dataclass
class JournalOrder:
    """One order; `ended` is None while it works. `accepted` is False for what the venue traded by itself."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    qty: int
    limit: Decimal | None
    accepted: bool
    filled: int = 0
    paid: Decimal = Decimal(0)
    ended: str | None = None
    ended_at: str | None = None

    @property
    def held(self) -> Decimal:
        """Dollars that a buy order keeps back while it works."""
        if self.ended is not None or self.side != "buy" or self.limit is None:
            return Decimal(0)
        return self.limit * (self.qty - self.filled) * multiplier(self.symbol)


@dataclass
class JournalAccount:
    """What the rows add up to; `positions` are signed and without zeros."""

    cash: Decimal
    positions: dict[str, int] = field(default_factory=dict)
    orders: dict[str, JournalOrder] = field(default_factory=dict)

    @property
    def buying_power(self) -> Decimal:
        """What is left to spend on options, of an account without short ones."""
        return self.cash - sum((order.held for order in self.orders.values()), Decimal(0))

    @property
    def sent(self) -> dict[str, JournalOrder]:
        """Orders somebody sent, by client order id."""
        return {order.client_order_id: order for order in self.orders.values() if order.accepted}

    def move(self, symbol: str, qty: int, dollars: Decimal, row: Mapping[str, Any]) -> None:
        assert dollars == Decimal(row["net_usd"]), f"quantity x price is {dollars}: {row}"
        self.cash += dollars
        held = self.positions.pop(symbol, 0) + qty
        if held:
            self.positions[symbol] = held


def account_of(rows: Iterable[Mapping[str, Any]]) -> JournalAccount:
    """Return the account that a whole journal of one account adds up to; fails on gaps and on rows it cannot explain."""
    account, last = JournalAccount(Decimal(0)), 0
    for row in rows:
        assert row["seq"] == last + 1, f"row {last + 1} is missing"
        last = row["seq"]
        if row["kind"] == "venue_started":
            account.cash = Decimal(str(row["equity_usd"]))
        elif row["kind"] == "activity":
            _take_activity(account, row)
        elif "order_id" in row:
            _take_order(account, row)
    return account


def multiplier(symbol: str) -> int:
    return 100 if _OPTION.fullmatch(symbol) else 1


def intrinsic(symbol: str, spot: Decimal) -> Decimal:
    """Return what a contract is worth per share when it ends at `spot`."""
    option = _OPTION.fullmatch(symbol)
    assert option, symbol
    beyond = (spot - Decimal(option["strike"]) / 1000) * (1 if option["right"] == "C" else -1)
    return max(beyond, Decimal(0))


def expires_on(symbol: str, day: date) -> bool:
    """Tell whether a symbol is a contract of that expiration; a Saturday's ends on the Friday before."""
    days = {f"{each:%y%m%d}" for each in (day, day + timedelta(days=1) if day.weekday() == _FRIDAY else day)}
    option = _OPTION.fullmatch(symbol)
    return option is not None and option["expiration"] in days


def _take_order(account: JournalAccount, row: Mapping[str, Any]) -> None:
    assert not row.get("legs"), f"orders of one leg only: {row}"
    kind = row["kind"]
    order = account.orders.setdefault(row["order_id"], _first_told(row))
    assert order.ended is None, f"an order that had ended: {row}"
    if kind in _FILLS:
        signed = row["qty"] if row["side"] == "buy" else -row["qty"]
        price = Decimal(row["price"])
        account.move(row["symbol"], signed, -signed * price * multiplier(row["symbol"]), row)
        order.filled += row["qty"]
        order.paid += row["qty"] * price
        assert order.filled <= order.qty, f"filled beyond its quantity: {row}"
        assert (kind == "fill") == (order.filled == order.qty), f"neither whole nor partial: {row}"
        assert _keeps_the_limit(order, price), f"beyond its limit of {order.limit}: {row}"
    if kind in _ENDS:
        order.ended, order.ended_at = _ENDS[kind], row["market_at"]


def _first_told(row: Mapping[str, Any]) -> JournalOrder:
    accepted = row["kind"] == "order_accepted"
    limit = Decimal(row["price"]) if accepted and row["price"] is not None else None
    named = (row["order_id"], row["client_order_id"], row["symbol"], row["side"])
    return JournalOrder(*named, qty=row["qty"], limit=limit, accepted=accepted)


def _keeps_the_limit(order: JournalOrder, price: Decimal) -> bool:
    return order.limit is None or (price <= order.limit if order.side == "buy" else price >= order.limit)


def _take_activity(account: JournalAccount, row: Mapping[str, Any]) -> None:
    kind, symbol, qty = row["activity_type"], row["symbol"], row["qty"]
    if kind in _WITHOUT_MONEY:
        held = account.positions.get(symbol, 0)
        assert min(0, -held) <= qty <= max(0, -held), f"more than the {held} that were held: {row}"
        account.move(symbol, qty, Decimal(0), row)
    elif kind == "OPTRD":
        account.move(symbol, qty, -qty * Decimal(row["price"]), row)
    else:
        raise AssertionError(f"a row this oracle does not know: {row}")
