"""What an order holds of the buying power, and whether the account has it.

1. Long options: premium × 100 × qty. A market order is taken at the far side of the quote, a stop at its stop if higher.
   What opens at the market needs an ask.
2. A put written alone: strike × 100 × qty less the premium. A covered call: its shares, no money.
3. Legs, and what closes a short position: net price × 100 × qty plus what the margin of all the underlying's options
   grows by (or less what it falls by), whichever open orders are filled before (see `offsets`); never below 0.
4. Stocks are bought with cash: this venue lends no money, whatever multiples the account body tells.
"""

from collections.abc import Sequence
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import Right
from simulator.venue.money_text import money_text
from simulator.venue.offsets import margin_growth_usd
from simulator.venue.orders import Intent, OrderRequest, OrderType, Side
from simulator.venue.permissions import Part, legs_of
from simulator.venue.quotes import QuoteOf
from simulator.venue.refusals import Refusal, forbidden, unprocessable
from simulator.venue.standing import Standing


def required_usd(
    request: OrderRequest, parts: Sequence[Part], standing: Standing, quote_of: QuoteOf
) -> Decimal:
    """Return the buying power that `request` holds in all until it is done."""
    first = parts[0]
    multiplier = first.instrument.multiplier
    cost = unit_cost(request, quote_of) * multiplier * request.qty
    if not request.legs and first.intent is Intent.BUY_TO_OPEN:
        return cost
    if is_written_put(parts):
        return max(cost + _secured_usd(parts), Decimal(0))
    deltas = {part.instrument: part.side.sign * part.qty for part in parts}
    growth = margin_growth_usd(deltas, first.instrument.underlying, standing)
    return max(cost + growth, Decimal(0))


def check_priced(request: OrderRequest, parts: Sequence[Part], quote_of: QuoteOf) -> Refusal | None:
    """Refuse to open at the market what nobody offers: there is no price to hold buying power for."""
    for part in parts:
        symbol = part.instrument.symbol
        is_opened_at_market = request.type is OrderType.MARKET and part.intent is Intent.BUY_TO_OPEN
        if is_opened_at_market and quote_of(symbol).ask is None:
            return unprocessable(f'no ask price is available for "{symbol}", unable to price a market order')
    return None


def check_power(required: Decimal, parts: Sequence[Part], standing: Standing) -> Refusal | None:
    """Refuse what costs more than the account may spend."""
    power = max(standing.power_usd, Decimal(0))
    if required <= power:
        return None
    needed, available = money_text(required), money_text(power)
    if parts[0].instrument.option is None:
        return forbidden("insufficient buying power", buying_power=available, cost_basis=needed)
    if is_written_put(parts):
        return forbidden(
            "insufficient options buying power for cash-secured put "
            f"(required: {needed}, available: {available})",
            buying_power=available,
            required_options_buying_power=needed,
        )
    return forbidden(
        f"insufficient options buying power (required: {needed}, available: {available})",
        cost_basis=needed,
        options_buying_power=available,
    )


def unit_cost(request: OrderRequest, quote_of: QuoteOf) -> Decimal:
    """Return what a unit costs per share at most: net for legs, below 0 where money comes in."""
    if request.legs:
        return _legs_cost(request, quote_of) if request.limit_price is None else request.limit_price
    (leg,) = legs_of(request)
    return leg.side.sign * _price(request, leg.side, quote_of)


def is_written_put(parts: Sequence[Part]) -> bool:
    """Tell a put that is written alone, to be secured by cash."""
    option = parts[0].instrument.option
    return (
        len(parts) == 1
        and option is not None
        and option.right is Right.PUT
        and parts[0].intent is Intent.SELL_TO_OPEN
    )


def _secured_usd(parts: Sequence[Part]) -> Decimal:
    option = parts[0].instrument.option
    assert option is not None
    return option.strike * CONTRACT_MULTIPLIER * parts[0].qty


def _legs_cost(request: OrderRequest, quote_of: QuoteOf) -> Decimal:
    return sum(
        (
            leg.side.sign * leg.ratio_qty * _far(leg.side, leg.instrument.symbol, quote_of)
            for leg in request.legs
        ),
        Decimal(0),
    )


def _price(request: OrderRequest, side: Side, quote_of: QuoteOf) -> Decimal:
    if request.limit_price is not None:
        return request.limit_price
    assert request.instrument is not None
    far = _far(side, request.instrument.symbol, quote_of)
    return max(far, request.stop_price or Decimal(0)) if side is Side.BUY else far


def _far(side: Side, symbol: str, quote_of: QuoteOf) -> Decimal:
    quote = quote_of(symbol)
    return (quote.ask if side is Side.BUY else quote.bid) or Decimal(0)
