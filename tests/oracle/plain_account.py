"""A trading account told as plainly as can be, to hold the venue's against: lists, loops, one contract at a time.

It knows one underlying, SPY, fills every marketable order whole at the far side of its quote, and takes its rules from
the broker's pages, not from the venue's code. Prices are Decimals, USD per share.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from typing import NamedTuple

STOCK = "SPY"
OPEN = ("pending_new", "new")


class Contract(NamedTuple):
    expires: int  # 1 is before 2
    right: str  # "C" or "P"
    strike: int


class Quote(NamedTuple):
    bid: Decimal | None
    ask: Decimal | None


@dataclass
class PlainOrder:
    #: (symbol, signed contracts or shares for each unit)
    parts: list[tuple[str, int]]
    qty: int
    kind: str
    limit: Decimal | None = None
    stop: Decimal | None = None
    client_id: str | None = None
    intents: list[str] = field(default_factory=list)
    status: str = "pending_new"
    filled: int = 0
    hold: Decimal = Decimal(0)  # dollars while it is open
    own_hold: Decimal = Decimal(0)  # the same from when it reaches the market
    elected: bool = False

    @property
    def is_simple(self) -> bool:
        return len(self.parts) == 1


@dataclass
class PlainAccount:
    cash: Decimal
    contracts: dict[str, Contract]
    positions: dict[str, int] = field(default_factory=dict)
    orders: list[PlainOrder] = field(default_factory=list)
    waived: set[str] = field(default_factory=set)

    # What is left to spend

    def held(self) -> Decimal:
        return sum((o.hold for o in self.open_orders()), Decimal(0))

    def power(self) -> Decimal:
        return self.cash - self.margin(self.positions) - self.held()

    def margin(self, positions: dict[str, int]) -> Decimal:
        units = [
            (self.contracts[s], 1 if q > 0 else -1)
            for s, q in positions.items()
            if s in self.contracts
            for _ in range(abs(q))
        ]
        units = self._without_covered_calls(units)
        worst = 0
        for day in {c.expires for c, _ in units}:
            alive = [(c, sign) for c, sign in units if c.expires >= day]
            for price in [0, *(c.strike for c, _ in alive)]:
                worst = min(worst, sum(sign * self._payoff(c, price) for c, sign in alive))
        return Decimal(-worst * 100)

    def _without_covered_calls(self, units: list) -> list:
        units = list(units)
        for day in (2, 1):
            while sum(sign for c, sign in units if c.right == "C" and c.expires >= day) < 0:
                short = [u for u in units if u[1] < 0 and u[0].right == "C" and u[0].expires >= day]
                units.remove(min(short, key=lambda u: (u[0].strike, u[0].expires)))
        return units

    @staticmethod
    def _payoff(contract: Contract, price: int | Decimal) -> int | Decimal:
        gain = price - contract.strike if contract.right == "C" else contract.strike - price
        return max(gain, 0)

    # What is free

    def open_orders(self) -> list[PlainOrder]:
        return [o for o in self.orders if o.status in OPEN]

    def bare(self, right: str, others: list[PlainOrder], extra: list[tuple[str, int]] | None = None) -> int:
        """Short options without a long one, in the worst case of what may trade."""
        moves = [[(s, n * o.qty) for s, n in o.parts] for o in others] + [extra or []]
        worst = 0
        for chosen in product([False, True], repeat=len(moves)):
            net = dict(self.positions)
            for trades, move in zip(chosen, moves, strict=True):
                for symbol, count in move if trades else []:
                    net[symbol] = net.get(symbol, 0) + count
            for day in (1, 2):
                alive = [
                    q
                    for s, q in net.items()
                    if s in self.contracts
                    and self.contracts[s].right == right
                    and self.contracts[s].expires >= day
                ]
                worst = max(worst, -sum(alive))
        return worst

    def available(self, symbol: str, others: list[PlainOrder] | None = None) -> int:
        others = self.open_orders() if others is None else others
        held = self.positions.get(symbol, 0)
        closing = sum(
            abs(n) * o.qty
            for o in others
            for (s, n), intent in zip(o.parts, o.intents, strict=True)
            if s == symbol and intent.endswith("close") and (intent.startswith("sell") == (held > 0))
        )
        if symbol == STOCK:
            closing += 100 * self.bare("C", others)
        return max(held - closing, 0) if held >= 0 else min(held + closing, 0)

    # Orders

    def submit(self, order: PlainOrder, quotes: dict[str, Quote]) -> bool:
        if order.client_id and any(o.client_id == order.client_id for o in self.orders):
            return False
        if not self._admit(order, quotes, self.open_orders()):
            return False
        self.orders.append(order)
        return True

    def cancel(self, order: PlainOrder) -> bool:
        if order.status not in OPEN:
            return False
        order.status = "canceled"
        return True

    def replace(self, old: PlainOrder, qty: int | None, limit: Decimal | None, quotes: dict) -> bool:
        new_qty, new_limit = qty or old.qty, old.limit if limit is None else limit
        if old.status != "new" or (limit is not None and old.limit is None):
            return False
        if (new_qty, new_limit) == (old.qty, old.limit):
            return False
        new = PlainOrder(old.parts, new_qty, old.kind, new_limit, old.stop, intents=list(old.intents))
        new.elected = old.elected
        others = [o for o in self.open_orders() if o is not old]
        intended = list(old.intents)
        if not self._admit(new, quotes, others, released=old.hold) or new.intents != intended:
            return False
        new.hold = max(new.hold, old.hold)  # until it reaches the market
        old.status = "replaced"
        self.orders.append(new)
        return True

    def _admit(
        self, order: PlainOrder, quotes: dict, others: list[PlainOrder], released: Decimal = Decimal(0)
    ) -> bool:
        order.intents = [self._intent(s, n, others) for s, n in order.parts]
        if not self._has_quantities(order, others) or self._is_wash(order, others):
            return False
        if not self._is_covered(order, others) or not self._is_priced(order, quotes):
            return False
        order.hold = order.own_hold = max(self._cost(order, quotes, others), Decimal(0))
        return order.hold <= max(self.power() + released, Decimal(0))

    def _intent(self, symbol: str, count: int, others: list[PlainOrder]) -> str:
        available = self.available(symbol, others)
        if count > 0:
            return "buy_to_close" if available < 0 else "buy_to_open"
        return "sell_to_close" if available > 0 else "sell_to_open"

    def _has_quantities(self, order: PlainOrder, others: list[PlainOrder]) -> bool:
        for (symbol, count), intent in zip(order.parts, order.intents, strict=True):
            needs = intent.endswith("close") or (symbol == STOCK and count < 0)
            if needs and abs(count) * order.qty > abs(self.available(symbol, others)):
                return False
        return True

    def _is_wash(self, order: PlainOrder, others: list[PlainOrder]) -> bool:
        if not order.is_simple:
            return False
        symbol, count = order.parts[0]
        for other in others:
            if not other.is_simple or other.parts[0] != (symbol, -count):
                continue
            if "limit" not in order.kind or "limit" not in other.kind:
                return True
            buy, sell = (order, other) if count > 0 else (other, order)
            if buy.limit >= sell.limit:
                return True
        return False

    def _is_covered(self, order: PlainOrder, others: list[PlainOrder]) -> bool:
        trades = [(s, n * order.qty) for s, n in order.parts]
        if order.is_simple and order.intents == ["sell_to_open"]:
            ((symbol, count),) = trades
            is_put = symbol in self.contracts and self.contracts[symbol].right == "P"
            return is_put or -100 * count <= self.available(STOCK, others)
        if not order.is_simple and not self._legs_cover_each_other(order):
            return False
        return all(self.bare(r, others, trades) <= self.bare(r, others) for r in "CP")

    def _legs_cover_each_other(self, order: PlainOrder) -> bool:
        opening = PlainAccount(Decimal(0), self.contracts)
        for (symbol, count), intent in zip(order.parts, order.intents, strict=True):
            if intent.endswith("open"):
                opening.positions[symbol] = count
        return not any(opening.bare(right, []) for right in "CP")

    @staticmethod
    def _is_priced(order: PlainOrder, quotes: dict) -> bool:
        opened = [
            s for (s, _), intent in zip(order.parts, order.intents, strict=True) if intent == "buy_to_open"
        ]
        return order.kind != "market" or all(quotes[s].ask is not None for s in opened)

    def _cost(self, order: PlainOrder, quotes: dict, others: list[PlainOrder]) -> Decimal:
        price = order.limit
        if price is None:
            price = sum((n * self._far(s, n, quotes) for s, n in order.parts), Decimal(0))
            if order.stop is not None and order.parts[0][1] > 0:
                price = max(price, order.stop)
            dollars = price * order.qty * (1 if order.parts[0][0] == STOCK else 100)
        else:
            dollars = self._price(order)
        symbol = order.parts[0][0]
        if order.is_simple and order.intents[0] == "buy_to_open":
            return dollars
        if order.is_simple and order.intents[0] == "sell_to_open" and self.contracts[symbol].right == "P":
            return dollars + Decimal(self.contracts[symbol].strike * 100 * order.qty)
        return dollars + self._growth(order, others)

    @staticmethod
    def _price(order: PlainOrder) -> Decimal:
        """What a limit order costs at its limit, dollars."""
        sign = order.parts[0][1] if order.is_simple else 1
        return order.limit * sign * order.qty * (1 if order.parts[0][0] == STOCK else 100)

    def _growth(self, order: PlainOrder, others: list[PlainOrder]) -> Decimal:
        """The margin an order adds at worst, whichever of the others trade before it with what they hold."""
        rivals = [
            o
            for o in others
            if o.limit is not None
            and o.parts[0][0] != STOCK
            and not (o.is_simple and o.intents == ["buy_to_open"])
        ]
        worst = None
        for chosen in product([False, True], repeat=len(rivals)):
            traded = [o for trades, o in zip(chosen, rivals, strict=True) if trades]
            after = dict(self.positions)
            for o in [*traded, order]:
                for part, n in o.parts:
                    after[part] = after.get(part, 0) + n * o.qty
            spare = sum((o.hold - self._price(o) for o in traded), Decimal(0))
            added = self.margin(after) - self.margin(self.positions) - spare
            worst = added if worst is None else max(worst, added)
        return worst

    @staticmethod
    def _far(symbol: str, count: int, quotes: dict) -> Decimal:
        quote = quotes[symbol]
        return (quote.ask if count > 0 else quote.bid) or Decimal(0)

    # Time

    def tick(self, quotes: dict[str, Quote], ended: set[str]) -> None:
        """Let every open order work; those on a contract in `ended` expire instead."""
        for order in self.open_orders():
            if any(s in ended for s, _ in order.parts):
                order.status = "expired"
                continue
            if order.status == "pending_new":
                order.status = "new"
                order.hold = order.own_hold
            self._work(order, quotes)

    def _work(self, order: PlainOrder, quotes: dict[str, Quote]) -> None:
        prices = [quotes[s].ask if n > 0 else quotes[s].bid for s, n in order.parts]
        if any(p is None for p in prices):
            return
        if order.stop is not None and not order.elected:
            buys = order.parts[0][1] > 0
            if not (prices[0] >= order.stop if buys else prices[0] <= order.stop):
                return
            order.elected = True
        net = sum((n * p for (_, n), p in zip(order.parts, prices, strict=True)), Decimal(0))
        limit = order.limit
        if limit is not None and order.is_simple:
            limit *= order.parts[0][1]
        if limit is not None and net > limit:
            return
        self._fill(order, net)

    def _fill(self, order: PlainOrder, net: Decimal) -> None:
        dollars = net * order.qty * (1 if order.parts[0][0] == STOCK else 100)
        after = dict(self.positions)
        for symbol, n in order.parts:
            after[symbol] = after.get(symbol, 0) + n * order.qty
        power = self.cash - dollars - self.margin(after) - (self.held() - order.hold)
        if power < 0 and power < self.power():
            order.status = "rejected"
            return
        self.cash -= dollars
        self.positions = {s: q for s, q in after.items() if q}
        order.status, order.filled = "filled", order.qty

    # Options that end

    def exercise(self, symbol: str, spot: Decimal) -> bool:
        contract, qty = self.contracts[symbol], self.available(symbol)
        if qty <= 0 or self._payoff(contract, spot) < Decimal("0.01"):
            return False
        after = {**self.positions, symbol: self.positions[symbol] - qty}
        sign = 1 if contract.right == "C" else -1
        dollars = Decimal(sign * contract.strike * 100 * qty)
        if sign < 0:
            others, gone = self.open_orders(), [(symbol, -qty)]
            if self.available(STOCK) < 100 * qty or self.bare("P", others, gone) > self.bare("P", others):
                return False
        elif dollars + self.margin(after) - self.margin(self.positions) > max(self.power(), 0):
            return False
        after[STOCK] = after.get(STOCK, 0) + sign * 100 * qty
        self.cash -= dollars
        self.positions = {s: q for s, q in after.items() if q}
        return True

    def waive(self, symbol: str) -> bool:
        qty, right, others = self.available(symbol), self.contracts[symbol].right, self.open_orders()
        if qty <= 0 or self.bare(right, others, [(symbol, -qty)]) > self.bare(right, others):
            return False
        self.waived.add(symbol)
        return True

    def settle(self, day: int, spot: Decimal, quotes: dict[str, Quote]) -> None:
        ending = sorted(
            (s, q)
            for s, q in self.positions.items()
            if s in self.contracts and self.contracts[s].expires == day
        )
        if not ending:
            return
        for symbol, _ in ending:
            del self.positions[symbol]
        worth = [(s, q) for s, q in ending if self._payoff(self.contracts[s], spot) >= Decimal("0.01")]
        if not any(q < 0 for _, q in worth):
            worth = [(s, q) for s, q in worth if s not in self.waived]
        self.waived -= {s for s, _ in ending}
        delivered = [(s, 1 if q > 0 else -1) for s, q in worth for _ in range(abs(q))]
        closed: list[tuple[str, int]] = []
        while (kinds := self._missing(delivered, closed, spot)) is not None:
            unit = next(
                (u for kind in kinds for u in delivered if (self.contracts[u[0]].right, u[1]) == kind), None
            )
            if unit is None:
                break
            delivered.remove(unit)
            closed.append(unit)
        shares, dollars = self._flows(delivered, closed, spot)
        self.cash += dollars
        self.positions[STOCK] = self.positions.get(STOCK, 0) + shares
        self.positions = {s: q for s, q in self.positions.items() if q}
        self._sell_what_is_left(spot, quotes)

    def _missing(self, delivered: list, closed: list, spot: Decimal) -> list[tuple[str, int]] | None:
        """Which kinds of contract to close out: for want of shares, or of cash; None when all is well."""
        shares, dollars = self._flows(delivered, closed, spot)
        others = self.open_orders()
        promised = sum(o.qty for o in others if o.parts[0][0] == STOCK and o.parts[0][1] < 0)
        if self.positions.get(STOCK, 0) - promised - 100 * self.bare("C", others) + shares < 0:
            return [("P", 1), ("C", -1)]
        if self.power() + dollars < 0:
            return [("C", 1), ("P", -1)]
        return None

    def _flows(self, delivered: list, closed: list, spot: Decimal) -> tuple[int, Decimal]:
        shares, dollars = 0, Decimal(0)
        for symbol, sign in delivered:
            contract = self.contracts[symbol]
            moved = 100 * sign * (1 if contract.right == "C" else -1)
            shares, dollars = shares + moved, dollars - contract.strike * moved
        for symbol, sign in closed:
            dollars += 100 * sign * self._payoff(self.contracts[symbol], spot)
        return shares, dollars

    def _sell_what_is_left(self, spot: Decimal, quotes: dict[str, Quote]) -> None:
        """For want of cash sell long options that cover nothing, each as often as the want asks."""
        for symbol in sorted(s for s, q in self.positions.items() if s in self.contracts and q > 0):
            price = quotes[symbol].bid or self._payoff(self.contracts[symbol], spot)
            right, others, wanted = self.contracts[symbol].right, self.open_orders(), 0
            while price > 0 and wanted < self.positions[symbol] and self.power() + wanted * price * 100 < 0:
                wanted += 1
            worse = self.bare(right, others, [(symbol, -wanted)]) - self.bare(right, others)
            sold = max(wanted - worse, 0)
            self.cash += sold * price * 100
            self.positions[symbol] -= sold
        self.positions = {s: q for s, q in self.positions.items() if q}
