"""Cash and positions, and the activities that explain them.

1. `record` is the only way to change cash or a position, so both are the sum of the activities.
2. starting cash + realised gain + unrealised gain = equity.
"""

from collections.abc import Mapping
from decimal import Decimal

from simulator.venue.activities import Activity
from simulator.venue.instruments import Instrument
from simulator.venue.margin import Lot, maintenance_usd
from simulator.venue.positions import Position, traded

#: Quantities that change, signed, by instrument.
Deltas = Mapping[Instrument, int]


class Portfolio:
    """What an account owns; figures in USD."""

    def __init__(self, cash_usd: Decimal) -> None:
        self.cash_usd = cash_usd
        self.realised_usd = Decimal(0)
        self.positions: dict[str, Position] = {}
        self.activities: list[Activity] = []
        self._margins: dict[str, Decimal] = {}

    @property
    def margin_usd(self) -> Decimal:
        """What the short options need."""
        return sum(self._margins.values(), Decimal(0))

    def qty(self, symbol: str) -> int:
        """Return the signed quantity held."""
        return self.positions[symbol].qty if symbol in self.positions else 0

    def lots(self, underlying: str, deltas: Deltas | None = None) -> list[Lot]:
        """Return the options held on an underlying, as they would be after `deltas`."""
        held = {
            position.instrument: position.qty
            for position in self.positions.values()
            if position.instrument.underlying == underlying
        }
        for instrument, qty in (deltas or {}).items():
            if instrument.underlying == underlying:
                held[instrument] = held.get(instrument, 0) + qty
        return [(instrument.option, qty) for instrument, qty in held.items() if instrument.option and qty]

    def margin_after_usd(self, deltas: Deltas) -> Decimal:
        """Return the margin of everything if quantities changed by `deltas`."""
        touched = {instrument.underlying for instrument in deltas}
        rest = sum((usd for name, usd in self._margins.items() if name not in touched), Decimal(0))
        return rest + sum((maintenance_usd(self.lots(name, deltas)) for name in touched), Decimal(0))

    def record(self, activity: Activity) -> None:
        """Let an activity move cash and the position it names."""
        self.activities.append(activity)
        self.cash_usd += activity.net_usd
        if activity.signed_qty:
            self._move(activity.instrument, activity.signed_qty, activity.price or Decimal(0))

    def replace(self, position: Position) -> None:
        """Keep a position whose marks changed; its quantity and cost are the same."""
        self.positions[position.symbol] = position

    def _move(self, instrument: Instrument, signed_qty: int, price: Decimal) -> None:
        held = self.positions.pop(instrument.symbol, None)
        after, realised = traded(held, instrument, signed_qty, price)
        self.realised_usd += realised
        if after is not None:
            self.positions[instrument.symbol] = after
        if instrument.option is not None:
            margin = maintenance_usd(self.lots(instrument.underlying))
            if margin:
                self._margins[instrument.underlying] = margin
            else:
                self._margins.pop(instrument.underlying, None)
