"""From the JSON of an mleg order to its legs, or the refusal Alpaca would give."""

from collections.abc import Sequence
from math import gcd

from simulator.venue.fields import Body, check_net_price, check_size, is_one_of, read_number
from simulator.venue.instruments import instrument_of
from simulator.venue.orders import Intent, LegRequest, OrderType, Side, TimeInForce
from simulator.venue.refusals import Refusal, invalid, unprocessable


def check_mleg(body: Body) -> Refusal | None:
    """Refuse what an mleg order cannot be; its legs are judged by `read_legs`."""
    if body.get("type") not in (OrderType.MARKET, OrderType.LIMIT):
        known = is_one_of(OrderType, body.get("type")) or body.get("type") == "trailing_stop"
        return (
            unprocessable("invalid order type for options trading")
            if known
            else invalid("invalid order type")
        )
    if not is_one_of(TimeInForce, body.get("time_in_force")):
        return unprocessable("invalid time in force")
    return _check_net_price(body)


def read_legs(rows: object) -> tuple[LegRequest, ...] | Refusal:
    """Return 2 to 4 legs on one underlying, their ratios without a common divisor; or why they are none."""
    if not isinstance(rows, list) or not 2 <= len(rows) <= 4:
        return unprocessable("mleg orders must have at least 2 legs and at most 4 legs")
    legs: list[LegRequest] = []
    for number, row in enumerate(rows):
        leg = _read_leg(row if isinstance(row, dict) else {}, number)
        if isinstance(leg, Refusal):
            return leg
        legs.append(leg)
    return _check_together(legs) or tuple(legs)


def _check_net_price(body: Body) -> Refusal | None:
    """A net price may be of either sign, or 0."""
    given, price = body.get("limit_price"), read_number(body.get("limit_price"))
    if body.get("type") == OrderType.MARKET:
        return None if given is None else unprocessable("limit price is only valid for limit orders")
    if given is None:
        return unprocessable("limit price is required for limit orders")
    return check_net_price(price)


def _read_leg(row: Body, number: int) -> LegRequest | Refusal:
    symbol = row.get("symbol")
    try:
        instrument = instrument_of(str(symbol))
    except ValueError:
        return unprocessable(f"asset not found for {symbol}")
    if instrument.option is None:
        return unprocessable("equity legs are allowed only with a corresponding amount of call contracts")
    ratio = read_number(row.get("ratio_qty"))
    if ratio is None or ratio <= 0 or ratio != ratio.to_integral_value():
        return unprocessable(f"leg.{number} ratio_qty must be a positive integer")
    direction = check_size(ratio) or _read_direction(row, number)
    if isinstance(direction, Refusal):
        return direction
    side, intent = direction
    return LegRequest(instrument=instrument, side=side, ratio_qty=int(ratio), intent=intent)


def _read_direction(row: Body, number: int) -> tuple[Side, Intent | None] | Refusal:
    """Either of side and intent is enough: the intent tells the side, and is inferred where it is missing."""
    side, intent = row.get("side"), row.get("position_intent")
    if not side and not intent:
        return unprocessable(f"leg.{number} position intent is required")
    if intent and not is_one_of(Intent, intent):
        return invalid("invalid position_intent")
    if side and not is_one_of(Side, side):
        return invalid("invalid side")
    side = side or str(intent).partition("_")[0]
    if intent and not str(intent).startswith(str(side)):
        return invalid(f"position_intent {intent} does not fit side {side}")
    return Side(side), Intent(intent) if intent else None


def _check_together(legs: Sequence[LegRequest]) -> Refusal | None:
    symbols = [leg.instrument.symbol for leg in legs]
    if len(set(symbols)) < len(symbols):
        return unprocessable("mleg orders must have distinct symbols in their legs")
    first = legs[0].instrument.underlying
    for leg in legs:
        if leg.instrument.underlying != first:
            return unprocessable(f"underlying asset mismatch: {first} != {leg.instrument.underlying}")
    if gcd(*(leg.ratio_qty for leg in legs)) != 1:
        return unprocessable("the greatest common divisor of the legs' ratio_qty must be 1")
    return None
