"""Whether the account may: position intent, quantities and options buying power, as pure checks."""

from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue.fills import Nbbo
from simulator.venue.lifecycle import Changes, reserve_price_after
from simulator.venue.money_text import money_text
from simulator.venue.orders import WORKING_STATUSES, Intent, Order, OrderRequest, Side, Status
from simulator.venue.refusals import Refusal, forbidden, unprocessable


def infer_intent(request: OrderRequest, available_qty: int) -> Intent | Refusal:
    """Tell what an order does to the available position, or why it may not.

    Selling to open is refused: a call lacks its shares, and uncovered puts and spreads are not traded here.
    """
    inferred = Intent.BUY_TO_OPEN
    if request.side is Side.SELL:
        inferred = Intent.SELL_TO_CLOSE if available_qty > 0 else Intent.SELL_TO_OPEN
    if request.intent not in (None, inferred):
        return unprocessable(f"position intent mismatch, inferred: {inferred}, specified: {request.intent}")
    return _uncovered(request) if inferred is Intent.SELL_TO_OPEN else inferred


def reserve_price_of(request: OrderRequest, quote: Nbbo) -> Decimal:
    """Return what an order holds per share: a limit buy its limit, a market buy the ask, a sell nothing."""
    if request.side is Side.SELL:
        return Decimal(0)
    return request.limit_price or quote.ask or Decimal(0)


def check_buying_power(required_usd: Decimal, available_usd: Decimal) -> Refusal | None:
    """Refuse what costs more than options buying power."""
    if required_usd <= available_usd:
        return None
    required, available = money_text(required_usd), money_text(available_usd)
    return forbidden(
        f"insufficient options buying power (required: {required}, available: {available})",
        cost_basis=required,
        options_buying_power=available,
    )


def check_quantity(symbol: str, requested: int, *, available: int, held: int) -> Refusal | None:
    """Refuse to sell more than is held and not promised to another order."""
    if requested <= available:
        return None
    return forbidden(
        f"insufficient qty available for order (requested: {requested}, available: {available})",
        available=str(available),
        existing_qty=str(held),
        held_for_orders=str(held - available),
        symbol=symbol,
    )


def check_replaceable(order: Order, changes: Changes) -> Refusal | None:
    """Refuse to change an order that is not working, or not to change it."""
    if order.status is Status.REPLACED:
        return unprocessable("order already replaced")
    if order.status not in WORKING_STATUSES:
        return unprocessable(f"cannot replace order in {order.status} status")
    if changes.qty is not None and changes.qty <= order.filled_qty:
        return unprocessable("qty must be > filled_qty")
    if changes.qty in (None, order.qty) and changes.limit_price in (None, order.limit_price):
        return unprocessable("order parameters are not changed")
    if changes.limit_price is not None and order.limit_price is None:
        return unprocessable("limit price is only valid for limit orders")
    return None


def replacement_cost_usd(order: Order, changes: Changes) -> Decimal:
    """Return what the replacement of a buy holds of the buying power."""
    open_qty = (changes.qty or order.qty) - order.filled_qty
    return reserve_price_after(order, changes) * CONTRACT_MULTIPLIER * open_qty


def _uncovered(request: OrderRequest) -> Refusal:
    if request.option.right is Right.PUT:
        return forbidden("account not eligible to trade uncovered option contracts")
    required = str(request.qty * CONTRACT_MULTIPLIER)
    return forbidden(
        f"insufficient underlying qty available for covered call (required: {required}, available: 0)",
        available_qty="0",
        required_qty=required,
        symbol=request.option.root,
    )
