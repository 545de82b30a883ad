"""Where an account stands when an order is judged: what is held, and what open orders have promised of it."""

from dataclasses import dataclass
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue.book import OrderBook, closing_qty
from simulator.venue.instruments import instrument_of
from simulator.venue.margin import Lot, shortfall
from simulator.venue.orders import Intent, Order
from simulator.venue.portfolio import Portfolio


@dataclass(frozen=True, slots=True)
class Standing:
    """The account but for the open order `without`, which the one that is judged would replace."""

    portfolio: Portfolio
    book: OrderBook
    without: str | None = None

    @property
    def power_usd(self) -> Decimal:
        """Cash that neither short options nor open orders need; below 0 only after a settlement (see `expiry`)."""
        released = self.book.orders[self.without].held_usd if self.without else Decimal(0)
        return self.portfolio.cash_usd - self.portfolio.margin_usd - self.book.held_usd + released

    def available_qty(self, symbol: str) -> int:
        """Return the signed quantity held that no open order is about to close and no short call needs."""
        held, instrument = self.portfolio.qty(symbol), instrument_of(symbol)
        if held == 0:
            return 0
        promised = closing_qty(self.book.open_in(symbol, without=self.without), symbol)
        if held < 0:
            return min(held + promised[Intent.BUY_TO_CLOSE], 0)
        covering = 0 if instrument.option else self.shortfall(symbol, Right.CALL) * CONTRACT_MULTIPLIER
        return max(held - promised[Intent.SELL_TO_CLOSE] - covering, 0)

    def related_orders(self, symbol: str) -> list[str]:
        """Return the ids of the open orders that are about to close what is held."""
        orders = self.book.open_in(symbol, without=self.without)
        return [order.id for order in orders if any(closing_qty([order], symbol).values())]

    def shortfall(self, underlying: str, right: Right, extra: list[Lot] | None = None) -> int:
        """Return the short options that nothing long covers if open orders, and `extra`, go against it."""
        pending = [open_lots(order) for order in self.book.open_on(underlying, without=self.without)]
        return shortfall(self.portfolio.lots(underlying), right, [*pending, extra or []])


def open_lots(order: Order) -> list[Lot]:
    """Return the options an open order would still trade, signed."""
    return [
        (part.instrument.option, part.side.sign * part.promised_qty)
        for part in order.parts
        if part.instrument and part.instrument.option and part.side
    ]
