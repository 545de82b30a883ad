"""Orders that the venue refuses, each with what went before and the whole answer; `test_errors` sends them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderStatus

from kernel.domain.options import Right
from simulator.server import VenueThread
from simulator.venue.identity import asset_id_of
from tests.fakes.market import THIS_FRIDAY, at_eastern, spy
from tests.integration.simulator.at_venue import (
    a_buy,
    ask,
    bought,
    in_status,
    set_clock,
)

PUT = spy(500, right=Right.PUT)
FORBIDDEN, UNPROCESSABLE, INVALID, NOT_FOUND = 40310000, 42210000, 40010001, 40410000

Arrange = Callable[[VenueThread, TradingClient], Any]


def order(**overrides: Any) -> dict[str, Any]:
    """Return the body of a limit buy; None takes a field away."""
    body = {
        "symbol": spy(520),
        "qty": 1,
        "side": "buy",
        "type": "limit",
        "time_in_force": "day",
        "limit_price": 2.6,
        **overrides,
    }
    return {name: value for name, value in body.items() if value is not None}


def leg(symbol: str, intent: str, ratio_qty: float = 1) -> dict[str, Any]:
    return {
        "symbol": symbol,
        "ratio_qty": ratio_qty,
        "side": intent.partition("_")[0],
        "position_intent": intent,
    }


LONG, SHORT = leg(spy(520), "buy_to_open"), leg(spy(530), "sell_to_open")


def legs(*rows: Mapping[str, Any], **overrides: Any) -> dict[str, Any]:
    """Return the body of an mleg order."""
    body = {"order_class": "mleg", "legs": list(rows or (LONG, SHORT)), "limit_price": 0.2}
    return order(symbol=None, side=None, **{**body, **overrides})


def nothing(_venue: VenueThread, _trading: TradingClient) -> None:
    """Leave a fresh account on a Wednesday at ten."""


def level(allowed: int) -> Arrange:
    """Let the account trade up to a level."""
    return lambda venue, _: ask(
        venue, "PATCH", "/v2/account/configurations", json={"max_options_trading_level": allowed}
    ).raise_for_status()


def at(clock: str) -> Arrange:
    """Let it be Friday at a time of day."""
    return lambda venue, _: set_clock(venue, at=at_eastern(clock, THIS_FRIDAY), speed=0)


def holding(symbol: str = spy(520), qty: int = 2) -> Arrange:
    """Hold contracts."""
    return lambda _, trading: bought(trading, symbol=symbol, qty=qty)


def resting(**overrides: Any) -> Arrange:
    """Have an order in the market that does not fill."""
    return lambda _, trading: in_status(
        trading, trading.submit_order(a_buy(**{"limit_price": 1.00, **overrides})), OrderStatus.NEW
    )


def both(*steps: Arrange) -> Arrange:
    def arrange(venue: VenueThread, trading: TradingClient) -> None:
        for step in steps:
            step(venue, trading)

    return arrange


@dataclass(frozen=True, kw_only=True)
class Refused:
    """An order that is refused: what happened before, its body, and the whole answer."""

    body: Mapping[str, Any]
    code: int
    message: str
    before: Arrange = nothing
    figures: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return {FORBIDDEN: 403, UNPROCESSABLE: 422, INVALID: 422, NOT_FOUND: 404}[self.code]


ORDERS = [
    # 403: what the account may not
    Refused(before=level(0), body=order(), code=FORBIDDEN, message="account not authorized to trade options"),
    Refused(
        before=level(1),
        body=order(),
        code=FORBIDDEN,
        message="account not eligible to trade long option contracts",
    ),
    Refused(
        before=level(2),
        body=legs(),
        code=FORBIDDEN,
        message="account not eligible to trade spreads or uncovered contracts",
    ),
    Refused(
        body=legs(SHORT, leg(spy(540), "sell_to_open")),
        code=FORBIDDEN,
        message="account not eligible to trade uncovered option contracts",
    ),
    # 403: what it cannot afford
    Refused(
        body=order(qty=1000),
        code=FORBIDDEN,
        message="insufficient options buying power (required: 260000, available: 100000)",
        figures={"cost_basis": "260000", "options_buying_power": "100000"},
    ),
    Refused(
        body=order(symbol=PUT, side="sell", qty=3, limit_price=2.4),
        code=FORBIDDEN,
        message="insufficient options buying power for cash-secured put (required: 149280, available: 100000)",
        figures={"buying_power": "100000", "required_options_buying_power": "149280"},
    ),
    Refused(
        body=order(side="sell"),
        code=FORBIDDEN,
        message="insufficient underlying qty available for covered call (required: 100, available: 0)",
        figures={
            "available_qty": "0",
            "required_qty": "100",
            "symbol": "SPY",
            "underlying_asset_id": asset_id_of("SPY"),
        },
    ),
    Refused(
        body=order(symbol="SPY", qty=1000, limit_price=520),
        code=FORBIDDEN,
        message="insufficient buying power",
        figures={"buying_power": "100000", "cost_basis": "520000"},
    ),
    Refused(
        before=holding(),
        body=order(side="sell", qty=3, limit_price=2.4),
        code=FORBIDDEN,
        message="insufficient qty available for order (requested: 3, available: 2)",
        figures={
            "available": "2",
            "existing_qty": "2",
            "held_for_orders": "0",
            "related_orders": [],
            "symbol": spy(520),
        },
    ),
    # 422: what options do not trade
    *(
        Refused(
            body=order(order_class=name),
            code=UNPROCESSABLE,
            message="complex orders not supported for options trading",
        )
        for name in ("bracket", "oco", "oto")
    ),
    Refused(
        before=at("15:30"),
        body=order(),
        code=UNPROCESSABLE,
        message=f'contract "{spy(520)}" expires soon, unable to open new positions',
    ),
    Refused(
        before=at("16:00"), body=order(), code=UNPROCESSABLE, message=f'contract "{spy(520)}" is expired'
    ),
    Refused(body=order(symbol=spy(525)), code=UNPROCESSABLE, message=f'asset "{spy(525)}" not found'),
    Refused(body=order(symbol="not one"), code=UNPROCESSABLE, message='asset "not one" not found'),
    Refused(
        body=order(symbol="NOPE260612C00520000"),
        code=UNPROCESSABLE,
        message='underlying asset "NOPE" not found',
    ),
    Refused(
        body=order(extended_hours=True),
        code=UNPROCESSABLE,
        message="extended hours is not supported for options trading",
    ),
    Refused(
        body=order(type="trailing_stop", trail_price=1, limit_price=None),
        code=UNPROCESSABLE,
        message="invalid order type for options trading",
    ),
    Refused(
        body=order(qty=None, notional=100),
        code=UNPROCESSABLE,
        message="notional orders are not supported for options trading",
    ),
    Refused(
        before=at("09:29"),
        body=order(type="market", limit_price=None),
        code=UNPROCESSABLE,
        message="options market orders are only allowed during market hours",
    ),
    *(
        Refused(
            body=order(time_in_force=name),
            code=UNPROCESSABLE,
            message="order_time_in_force provided not supported for options trading",
        )
        for name in ("ioc", "fok", "opg", "cls")
    ),
    Refused(
        body=order(side="sell", position_intent="sell_to_close", limit_price=2.4),
        code=UNPROCESSABLE,
        message="position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
    ),
    Refused(
        before=holding(),
        body=order(side="sell", position_intent="sell_to_open", limit_price=2.4),
        code=UNPROCESSABLE,
        message="position intent mismatch, inferred: sell_to_close, specified: sell_to_open",
    ),
    Refused(body=order(qty=1.5), code=UNPROCESSABLE, message="qty must be integer for options trading"),
    *(
        Refused(
            body=order(limit_price=price),
            code=UNPROCESSABLE,
            message=f"invalid limit_price {price}. sub-penny increment does not fulfill minimum pricing criteria",
        )
        for price in (290.123, 1.001, 0.99999)
    ),
    # 422: legs
    Refused(
        body=legs(LONG, leg(spy(535), "sell_to_open")),
        code=UNPROCESSABLE,
        message=f"asset not found for {spy(535)}",
    ),
    Refused(
        body=legs(LONG, leg("SPY", "sell_to_open")),
        code=UNPROCESSABLE,
        message="equity legs are allowed only with a corresponding amount of call contracts",
    ),
    Refused(body=legs(limit_price="much"), code=UNPROCESSABLE, message="invalid limit price"),
    Refused(body=legs(time_in_force="ioc"), code=UNPROCESSABLE, message="invalid time in force"),
    Refused(
        body=legs(LONG, {"symbol": spy(530), "ratio_qty": 1}),
        code=UNPROCESSABLE,
        message="leg.1 position intent is required",
    ),
    Refused(
        body=legs(type="market"),
        code=UNPROCESSABLE,
        message="limit price is only valid for limit orders",
    ),
    Refused(
        body=legs(limit_price=None), code=UNPROCESSABLE, message="limit price is required for limit orders"
    ),
    Refused(
        body=legs(LONG, leg("QQQ260612C00520000", "sell_to_open")),
        code=UNPROCESSABLE,
        message="underlying asset mismatch: SPY != QQQ",
    ),
    *(
        Refused(
            body=legs(*rows),
            code=UNPROCESSABLE,
            message="mleg orders must have at least 2 legs and at most 4 legs",
        )
        for rows in ((LONG,), (LONG, SHORT, *(leg(spy(k), "buy_to_open") for k in (500, 510, 540))))
    ),
    Refused(
        body=legs(qty=2 * 10**19, limit_price=0),
        code=UNPROCESSABLE,
        message="options order qty must be <= 1000000",
    ),
    Refused(
        body=legs({**LONG, "ratio_qty": 1_000_001}, SHORT),
        code=UNPROCESSABLE,
        message="options order qty must be <= 1000000",
    ),
    Refused(
        body=legs(LONG, leg(spy(520), "sell_to_open")),
        code=UNPROCESSABLE,
        message="mleg orders must have distinct symbols in their legs",
    ),
    Refused(
        body=legs({**LONG, "ratio_qty": 2}, {**SHORT, "ratio_qty": 4}),
        code=UNPROCESSABLE,
        message="the greatest common divisor of the legs' ratio_qty must be 1",
    ),
    *(
        Refused(
            body=legs(LONG, {**SHORT, "ratio_qty": ratio}),
            code=UNPROCESSABLE,
            message="leg.1 ratio_qty must be a positive integer",
        )
        for ratio in (0, -1, 1.5, "many", None)
    ),
    # 422 with a 400's code: what is malformed
    *(
        Refused(body=body, code=INVALID, message="invalid position_intent")
        for body in (order(position_intent="buy_to_hold"), legs(LONG, {**SHORT, "position_intent": "keep"}))
    ),
    Refused(
        body=order(position_intent="sell_to_open"),
        code=INVALID,
        message="position_intent sell_to_open does not fit side buy",
    ),
    Refused(
        body=legs({**LONG, "side": "sell"}, SHORT),
        code=INVALID,
        message="position_intent buy_to_open does not fit side sell",
    ),
    Refused(body=order(order_class="pair"), code=INVALID, message="invalid order class"),
    Refused(body=order(symbol=None), code=INVALID, message="symbol is required"),
    Refused(body=order(client_order_id=7), code=INVALID, message="client_order_id must be a string"),
    Refused(
        before=resting(client_order_id="ticket-1"),
        body=order(client_order_id="ticket-1", limit_price=1),
        code=INVALID,
        message="client_order_id must be unique",
    ),
    Refused(body=order(qty=None), code=INVALID, message="qty or notional is required"),
    Refused(body=order(notional=100), code=INVALID, message="only one of qty or notional is accepted"),
    *(Refused(body=order(qty=qty), code=INVALID, message="qty must be > 0") for qty in (0, -1, "many")),
    Refused(body=order(type="guess"), code=INVALID, message="invalid order type"),
    Refused(body=order(side="long"), code=INVALID, message="invalid side"),
    Refused(body=order(time_in_force="week"), code=INVALID, message="invalid time_in_force"),
    Refused(body=order(limit_price=None), code=INVALID, message="limit orders require a limit price"),
    Refused(
        body=order(client_order_id="x" * 129),
        code=INVALID,
        message="client_order_id must be no more than 128 characters",
    ),
]
