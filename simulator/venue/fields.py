"""Fields of a request's JSON, checked one at a time. Numbers may come as JSON numbers (alpaca-py) or as strings."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from simulator.venue.orders import TimeInForce
from simulator.venue.refusals import Refusal, invalid, unprocessable

Body = Mapping[str, Any]
Choice = TypeVar("Choice", bound=StrEnum)

CLIENT_ORDER_ID_MAX_CHARS = 128
#: The most contracts, units or shares of an order, and the largest ratio of a leg; Alpaca does not tell its own limit.
#: A leg's quantity, their product, stays far below 64 bits, which is what JSON and the state file can carry.
MAX_QTY = 1_000_000
#: The most a price may be, USD per share; Alpaca does not tell its own limit. Times `MAX_QTY` × 100 it is still far from
#: where a figure would need an exponent.
MAX_PRICE_USD = 1_000_000
#: A price is told back digit by digit down to here; a finer one with an exponent.
_DECIMALS_TOLD = 20
#: Digits as JSON has them: Python alone reads "1_000" and other scripts' digits as numbers.
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(value: object) -> Decimal | None:
    """Return a JSON number or numeric string as a finite Decimal, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value).strip()
    if not _NUMBER.fullmatch(text):
        return None
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def is_one_of(choices: type[Choice], value: object) -> bool:
    """Tell whether `value` names a member."""
    return isinstance(value, str) and value in set(choices)


def check_limit_price(price: Decimal | None) -> Refusal | None:
    """Refuse a price that is missing, not positive, beyond reason, or finer than the tick (cents from $1.00 up)."""
    if price is None:
        return invalid("limit orders require a limit price")
    if not 0 < price <= MAX_PRICE_USD:
        return unprocessable("invalid limit price")
    return check_increment(price, "limit_price")


def check_stop_price(price: Decimal | None) -> Refusal | None:
    """Refuse a stop price as a limit price would be."""
    if price is None:
        return invalid("stop orders require a stop price")
    if not 0 < price <= MAX_PRICE_USD:
        return unprocessable("invalid stop price")
    return check_increment(price, "stop_price")


def check_net_price(price: Decimal | None) -> Refusal | None:
    """Refuse a net price of legs that is none, beyond reason or finer than the tick; its sign is free."""
    if price is None or abs(price) > MAX_PRICE_USD:
        return unprocessable("invalid limit price")
    return check_increment(price, "limit_price")


def check_increment(price: Decimal, name: str) -> Refusal | None:
    """Refuse more than two decimals from $1.00 up, more than four below; a net price counts by its size."""
    decimals = max(0, -int(price.normalize().as_tuple().exponent))
    if decimals > (2 if abs(price) >= 1 else 4):
        text = format(price.normalize(), "f") if decimals <= _DECIMALS_TOLD else str(price.normalize())
        return unprocessable(
            f"invalid {name} {text}. sub-penny increment does not fulfill minimum pricing criteria"
        )
    return None


def check_qty(value: object) -> Refusal | None:
    """Refuse a quantity that is not a positive whole number (1.0 is whole), or above `MAX_QTY`."""
    qty = read_number(value)
    if qty is None or qty <= 0:
        return invalid("qty must be > 0")
    if qty != qty.to_integral_value():
        return unprocessable("qty must be integer for options trading")
    return check_size(qty)


def check_size(qty: Decimal) -> Refusal | None:
    """Refuse a quantity above `MAX_QTY`."""
    return unprocessable(f"options order qty must be <= {MAX_QTY}") if qty > MAX_QTY else None


def check_client_order_id(value: object) -> Refusal | None:
    """Refuse an id that is no text or too long."""
    if value is not None and not isinstance(value, str):
        return invalid("client_order_id must be a string")
    if value is not None and len(value) > CLIENT_ORDER_ID_MAX_CHARS:
        return invalid(f"client_order_id must be no more than {CLIENT_ORDER_ID_MAX_CHARS} characters")
    return None


def check_time_in_force(value: object) -> Refusal | None:
    """Refuse all but `day` and `gtc`; the other known ones have a message of their own."""
    if value in ("ioc", "fok", "opg", "cls"):
        return unprocessable("order_time_in_force provided not supported for options trading")
    return None if is_one_of(TimeInForce, value) else invalid("invalid time_in_force")
