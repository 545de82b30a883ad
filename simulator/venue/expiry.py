"""Options that end: the plan of `settlement`, carried out in the books.

A spread across expirations can need more cash on its first one than its margin was, as the later leg still has its
value: that leg is then sold, as far as it covers nothing else, at the bid, or at its intrinsic value where there is none.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from math import ceil

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue import lifecycle
from simulator.venue.book import closing_qty
from simulator.venue.fills import Execution
from simulator.venue.instruments import Instrument
from simulator.venue.ledger import Ledger
from simulator.venue.lifecycle import Timing
from simulator.venue.margin import shortfall
from simulator.venue.orders import Intent, OrderEvent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.quotes import QuoteOf
from simulator.venue.records import settled
from simulator.venue.settlement import Fate, Means, Outcome, plan
from simulator.venue.standing import open_lots


def settle(
    ledger: Ledger,
    ending: Mapping[Instrument, int],
    *,
    spot: Decimal,
    waived: frozenset[str],
    now: datetime,
    quote_of: QuoteOf,
) -> list[OrderEvent]:
    """End contracts of one underlying (signed quantities) at its price `spot`; return the trades that took."""
    events = []
    for outcome in plan(ending, spot, waived, _means(ledger, ending)):
        if outcome.fate is Fate.CLOSED_OUT:
            price = outcome.instrument.intrinsic(spot)
            events.append(_close_out(ledger, outcome.instrument, -outcome.qty, price, now))
        else:
            record_outcome(ledger, outcome, spot, now)
    return events + _raise_cash(ledger, next(iter(ending)).underlying, spot, now, quote_of)


def record_outcome(ledger: Ledger, outcome: Outcome, spot: Decimal, now: datetime) -> None:
    """Write down contracts that expire, deliver or pay cash."""
    parent = f"{ledger.account_id}:{len(ledger.portfolio.activities)}"
    for record in settled(outcome, spot, parent, now):
        ledger.portfolio.record(record)


def _means(ledger: Ledger, ending: Mapping[Instrument, int]) -> Means:
    """Return what is left to settle with when the contracts that end need neither shares nor margin any more."""
    underlying = next(iter(ending)).underlying
    portfolio, book = ledger.portfolio, ledger.book
    gone = {instrument: -qty for instrument, qty in ending.items()}
    pending = [open_lots(order) for order in book.open_on(underlying)]
    covering = shortfall(portfolio.lots(underlying, gone), Right.CALL, pending) * CONTRACT_MULTIPLIER
    promised = closing_qty(book.open_in(underlying), underlying)[Intent.SELL_TO_CLOSE]
    return Means(
        free_shares=portfolio.qty(underlying) - promised - covering,
        power_usd=portfolio.cash_usd - portfolio.margin_after_usd(gone) - book.held_usd,
    )


def _raise_cash(
    ledger: Ledger, underlying: str, spot: Decimal, now: datetime, quote_of: QuoteOf
) -> list[OrderEvent]:
    events = []
    for instrument, qty in _long_options(ledger, underlying):
        missing = -ledger.standing().power_usd
        price = quote_of(instrument.symbol).bid or instrument.intrinsic(spot)
        if missing <= 0 or price <= 0:
            continue
        wanted = min(qty, ceil(missing / (price * CONTRACT_MULTIPLIER)))
        count = wanted - _uncovered_by_selling(ledger, instrument, wanted)
        if count > 0:
            events.append(_close_out(ledger, instrument, -count, price, now))
    return events


def _long_options(ledger: Ledger, underlying: str) -> list[tuple[Instrument, int]]:
    held = sorted(ledger.portfolio.positions.items())
    lots = [(position.instrument, position.qty) for _, position in held]
    return [(i, qty) for i, qty in lots if i.option and i.underlying == underlying and qty > 0]


def _uncovered_by_selling(ledger: Ledger, instrument: Instrument, qty: int) -> int:
    assert instrument.option is not None
    standing, right = ledger.standing(), instrument.option.right
    after = standing.shortfall(instrument.underlying, right, [(instrument.option, -qty)])
    return after - standing.shortfall(instrument.underlying, right)


def _close_out(
    ledger: Ledger, instrument: Instrument, signed_qty: int, price: Decimal, now: datetime
) -> OrderEvent:
    """Trade by an order of the venue's own."""
    request = OrderRequest(
        instrument=instrument,
        side=Side.BUY if signed_qty > 0 else Side.SELL,
        type=OrderType.MARKET,
        time_in_force=TimeInForce.DAY,
        qty=abs(signed_qty),
    )
    order = lifecycle.opened(
        request,
        parent=ledger.account_id,
        sequence=ledger.next_sequence,
        intents=[Intent.BUY_TO_CLOSE if signed_qty > 0 else Intent.SELL_TO_CLOSE],
        reserve_usd=Decimal(0),
        now=now,
        timing=Timing(live_at=now, expires_at=now),
    )
    ledger.book.keep(order)
    return ledger.trade(order, Execution(qty=abs(signed_qty), prices=(price,)), now)
