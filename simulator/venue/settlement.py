"""What becomes of an underlying's options at their last close, as a pure plan.

1. In the money by a cent or more: long ones are exercised unless told not to, short ones assigned; the rest expire.
   A do-not-exercise is void where short options of the same day might need its shares.
2. Options on an index pay their intrinsic value in cash.
3. What the account cannot carry (shares it lacks, cash it lacks) is closed out at its intrinsic value at the close
   instead: no share is lent and no dollar. Alpaca sells such positions in the last hour; here the close is that moment.
4. Whatever is chosen, the options of the day together change equity by their intrinsic value.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from kernel.domain.money import CENT, CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol, Right
from simulator.venue.instruments import Instrument


class Fate(StrEnum):
    """What happens to some contracts."""

    EXPIRES = "expires"
    DELIVERS = "delivers"
    PAYS_CASH = "pays_cash"
    CLOSED_OUT = "closed_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`qty` contracts, signed as they are held, meet `fate`."""

    instrument: Instrument
    qty: int
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the account can settle with: shares free to deliver, and cash once the day's options need none of it."""

    free_shares: int
    power_usd: Decimal


@dataclass
class _Delivery:
    """Options that deliver shares, by contract; each lot may be closed out instead."""

    spot: Decimal
    lots: dict[Instrument, int]
    closed: dict[Instrument, int] = field(default_factory=dict)

    def shares(self, means: Means) -> int:
        moved = sum(shares_of(instrument, qty) for instrument, qty in self.lots.items())
        return means.free_shares + moved

    def cash(self, means: Means) -> Decimal:
        paid = sum((_cash_of(i, q) for i, q in self.lots.items()), Decimal(0))
        closed = sum((i.intrinsic(self.spot) * q for i, q in self.closed.items()), Decimal(0))
        return means.power_usd + paid + closed * CONTRACT_MULTIPLIER

    def close_out(self, right: Right, sign: int) -> bool:
        """Close out one contract, long or short by `sign`; tell whether there was any."""
        for instrument, qty in self.lots.items():
            if _option(instrument).right is right and qty * sign > 0:
                self.lots[instrument] -= sign
                self.closed[instrument] = self.closed.get(instrument, 0) + sign
                return True
        return False


def plan(
    expiring: Mapping[Instrument, int], spot: Decimal, waived: frozenset[str], means: Means
) -> list[Outcome]:
    """Return what happens to each contract of one underlying that ends now; `spot` is its official close."""
    ordered = dict(sorted(expiring.items(), key=lambda row: row[0].symbol))
    in_the_money = {i: q for i, q in ordered.items() if i.intrinsic(spot) >= CENT}
    has_short = any(qty < 0 for qty in in_the_money.values())
    exercised = {i: q for i, q in in_the_money.items() if q < 0 or i.symbol not in waived or has_short}
    outcomes = [
        Outcome(instrument=i, qty=q, fate=Fate.EXPIRES) for i, q in ordered.items() if i not in exercised
    ]
    outcomes += [
        Outcome(instrument=i, qty=q, fate=Fate.PAYS_CASH) for i, q in exercised.items() if i.is_cash_settled
    ]
    delivery = _Delivery(spot, {i: q for i, q in exercised.items() if not i.is_cash_settled})
    _fit(delivery, means)
    return outcomes + _outcomes(delivery)


def _fit(delivery: _Delivery, means: Means) -> None:
    """Close out what the means do not carry, one contract at a time: shares first, then cash."""
    is_done = False
    while not is_done:
        if delivery.shares(means) < 0:
            is_done = not (delivery.close_out(Right.PUT, 1) or delivery.close_out(Right.CALL, -1))
        elif delivery.cash(means) < 0:
            is_done = not (delivery.close_out(Right.CALL, 1) or delivery.close_out(Right.PUT, -1))
        else:
            return


def _outcomes(delivery: _Delivery) -> list[Outcome]:
    delivered = [Outcome(instrument=i, qty=q, fate=Fate.DELIVERS) for i, q in delivery.lots.items() if q]
    closed = [Outcome(instrument=i, qty=q, fate=Fate.CLOSED_OUT) for i, q in delivery.closed.items()]
    return delivered + closed


def shares_of(instrument: Instrument, qty: int) -> int:
    """Return the shares that exercising (or being assigned) `qty` signed contracts brings."""
    return (1 if _option(instrument).right is Right.CALL else -1) * qty * CONTRACT_MULTIPLIER


def _cash_of(instrument: Instrument, qty: int) -> Decimal:
    return -_option(instrument).strike * shares_of(instrument, qty)


def _option(instrument: Instrument) -> OptionSymbol:
    assert instrument.option is not None, "only options are settled"
    return instrument.option
