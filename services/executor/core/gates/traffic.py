"""Gates that look back: repeated orders, their rate, the venue's refusals, losses."""

from datetime import timedelta
from decimal import Decimal

from kernel.contracts.messages import Ticket
from services.executor.core.facts import Facts
from services.executor.core.gates.gate import No, equity_usd, no, positive
from services.executor.core.gates.limits import Limits
from services.executor.core.risk_book import RiskBook


def not_again(ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    window_s = limits.gates.same_order_window_s
    if facts.book is None:
        return no("the account's other orders are not known", same_order_window_s=window_s)
    last = facts.book.same_order_at
    # Another worker's clock may be a little ahead of this one's: that is no time ago, not less.
    if last is None or max(facts.now - last, timedelta()) >= timedelta(seconds=window_s):
        return None
    age_s = max((facts.now - last).total_seconds(), 0.0)
    return no(
        f"{ticket.legs[0].occ_symbol} was ordered {age_s:.3f} s ago; again not before {window_s:g} s have passed",
        occ_symbol=ticket.legs[0].occ_symbol,
        last_order_at=last,
        same_order_window_s=window_s,
    )


def rate(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    most = limits.gates.orders_per_minute_max
    begun = None if facts.book is None else facts.book.begun_last_minute
    if begun is not None and 0 <= begun < most:
        return None
    return no(
        f"{begun} tickets came within the last minute, the most is {most} with this one",
        begun_last_minute=begun,
        orders_per_minute_max=most,
    )


def not_refused_in_a_row(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    most = limits.gates.consecutive_rejects_max
    rejects = None if facts.book is None else _rejects(facts.book)
    if rejects is not None and rejects < most:
        return None
    return no(
        f"the venue refused {rejects} orders in a row; a person has to look at it",
        consecutive_rejects=rejects,
        consecutive_rejects_max=most,
    )


def daily_loss(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    equity = equity_usd(facts.account)
    last = None if facts.account is None else facts.account.last_equity_usd
    return _fallen("the previous close", equity, last, limits.gates.daily_loss_pct_max, "last_equity_usd")


def drawdown(_ticket: Ticket, facts: Facts, limits: Limits) -> No | None:
    equity = equity_usd(facts.account)
    high = None if facts.book is None else counted_high(facts.book) or equity
    if equity is not None and high is not None and positive(high):
        high = max(high, equity)
    return _fallen("the highest equity seen", equity, high, limits.gates.drawdown_pct_max, "equity_high_usd")


def counted_high(book: RiskBook) -> Decimal | None:
    """Return the highest equity seen since trading was resumed by a person; None if none was."""
    if book.equity_high_usd is None or book.equity_high_at is None:
        return None
    resumed_before = book.switch is None or book.equity_high_at > book.switch.counts_from
    return book.equity_high_usd if resumed_before else None


def _rejects(book: RiskBook) -> int:
    switch = book.switch
    return sum(switch is None or at > switch.counts_from for at in book.rejected_at)


def _fallen(
    since: str, equity: Decimal | None, before: Decimal | None, most_pct: Decimal, name: str
) -> No | None:
    """Say no when equity lies more than `most_pct` percent under `before`; without a division, so to the cent."""
    if (
        equity is not None
        and before is not None
        and positive(before)
        and (before - equity) * 100 <= before * most_pct
    ):
        return None
    lost = None
    if equity is not None and before is not None and positive(before):
        lost = ((before - equity) / before * 100).quantize(Decimal("0.0001"))
    return no(
        f"equity is too far below {since}",
        equity_usd=equity,
        **{name: before},
        lost_pct=lost,
        lost_pct_max=most_pct,
    )
