"""/v2/positions: what the account holds, closing it, and the exercise of options."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from simulator.api.requests import flag, instant
from simulator.api.wire import answer, error_body, refuse
from simulator.desk import Desk
from simulator.market_view import MarketView
from simulator.passage import price_at
from simulator.venue.fields import check_qty, read_number
from simulator.venue.identity import asset_id_of
from simulator.venue.instruments import instrument_of
from simulator.venue.money_text import money_text
from simulator.venue.orders import Order
from simulator.venue.positions import Position
from simulator.venue.refusals import Refusal, invalid, not_found, unprocessable
from simulator.wire_orders import order_json


def position_routes(desk: Desk) -> APIRouter:
    """Return the position routes of `desk`."""
    router = APIRouter(prefix="/v2/positions")

    @router.get("")
    async def positions(request: Request) -> Response:
        at = instant(request)
        return answer([_position_json(desk, held, at) for held in desk.account.positions.values()])

    @router.delete("")
    async def close_all(request: Request) -> Response:
        at = instant(request)
        if flag(request.query_params, "cancel_orders"):
            desk.cancel_all(at, at_once=True)
        return answer(_close_all(desk, at), status=207)

    @router.get("/{symbol_or_id}")
    async def position(symbol_or_id: str, request: Request) -> Response:
        held = _find(desk, symbol_or_id, instant(request))
        return (
            refuse(held)
            if isinstance(held, Refusal)
            else answer(_position_json(desk, held, instant(request)))
        )

    @router.delete("/{symbol_or_id}")
    async def close(symbol_or_id: str, request: Request) -> Response:
        outcome = _close(desk, symbol_or_id, request.query_params, instant(request))
        return refuse(outcome) if isinstance(outcome, Refusal) else answer(order_json(outcome))

    @router.post("/{symbol_or_id}/exercise")
    async def exercise(symbol_or_id: str, request: Request) -> Response:
        symbol = _contract_symbol(desk, symbol_or_id)
        return _done(symbol if isinstance(symbol, Refusal) else desk.exercise(symbol, instant(request)))

    @router.post("/{symbol_or_id}/do-not-exercise")
    async def do_not_exercise(symbol_or_id: str) -> Response:
        symbol = _contract_symbol(desk, symbol_or_id)
        return _done(symbol if isinstance(symbol, Refusal) else desk.do_not_exercise(symbol))

    return router


def _done(refusal: Refusal | None) -> Response:
    """Answer with an empty body."""
    return Response(status_code=200) if refusal is None else refuse(refusal)


def _find(desk: Desk, symbol_or_id: str, at: datetime) -> Position | Refusal:
    for symbol, held in desk.account.positions.items():
        if symbol_or_id in {symbol, asset_id_of(symbol)}:
            return held
    if _is_known(desk.view, symbol_or_id, at):
        return not_found("position does not exist")
    return not_found(f"symbol not found: {symbol_or_id}")


def _is_known(view: MarketView, symbol: str, at: datetime) -> bool:
    """Tell whether a symbol is traded here, or was; an id without a position names nothing."""
    try:
        instrument = instrument_of(symbol)
    except ValueError:
        return False
    last_close = view.last_close(instrument)
    return view.is_listed(instrument, at) or (
        last_close is not None and last_close <= at and instrument.underlying in view.market.underlyings()
    )


def _close(desk: Desk, symbol_or_id: str, params: Mapping[str, str], at: datetime) -> Order | Refusal:
    held = _find(desk, symbol_or_id, at)
    if isinstance(held, Refusal):
        return held
    qty = _closing_qty(held, params)
    return qty if isinstance(qty, Refusal) else desk.close_position(held.symbol, qty, at)


def _contract_symbol(desk: Desk, symbol_or_id: str) -> str | Refusal:
    """Return the symbol of a contract that is named by symbol or id."""
    for symbol in desk.account.positions:
        if symbol_or_id in {symbol, asset_id_of(symbol)}:
            return symbol
    try:
        instrument = instrument_of(symbol_or_id)
    except ValueError:
        return unprocessable("invalid symbol")
    return unprocessable("invalid symbol") if instrument.option is None else symbol_or_id


def _closing_qty(held: Position, params: Mapping[str, str]) -> int | Refusal | None:
    """Return how many to close; None closes all. A percentage is rounded down to whole units."""
    qty, percentage = params.get("qty"), params.get("percentage")
    if qty and percentage:
        return invalid("only one of qty or percentage is accepted")
    if percentage:
        share = read_number(percentage)
        if share is None or not 0 < share <= 100:
            return invalid("percentage must be between 0 and 100")
        whole = (abs(held.qty) * share / 100).to_integral_value(ROUND_FLOOR)
        return int(whole) or invalid("qty must be > 0")
    if not qty:
        return None
    return check_qty(qty) or int(Decimal(qty))


def _close_all(desk: Desk, at: datetime) -> list[dict[str, Any]]:
    """Send an order for every position, the short ones first.

    What covers a short one is refused until that is bought back: a spread may need a second call.
    """
    rows = []
    for held in sorted(desk.account.positions.values(), key=lambda held: held.qty > 0):
        outcome = desk.close_position(held.symbol, None, at)
        row = {"symbol": held.symbol}
        if isinstance(outcome, Refusal):
            rows.append(row | {"status": outcome.http_status, "body": error_body(outcome)})
        else:
            rows.append(row | {"status": 200, "body": order_json(outcome)})
    return rows


def _position_json(desk: Desk, held: Position, at: datetime) -> dict[str, Any]:
    price = price_at(desk.view, at)(held)
    value = held.value_usd(price)
    last_price = held.lastday_price or _last_close(desk.view, held, at) or price
    gain, day_gain = value - held.cost_basis_usd, value - held.day_basis_usd
    return {
        "asset_id": asset_id_of(held.symbol),
        "symbol": held.symbol,
        "exchange": "",
        "asset_class": held.instrument.asset_class,
        "asset_marginable": held.instrument.option is None,
        "qty": str(held.qty),
        "avg_entry_price": money_text(round(held.avg_entry_price, 6)),
        "side": "long" if held.qty > 0 else "short",
        "market_value": money_text(value),
        "cost_basis": money_text(held.cost_basis_usd),
        "unrealized_pl": money_text(gain),
        "unrealized_plpc": _share(gain, held.cost_basis_usd),
        "unrealized_intraday_pl": money_text(day_gain),
        "unrealized_intraday_plpc": _share(day_gain, held.day_basis_usd),
        "current_price": money_text(price),
        "lastday_price": money_text(last_price),
        "change_today": _share(price - last_price, last_price),
        "qty_available": str(desk.account.available_qty(held.symbol)),
    }


def _last_close(view: MarketView, held: Position, at: datetime) -> Decimal | None:
    """Return the closing price of the day before, of what was not held then."""
    if held.instrument.option is not None:
        contract = view.contract(held.symbol, at)
        return contract.close_price if contract else None
    stock = view.market.stock(held.symbol, at)
    return Decimal(str(stock.previous_day_bar.close)) if stock and stock.previous_day_bar else None


def _share(gain: Decimal, basis: Decimal) -> str:
    """Return a gain as a share of what it was made on."""
    return money_text(round(gain / abs(basis), 16)) if basis else "0"
