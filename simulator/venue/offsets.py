"""What margin an order adds when other open orders count on the same long options to offset theirs.

Every open order may be filled before this one, or after it, or never. Each has set aside what it adds in the worst case
of those before it; this one sets aside what is then still missing, whichever of them come to pass. So no offset is
promised twice, and all that rests can be filled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import combinations

from simulator.venue.instruments import Instrument
from simulator.venue.orders import Intent, Order
from simulator.venue.standing import Standing

#: Up to so many open orders every selection of them is looked at; of more, each alone and the oldest together. An order
#: that could not be paid when it fills is rejected then, whatever was looked at here.
_EXACT_MAX = 6


def margin_growth_usd(deltas: Mapping[Instrument, int], underlying: str, standing: Standing) -> Decimal:
    """Return what `deltas` add to the margin beyond what open orders have set aside for themselves; below 0 if less."""
    portfolio = standing.portfolio
    before = portfolio.margin_usd
    resting = [
        order for order in standing.book.open_on(underlying, without=standing.without) if _uses_margin(order)
    ]
    return max(
        portfolio.margin_after_usd(_together(deltas, chosen)) - before - sum(map(_set_aside_usd, chosen))
        for chosen in _selections(resting)
    )


def _uses_margin(order: Order) -> bool:
    """Tell whether it rests at a price and does more than add what is long."""
    is_option = all(part.instrument and part.instrument.option for part in order.parts)
    return is_option and order.limit_price is not None and order.intent is not Intent.BUY_TO_OPEN


def _set_aside_usd(order: Order) -> Decimal:
    """Return what an order holds beyond its price; below 0 where what it frees pays for a part of that."""
    first = order.parts[0]
    assert first.instrument is not None
    assert order.limit_price is not None
    sign = order.side.sign if order.side else 1
    return order.held_usd - sign * order.limit_price * first.instrument.multiplier * order.open_qty


def _selections(orders: Sequence[Order]) -> Iterator[Sequence[Order]]:
    if len(orders) <= _EXACT_MAX:
        for count in range(len(orders) + 1):
            yield from combinations(orders, count)
        return
    yield ()
    yield from ((order,) for order in orders)
    yield from (orders[:count] for count in range(2, len(orders) + 1))


def _together(deltas: Mapping[Instrument, int], orders: Iterable[Order]) -> dict[Instrument, int]:
    found = dict(deltas)
    for order in orders:
        for part in order.parts:
            if part.instrument is not None and part.side is not None:
                qty = part.side.sign * part.promised_qty
                found[part.instrument] = found.get(part.instrument, 0) + qty
    return found
