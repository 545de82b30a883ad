"""Whether a long option may be exercised on request, or its exercise waived."""

from decimal import Decimal

from kernel.domain.money import CENT, CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue.instruments import Instrument
from simulator.venue.money_text import money_text
from simulator.venue.permissions import UNCOVERED
from simulator.venue.refusals import Refusal, forbidden, not_found, refused
from simulator.venue.standing import Standing

CANNOT_EXERCISE_SHORT = 40310001


def check_exercise(
    instrument: Instrument, standing: Standing, *, spot: Decimal, after_close: bool
) -> int | Refusal:
    """Return how many contracts are exercised (all that are available), or why none."""
    qty = check_held(instrument, standing)
    if isinstance(qty, Refusal):
        return qty
    if after_close:
        return forbidden("exercise requests are not accepted after market close until midnight")
    if instrument.is_european:
        return forbidden(f"contract {instrument.symbol} can be exercised at its expiration only")
    if instrument.intrinsic(spot) < CENT:
        return forbidden(
            "you are attempting to exercise an out of the money option contract, "
            f"{instrument.symbol} at an underlying price of {money_text(spot)}"
        )
    return _check_means(instrument, qty, standing) or qty


def check_held(instrument: Instrument, standing: Standing) -> int | Refusal:
    """Return the long contracts that no order has promised, or why there are none to dispose of."""
    held = standing.portfolio.qty(instrument.symbol)
    if held == 0 or instrument.option is None:
        return not_found(f"long position not found: {instrument.symbol}")
    if held < 0:
        return refused(403, CANNOT_EXERCISE_SHORT, "cannot exercise short position")
    available = standing.available_qty(instrument.symbol)
    return available or forbidden("no qty available to exercise")


def check_waiver(instrument: Instrument, standing: Standing) -> Refusal | None:
    """Refuse to waive the exercise of what covers a short option."""
    if standing.portfolio.qty(instrument.symbol) < 0:
        return refused(403, CANNOT_EXERCISE_SHORT, "cannot submit DNE for short position")
    qty = check_held(instrument, standing)
    return qty if isinstance(qty, Refusal) else _check_cover(instrument, qty, standing)


def _check_means(instrument: Instrument, qty: int, standing: Standing) -> Refusal | None:
    option = instrument.option
    assert option is not None
    if instrument.is_cash_settled:
        return _check_cover(instrument, qty, standing)
    shares = qty * CONTRACT_MULTIPLIER
    if option.right is Right.PUT:
        available = standing.available_qty(instrument.underlying)
        if available < shares:
            return forbidden(
                f"insufficient underlying qty available to exercise (required: {shares}, available: {available})"
            )
        return _check_cover(instrument, qty, standing)
    growth = standing.portfolio.margin_after_usd({instrument: -qty}) - standing.portfolio.margin_usd
    required, available_usd = option.strike * shares + growth, max(standing.power_usd, Decimal(0))
    if required <= available_usd:
        return None
    needed = money_text(required)
    return forbidden(
        f"insufficient cash available (required: {needed}, available: {money_text(available_usd)})"
    )


def _check_cover(instrument: Instrument, qty: int, standing: Standing) -> Refusal | None:
    assert instrument.option is not None
    right, underlying = instrument.option.right, instrument.underlying
    gone = [(instrument.option, -qty)]
    worse = standing.shortfall(underlying, right, gone) > standing.shortfall(underlying, right)
    return forbidden(UNCOVERED) if worse else None
