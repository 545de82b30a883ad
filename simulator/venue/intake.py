"""From the JSON of POST /v2/orders to a well-formed request, or the refusal Alpaca would give.

`read_order(body)` runs the checks in order and reads the fields only when all of them passed.
Numbers may come as JSON numbers (alpaca-py) or strings (other clients).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from kernel.domain.options import OptionSymbol
from simulator.venue.orders import Intent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.refusals import Refusal, forbidden, invalid, unprocessable

Body = Mapping[str, Any]
Choice = TypeVar("Choice", bound=StrEnum)

CLIENT_ORDER_ID_MAX_CHARS = 128


def read_order(body: Body) -> OrderRequest | Refusal:
    """Return the request in `body`, or why it is none."""
    for check in _CHECKS:
        refusal = check(body)
        if refusal is not None:
            return refusal
    intent = body.get("position_intent")
    price = read_number(body.get("limit_price"))
    return OrderRequest(
        symbol=str(body["symbol"]),
        option=OptionSymbol.parse(str(body["symbol"])),
        side=Side(body["side"]),
        type=OrderType(body["type"]),
        time_in_force=TimeInForce(body["time_in_force"]),
        qty=int(read_number(body["qty"]) or 0),
        limit_price=price,
        intent=Intent(intent) if intent else None,
        client_order_id=body.get("client_order_id") or None,
    )


def read_number(value: object) -> Decimal | None:
    """Return a JSON number or numeric string as a finite Decimal, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def check_limit_price(price: Decimal | None) -> Refusal | None:
    """Refuse a price that is missing, not positive, or finer than the venue's tick (cents from $1.00 up)."""
    if price is None:
        return invalid("limit orders require a limit price")
    if price <= 0:
        return unprocessable("invalid limit price")
    decimals = max(0, -int(price.normalize().as_tuple().exponent))
    if decimals > (2 if price >= 1 else 4):
        text = format(price.normalize(), "f")
        return unprocessable(
            f"invalid limit_price {text}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    return None


def check_qty(value: object) -> Refusal | None:
    """Refuse a quantity that is not a positive whole number; 1.0 is whole."""
    qty = read_number(value)
    if qty is None or qty <= 0:
        return invalid("qty must be > 0")
    if qty != qty.to_integral_value():
        return unprocessable("qty must be integer for options trading")
    return None


def check_client_order_id(value: object) -> Refusal | None:
    """Refuse an id that is no text or too long."""
    if value is not None and not isinstance(value, str):
        return invalid("client_order_id must be a string")
    if value is not None and len(value) > CLIENT_ORDER_ID_MAX_CHARS:
        return invalid(f"client_order_id must be no more than {CLIENT_ORDER_ID_MAX_CHARS} characters")
    return None


def check_time_in_force(value: object) -> Refusal | None:
    """Options trade `day` and `gtc`; the other known ones have a message of their own."""
    if value in ("ioc", "fok", "opg", "cls"):
        return unprocessable("order_time_in_force provided not supported for options trading")
    return None if _is_one_of(TimeInForce, value) else invalid("invalid time_in_force")


def _check_class(body: Body) -> Refusal | None:
    order_class = body.get("order_class") or "simple"
    if order_class == "mleg":
        return forbidden("submit mleg order is disabled")
    if order_class in ("bracket", "oco", "oto"):
        return unprocessable("complex orders not supported for options trading")
    return None if order_class == "simple" else invalid("invalid order class")


def _check_symbol(body: Body) -> Refusal | None:
    symbol = body.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        return invalid("symbol is required")
    try:
        OptionSymbol.parse(symbol)
    except ValueError:
        return unprocessable(f'asset "{symbol}" not found')
    return None


def _check_amount(body: Body) -> Refusal | None:
    qty, notional = body.get("qty"), body.get("notional")
    if qty is None and notional is None:
        return invalid("qty or notional is required")
    if qty is not None and notional is not None:
        return invalid("only one of qty or notional is accepted")
    if notional is not None:
        return unprocessable("notional orders are not supported for options trading")
    return check_qty(qty)


def _check_side(body: Body) -> Refusal | None:
    return None if _is_one_of(Side, body.get("side")) else invalid("invalid side")


def _check_type(body: Body) -> Refusal | None:
    order_type = body.get("type")
    if order_type in ("stop", "stop_limit", "trailing_stop"):
        return unprocessable("invalid order type for options trading")
    return None if _is_one_of(OrderType, order_type) else invalid("invalid order type")


def _check_price(body: Body) -> Refusal | None:
    if body.get("type") != OrderType.LIMIT:
        given = body.get("limit_price") is not None
        return invalid("market orders require no limit or stop price") if given else None
    return check_limit_price(read_number(body.get("limit_price")))


def _check_time_in_force(body: Body) -> Refusal | None:
    return check_time_in_force(body.get("time_in_force"))


def _check_hours(body: Body) -> Refusal | None:
    if body.get("extended_hours"):
        return unprocessable("extended hours is not supported for options trading")
    return None


def _check_client_order_id(body: Body) -> Refusal | None:
    return check_client_order_id(body.get("client_order_id"))


def _check_intent(body: Body) -> Refusal | None:
    intent = body.get("position_intent")
    if intent and not _is_one_of(Intent, intent):
        return invalid("invalid position_intent")
    if intent and not str(intent).startswith(str(body.get("side"))):
        return invalid(f"position_intent {intent} does not fit side {body.get('side')}")
    return None


def _is_one_of(choices: type[Choice], value: object) -> bool:
    return isinstance(value, str) and value in set(choices)


_CHECKS: tuple[Callable[[Body], Refusal | None], ...] = (
    _check_class,
    _check_symbol,
    _check_amount,
    _check_side,
    _check_type,
    _check_time_in_force,
    _check_price,
    _check_hours,
    _check_client_order_id,
    _check_intent,
)
