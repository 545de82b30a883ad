"""Gates of price: the quote at the time of sending, and the limit against it."""

from datetime import timedelta
from decimal import Decimal

from kernel.contracts.messages import Ticket
from kernel.domain.money import spread_pct
from kernel.domain.options import OptionSymbol, Right
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import ZERO, No, no, positive, within
from services.executor.core.gates.limits import Limits


def quote_usable(ticket: Ticket, facts: Facts, _limits: Limits) -> No | None:
    if _quoted(facts) is not None and positive(facts.price_usd):
        return None
    quote = facts.quote
    return no(
        f"{ticket.legs[0].occ_symbol} has no usable quote now, or its underlying no price",
        bid=None if quote is None else quote.bid,
        ask=None if quote is None else quote.ask,
        quoted_at=None if quote is None else quote.quoted_at,
        price_usd=facts.price_usd,
    )


def quote_fresh(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    quoted_at = None if facts.quote is None else facts.quote.quoted_at
    most = limits.gates.quote_age_s_max
    if quoted_at is not None and abs(facts.now - quoted_at) <= timedelta(seconds=most):
        return None
    age_s = None if quoted_at is None else (facts.now - quoted_at).total_seconds()
    said = "none" if age_s is None else f"{age_s:.6g}"
    return no(f"the quote is {said} s old, more than {most:g} s", quote_age_s=said, quote_age_s_max=most)


def spread_narrow(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    quoted, most = _quoted(facts), limits.gates.spread_pct_max
    # Without a division: a spread of exactly the bound is inside.
    if quoted is not None and (quoted[1] - quoted[0]) * 200 <= most * (quoted[0] + quoted[1]):
        return None
    spread = None if quoted is None else spread_pct(*quoted).quantize(Decimal("0.0001"))
    bid, ask = quoted or (None, None)
    return no(
        "the spread is too wide at the time of sending",
        spread_pct=spread,
        spread_pct_max=most,
        bid=bid,
        ask=ask,
    )


def not_above_collar(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    quoted, collar = _quoted(facts), limits.gates.price_collar_pct
    highest = None if quoted is None else quoted[1] * (100 + collar) / 100
    if within(ticket.limit_price, highest):
        return None
    return no(
        f"the limit is more than {collar:g} % above the ask",
        limit_price=ticket.limit_price,
        ask=None if quoted is None else quoted[1],
        highest_price=highest,
    )


def not_below_collar(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    quoted, collar = _quoted(facts), limits.gates.price_collar_pct
    lowest = None if quoted is None else quoted[0] * (100 - collar) / 100
    if within(lowest, ticket.limit_price):
        return None
    return no(
        f"the limit is more than {collar:g} % below the bid",
        limit_price=ticket.limit_price,
        bid=None if quoted is None else quoted[0],
        lowest_price=lowest,
    )


def not_below_intrinsic(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    intrinsic = _intrinsic_usd(ticket.legs[0].occ_symbol, facts.price_usd)
    tolerance = limits.gates.intrinsic_tolerance_pct
    lowest = None
    if intrinsic is not None and facts.price_usd is not None:
        lowest = max(intrinsic - facts.price_usd * tolerance / 100, ZERO)
    if within(lowest, ticket.limit_price):
        return None
    return no(
        "the limit is under the intrinsic value: it, the quote or the underlying's price is broken",
        limit_price=ticket.limit_price,
        intrinsic_usd=intrinsic,
        lowest_price=lowest,
        price_usd=facts.price_usd,
    )


def _quoted(facts: Facts) -> tuple[Decimal, Decimal] | None:
    """Return bid and ask where both are prices and not crossed (locked is fine)."""
    quote = facts.quote
    if quote is None or quote.bid is None or quote.ask is None or quote.quoted_at is None:
        return None
    if not (positive(quote.bid) and positive(quote.ask) and quote.bid <= quote.ask):
        return None
    return quote.bid, quote.ask


def _intrinsic_usd(occ_symbol: str, price_usd: Decimal | None) -> Decimal | None:
    """Return what the option would be worth if it were exercised now, USD per share."""
    if price_usd is None or not positive(price_usd):
        return None
    try:
        option = OptionSymbol.parse(occ_symbol)
    except ValueError:
        return None
    gain = price_usd - option.strike if option.right is Right.CALL else option.strike - price_usd
    return max(gain, ZERO)
