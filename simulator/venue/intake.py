"""From the JSON of an order, or of its change, to a well-formed request, or the refusal Alpaca would give.

`read_order(body)` and `read_changes(body, order)` run the checks in order and read the fields only when all passed.
"""

from collections.abc import Callable

from simulator.venue.fields import (
    MAX_QTY,
    Body,
    check_client_order_id,
    check_limit_price,
    check_net_price,
    check_qty,
    check_stop_price,
    check_time_in_force,
    is_one_of,
    read_number,
)
from simulator.venue.instruments import Instrument, instrument_of
from simulator.venue.intake_legs import check_mleg, read_legs
from simulator.venue.lifecycle import Changes
from simulator.venue.orders import Intent, Order, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.refusals import INVALID, Refusal, forbidden, invalid, unprocessable

__all__ = [
    "check_client_order_id",
    "check_limit_price",
    "check_qty",
    "check_time_in_force",
    "read_changes",
    "read_number",
    "read_order",
]

_COMPLEX = ("bracket", "oco", "oto")


def read_order(body: Body) -> OrderRequest | Refusal:
    """Return the request in `body`, or why it is none."""
    return _read_mleg(body) if body.get("order_class") == "mleg" else _read_simple(body)


def read_changes(body: Body, order: Order) -> Changes | Refusal:
    """Return what the body of a replacement asks of `order`, or why it cannot be read."""
    qty, limit, stop = body.get("qty"), body.get("limit_price"), body.get("stop_price")
    tif, client_order_id = body.get("time_in_force"), body.get("client_order_id")
    refusal = (
        (check_qty(qty) if qty is not None else None)
        or (_check_new_limit(limit, order) if limit is not None else None)
        or (check_stop_price(read_number(stop)) if stop is not None else None)
        or (check_time_in_force(tif) if tif is not None else None)
        or check_client_order_id(client_order_id)
    )
    if refusal is not None:
        return refusal
    whole = read_number(qty)
    return Changes(
        qty=None if whole is None else int(whole),
        limit_price=read_number(limit),
        stop_price=read_number(stop),
        time_in_force=TimeInForce(tif) if tif else None,
        client_order_id=client_order_id or None,
    )


def _check_new_limit(value: object, order: Order) -> Refusal | None:
    price = read_number(value)
    return check_net_price(price) if order.legs else check_limit_price(price)


def _read_mleg(body: Body) -> OrderRequest | Refusal:
    refusal = _first(body, (_check_amount, check_mleg, _check_hours, _check_client_order_id))
    legs = refusal or read_legs(body.get("legs"))
    if isinstance(legs, Refusal):
        return legs
    return OrderRequest(
        instrument=None,
        side=None,
        type=OrderType(body["type"]),
        time_in_force=TimeInForce(body["time_in_force"]),
        qty=int(read_number(body["qty"]) or 0),
        limit_price=read_number(body.get("limit_price")),
        client_order_id=body.get("client_order_id") or None,
        legs=legs,
    )


def _read_simple(body: Body) -> OrderRequest | Refusal:
    refusal = _first(body, _SIMPLE_CHECKS)
    if refusal is not None:
        return refusal
    intent = body.get("position_intent")
    return OrderRequest(
        instrument=instrument_of(str(body["symbol"])),
        side=Side(body["side"]),
        type=OrderType(body["type"]),
        time_in_force=TimeInForce(body["time_in_force"]),
        qty=int(read_number(body["qty"]) or 0),
        limit_price=read_number(body.get("limit_price")),
        stop_price=read_number(body.get("stop_price")),
        intent=Intent(intent) if intent else None,
        client_order_id=body.get("client_order_id") or None,
    )


def _first(body: Body, checks: tuple[Callable[[Body], Refusal | None], ...]) -> Refusal | None:
    for check in checks:
        refusal = check(body)
        if refusal is not None:
            return refusal
    return None


def _check_class(body: Body) -> Refusal | None:
    order_class = body.get("order_class") or "simple"
    if order_class in _COMPLEX:
        return unprocessable("complex orders not supported for options trading")
    return None if order_class == "simple" else invalid("invalid order class")


def _check_symbol(body: Body) -> Refusal | None:
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        return invalid("symbol is required")
    try:
        instrument_of(symbol)
    except ValueError:
        return unprocessable(f'asset "{symbol}" not found')
    return None


def _check_amount(body: Body) -> Refusal | None:
    qty, notional = body.get("qty"), body.get("notional")
    if qty is None and notional is None:
        return invalid("qty or notional is required")
    if qty is not None and notional is not None:
        return invalid("only one of qty or notional is accepted")
    stock = _stock(body)
    if notional is not None:
        return (
            _not_fractionable(stock)
            if stock
            else unprocessable("notional orders are not supported for options trading")
        )
    refusal = check_qty(qty)
    return _about_shares(stock, qty, refusal) if stock and refusal else refusal


def _check_side(body: Body) -> Refusal | None:
    return None if is_one_of(Side, body.get("side")) else invalid("invalid side")


def _check_type(body: Body) -> Refusal | None:
    order_type = body.get("type")
    if order_type == "trailing_stop":
        asset = "stocks at this venue" if _stock(body) else "options trading"
        return unprocessable(f"invalid order type for {asset}")
    return None if is_one_of(OrderType, order_type) else invalid("invalid order type")


def _check_prices(body: Body) -> Refusal | None:
    order_type, limit, stop = body.get("type"), body.get("limit_price"), body.get("stop_price")
    if order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        refusal = check_limit_price(read_number(limit))
    else:
        refusal = None if limit is None else invalid(f"{order_type} orders require no limit price")
    if refusal is not None:
        return refusal
    if order_type in (OrderType.STOP, OrderType.STOP_LIMIT):
        return check_stop_price(read_number(stop))
    return None if stop is None else invalid(f"{order_type} orders require no stop price")


def _check_time_in_force(body: Body) -> Refusal | None:
    return check_time_in_force(body.get("time_in_force"))


def _check_hours(body: Body) -> Refusal | None:
    if not body.get("extended_hours"):
        return None
    asset = "stocks at this venue" if _stock(body) else "options trading"
    return unprocessable(f"extended hours is not supported for {asset}")


def _check_client_order_id(body: Body) -> Refusal | None:
    return check_client_order_id(body.get("client_order_id"))


def _check_intent(body: Body) -> Refusal | None:
    intent = body.get("position_intent")
    if intent and not is_one_of(Intent, intent):
        return invalid("invalid position_intent")
    if intent and not str(intent).startswith(str(body.get("side"))):
        return invalid(f"position_intent {intent} does not fit side {body.get('side')}")
    return None


def _stock(body: Body) -> Instrument | None:
    """Return the stock a simple order names; None for options and legs."""
    symbol = body.get("symbol")
    instrument = instrument_of(symbol) if isinstance(symbol, str) and _check_symbol(body) is None else None
    return instrument if instrument and instrument.option is None else None


def _about_shares(stock: Instrument, qty: object, refusal: Refusal) -> Refusal:
    """Return what a refused quantity of options is refused with where it is of shares."""
    number = read_number(qty)
    if number is not None and number > MAX_QTY:
        return unprocessable(f"order qty must be <= {MAX_QTY}")
    return refusal if refusal.code == INVALID else _not_fractionable(stock)


def _not_fractionable(stock: Instrument) -> Refusal:
    return forbidden(f'asset "{stock.symbol}" is not fractionable')


_SIMPLE_CHECKS: tuple[Callable[[Body], Refusal | None], ...] = (
    _check_class,
    _check_symbol,
    _check_amount,
    _check_side,
    _check_type,
    _check_time_in_force,
    _check_prices,
    _check_hours,
    _check_client_order_id,
    _check_intent,
)
