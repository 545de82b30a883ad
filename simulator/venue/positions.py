"""Holdings of one instrument, long or short."""

from dataclasses import dataclass, replace
from decimal import Decimal

from simulator.venue.instruments import Instrument
from simulator.venue.quotes import Nbbo


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """`qty` is signed; `cost` is the sum of price × signed qty, USD per share, as `qty` is: negative when short.

    `day_cost` is the same with what was held overnight taken at `lastday_price`, the last session's closing mark.
    """

    instrument: Instrument
    qty: int
    cost: Decimal
    day_cost: Decimal
    lastday_price: Decimal | None = None

    @property
    def symbol(self) -> str:
        """Return what is held."""
        return self.instrument.symbol

    @property
    def avg_entry_price(self) -> Decimal:
        """Average price paid or received, USD per share."""
        return self.cost / self.qty

    @property
    def cost_basis_usd(self) -> Decimal:
        """Dollars paid for what is held; negative when short."""
        return self.cost * self.instrument.multiplier

    @property
    def day_basis_usd(self) -> Decimal:
        """What today's gain counts from: the last close for what was held then, the price paid for the rest."""
        return self.day_cost * self.instrument.multiplier

    def value_usd(self, price: Decimal) -> Decimal:
        """Return what it is worth at `price` per share; negative when short."""
        return price * self.qty * self.instrument.multiplier

    def rolled(self, closing_price: Decimal) -> "Position":
        """Return the position as the next day begins with it."""
        return replace(self, lastday_price=closing_price, day_cost=closing_price * self.qty)


def traded(
    held: Position | None, instrument: Instrument, signed_qty: int, price: Decimal
) -> tuple[Position | None, Decimal]:
    """Return the position after trading `signed_qty` at `price`, None when flat, and the gain realised, USD.

    What closes leaves at the average entry, which stays; what is left of the trade opens anew.
    """
    before = held or Position(instrument=instrument, qty=0, cost=Decimal(0), day_cost=Decimal(0))
    closing = _closing_qty(before.qty, signed_qty)
    kept, opening = before.qty + closing, signed_qty - closing
    cost_left, day_cost_left = (
        _share(before.cost, kept, before.qty),
        _share(before.day_cost, kept, before.qty),
    )
    realised = (before.cost - cost_left + price * closing) * -instrument.multiplier if closing else Decimal(0)
    qty = before.qty + signed_qty
    if qty == 0:
        return None, realised
    after = replace(
        before,
        qty=qty,
        cost=cost_left + price * opening,
        day_cost=day_cost_left + price * opening,
        lastday_price=before.lastday_price if kept else None,
    )
    return after, realised


def mark_price(held: Position, quote: Nbbo) -> Decimal:
    """Return what a holding is valued at: the mid; the one side quoted, or cost, where there is no mid."""
    return quote.mid or quote.bid or quote.ask or held.avg_entry_price


def _closing_qty(held: int, signed_qty: int) -> int:
    """Return the part of a trade, signed, that closes what is held."""
    if held * signed_qty >= 0:
        return 0
    return max(signed_qty, -held) if held > 0 else min(signed_qty, -held)


def _share(cost: Decimal, kept: int, qty: int) -> Decimal:
    return cost * kept / qty if qty else Decimal(0)
