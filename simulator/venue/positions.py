"""Holdings of one contract."""

from dataclasses import dataclass
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A long holding: `qty` contracts for `cost` (the sum of price × qty, USD per share)."""

    symbol: str
    qty: int
    cost: Decimal

    @property
    def avg_entry_price(self) -> Decimal:
        """Average price paid, USD per share."""
        return self.cost / self.qty

    @property
    def cost_basis_usd(self) -> Decimal:
        """Dollars paid for what is held."""
        return self.cost * CONTRACT_MULTIPLIER


def bought(held: Position | None, symbol: str, qty: int, price: Decimal) -> Position:
    """Return the position after buying `qty` at `price`."""
    before = held or Position(symbol=symbol, qty=0, cost=Decimal(0))
    return Position(symbol=symbol, qty=before.qty + qty, cost=before.cost + price * qty)


def sold(held: Position, qty: int) -> Position | None:
    """Return what is left after selling `qty` of at most `held.qty`: the average entry stays; None when flat."""
    if qty > held.qty:
        msg = f"cannot sell {qty} of {held.qty} {held.symbol}"
        raise ValueError(msg)
    left = held.qty - qty
    return Position(symbol=held.symbol, qty=left, cost=held.avg_entry_price * left) if left else None
