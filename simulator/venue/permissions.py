"""Whether the account may: levels, position intents, quantities, cover and wash trades.

Entry points: `parts_of` tells what each part of a request does to the position; `check` judges the whole.
Levels: 0 none; 1 covered calls and cash-secured puts; 2 also long options; 3 also spreads.
This venue lends no shares: stock that is not held cannot be sold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue.identity import asset_id_of
from simulator.venue.instruments import Instrument
from simulator.venue.margin import Lot, shortfall
from simulator.venue.orders import Intent, LegRequest, Order, OrderRequest, OrderType, Side
from simulator.venue.refusals import Refusal, forbidden, unprocessable
from simulator.venue.standing import Standing

UNCOVERED = "account not eligible to trade uncovered option contracts"
_ANY_PRICE = frozenset({OrderType.MARKET, OrderType.STOP})


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRights:
    """What the account was approved for, what its owner configured, and whether the owner suspended trading."""

    approved_level: int = 3
    max_level: int = 3
    is_suspended: bool = False

    @property
    def level(self) -> int:
        """Return the level that holds: the lower of both."""
        return min(self.approved_level, self.max_level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One instrument of a request: `qty` contracts or shares in all, and what that does to the position."""

    instrument: Instrument
    side: Side
    qty: int
    intent: Intent


def parts_of(request: OrderRequest, standing: Standing) -> tuple[Part, ...] | Refusal:
    """Return what a request trades, its intents inferred from the available positions; or where one contradicts."""
    parts = []
    for leg in legs_of(request):
        available = standing.available_qty(leg.instrument.symbol)
        inferred = _inferred(leg.side, available)
        if leg.instrument.option and leg.intent not in (None, inferred):
            message = f"position intent mismatch, inferred: {inferred}, specified: {leg.intent}"
            return unprocessable(message)
        parts.append(
            Part(instrument=leg.instrument, side=leg.side, qty=leg.ratio_qty * request.qty, intent=inferred)
        )
    return tuple(parts)


def legs_of(request: OrderRequest) -> tuple[LegRequest, ...]:
    """Return a request's legs; a simple one is a leg of its own."""
    if request.instrument is None or request.side is None:
        return request.legs
    return (LegRequest(instrument=request.instrument, side=request.side, ratio_qty=1, intent=request.intent),)


def check(
    request: OrderRequest, parts: Sequence[Part], standing: Standing, rights: TradingRights
) -> Refusal | None:
    """Return why the account may not send this, or None. Money is judged in `funds`."""
    return (
        _check_rights(request, parts, rights)
        or _check_quantities(parts, standing)
        or _check_wash_trade(request, standing)
        or (_check_legs_cover(parts) if request.legs else _check_shares(parts[0], standing))
        or _check_cover(request, parts, standing)
    )


def check_closable(instrument: Instrument, qty: int, standing: Standing) -> Refusal | None:
    """Refuse to close more of a position than is available."""
    is_long = standing.portfolio.qty(instrument.symbol) > 0
    part = Part(
        instrument=instrument,
        side=Side.SELL if is_long else Side.BUY,
        qty=qty,
        intent=Intent.SELL_TO_CLOSE if is_long else Intent.BUY_TO_CLOSE,
    )
    return _check_quantities([part], standing)


def lots_of(parts: Sequence[Part]) -> list[Lot]:
    """Return the options that parts trade, signed."""
    return [(part.instrument.option, part.side.sign * part.qty) for part in parts if part.instrument.option]


def _inferred(side: Side, available_qty: int) -> Intent:
    if side is Side.SELL:
        return Intent.SELL_TO_CLOSE if available_qty > 0 else Intent.SELL_TO_OPEN
    return Intent.BUY_TO_CLOSE if available_qty < 0 else Intent.BUY_TO_OPEN


def _check_rights(request: OrderRequest, parts: Sequence[Part], rights: TradingRights) -> Refusal | None:
    if rights.is_suspended:
        return forbidden("new orders are rejected by user request")
    if not lots_of(parts):
        return None
    if rights.level < 1:
        return forbidden("account not authorized to trade options")
    if request.legs and rights.level < 3:
        return forbidden("account not eligible to trade spreads or uncovered contracts")
    if rights.level < 2 and parts[0].intent is Intent.BUY_TO_OPEN:
        return forbidden("account not eligible to trade long option contracts")
    return None


def _check_quantities(parts: Sequence[Part], standing: Standing) -> Refusal | None:
    """Refuse to close more than is held and not promised to another order."""
    for part in parts:
        symbol = part.instrument.symbol
        available = abs(standing.available_qty(symbol))
        is_closing = part.intent in {Intent.SELL_TO_CLOSE, Intent.BUY_TO_CLOSE}
        is_short_sale = part.intent is Intent.SELL_TO_OPEN and part.instrument.option is None
        if (is_closing or is_short_sale) and part.qty > available:
            return _insufficient_qty(part, available, standing)
    return None


def _insufficient_qty(part: Part, available: int, standing: Standing) -> Refusal:
    symbol = part.instrument.symbol
    held = standing.portfolio.qty(symbol)
    return forbidden(
        f"insufficient qty available for order (requested: {part.qty}, available: {available})",
        available=str(available),
        existing_qty=str(held),
        held_for_orders=str(abs(held) - available),
        related_orders=standing.related_orders(symbol),
        symbol=symbol,
    )


def _check_wash_trade(request: OrderRequest, standing: Standing) -> Refusal | None:
    """Refuse an order that could trade against an open one of the other side."""
    if request.instrument is None:
        return None
    for order in standing.book.open_in(request.instrument.symbol, without=standing.without):
        if not order.legs and order.side is not request.side:
            reason = _wash_reason(request, order)
            if reason is not None:
                return forbidden(
                    "potential wash trade detected. use complex orders",
                    existing_order_id=order.id,
                    reject_reason=reason,
                )
    return None


def _wash_reason(request: OrderRequest, order: Order) -> str | None:
    if order.type in _ANY_PRICE:
        return "opposite side market/stop order exists"
    if request.type in _ANY_PRICE:
        return "opposite side limit order exists"
    assert request.limit_price is not None
    assert order.limit_price is not None
    ahead = request.limit_price - order.limit_price
    meets = ahead >= 0 if request.side is Side.BUY else ahead <= 0
    return "opposite side limit order exists" if meets else None


def _check_legs_cover(parts: Sequence[Part]) -> Refusal | None:
    """Refuse legs that open short what the legs that open long do not cover."""
    opening = [part for part in parts if part.intent in {Intent.SELL_TO_OPEN, Intent.BUY_TO_OPEN}]
    lots = lots_of(opening)
    bare = any(shortfall(lots, right) for right in Right)
    return forbidden(UNCOVERED) if bare else None


def _check_shares(part: Part, standing: Standing) -> Refusal | None:
    """Refuse to write a call without free shares to deliver."""
    option = part.instrument.option
    if option is None or part.intent is not Intent.SELL_TO_OPEN or option.right is Right.PUT:
        return None
    underlying, required = part.instrument.underlying, part.qty * CONTRACT_MULTIPLIER
    available = 0 if part.instrument.is_cash_settled else standing.available_qty(underlying)
    if required <= available:
        return None
    return forbidden(
        f"insufficient underlying qty available for covered call (required: {required}, available: {available})",
        available_qty=str(available),
        required_qty=str(required),
        symbol=underlying,
        underlying_asset_id=asset_id_of(underlying),
    )


def _check_cover(request: OrderRequest, parts: Sequence[Part], standing: Standing) -> Refusal | None:
    """Refuse to take away what covers a short option; writing one alone is judged by its shares or its cash."""
    if not request.legs and parts[0].intent is Intent.SELL_TO_OPEN:
        return None
    underlying, lots = parts[0].instrument.underlying, lots_of(parts)
    worse = any(
        standing.shortfall(underlying, right, lots) > standing.shortfall(underlying, right)
        for right in Right
        # Most orders take no cover away; only the others are worth a look at every open order.
        if shortfall([], right, [lots])
    )
    return forbidden(UNCOVERED) if worse else None
