"""Each fact of the gates as a JSON document, and back, to the last digit.

Entry point: `PARTS`, a pair of functions for each fact: to its document, and from it to fields of `Facts`.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds, moment
from kernel.domain.control import ControlState, Switch
from services.executor.core.facts import AccountFacts, Fact, Facts, Position, Quote
from services.executor.core.readiness import Readiness
from services.executor.core.risk_book import LiveOrder, RiskBook


def _clock(facts: Facts) -> object:
    return {"skew_s": facts.clock_skew_s}


def _read_clock(document: Any) -> dict[str, Any]:
    return {"clock_skew_s": document["skew_s"]}


def _calendar(facts: Facts) -> object:
    covers_to = facts.calendar.covers_to
    return {
        "covers_to": None if covers_to is None else covers_to.isoformat(),
        "sessions": [
            [s.day.isoformat(), microseconds(s.opens_at), microseconds(s.closes_at)]
            for s in facts.calendar.sessions
        ],
    }


def _read_calendar(document: Any) -> dict[str, Any]:
    covers_to = document["covers_to"]
    sessions = [
        Session(date.fromisoformat(day), moment(opens_us), moment(closes_us))
        for day, opens_us, closes_us in document["sessions"]
    ]
    return {
        "calendar": TradingCalendar(
            sessions, covers_to=None if covers_to is None else date.fromisoformat(covers_to)
        )
    }


def _account(facts: Facts) -> object:
    account = facts.account
    return account and {
        "account_id": account.account_id,
        "equity_usd": _text(account.equity_usd),
        "last_equity_usd": _text(account.last_equity_usd),
        "options_buying_power_usd": _text(account.options_buying_power_usd),
        "blocked_by": account.blocked_by,
    }


def _read_account(document: Any) -> dict[str, Any]:
    account = document and AccountFacts(
        account_id=document["account_id"],
        equity_usd=_amount(document["equity_usd"]),
        last_equity_usd=_amount(document["last_equity_usd"]),
        options_buying_power_usd=_amount(document["options_buying_power_usd"]),
        blocked_by=tuple(document["blocked_by"]),
    )
    return {"account": account}


def _positions(facts: Facts) -> object:
    if facts.positions is None:
        return None
    return [[p.occ_symbol, str(p.at_stake_usd)] for p in facts.positions]


def _read_positions(document: Any) -> dict[str, Any]:
    if document is None:
        return {"positions": None}
    return {
        "positions": tuple(Position(occ_symbol=symbol, at_stake_usd=Decimal(usd)) for symbol, usd in document)
    }


def _quote(facts: Facts) -> object:
    quote = facts.quote
    return quote and {"bid": _text(quote.bid), "ask": _text(quote.ask), "at": _time(quote.quoted_at)}


def _read_quote(document: Any) -> dict[str, Any]:
    return {
        "quote": document
        and Quote(
            bid=_amount(document["bid"]), ask=_amount(document["ask"]), quoted_at=_moment(document["at"])
        )
    }


def _readiness(facts: Facts) -> object:
    ready = facts.readiness
    return ready and {"stream": ready.stream_ready, "reconciled": ready.reconciled, "drift": ready.drift}


def _read_readiness(document: Any) -> dict[str, Any]:
    return {
        "readiness": document
        and Readiness(
            stream_ready=document["stream"],
            reconciled=document["reconciled"],
            drift=tuple(document["drift"]),
        )
    }


def _book(facts: Facts) -> object:
    book = facts.book
    return book and {
        "orders": [_live_order(order) for order in book.orders],
        "day_premium_usd": str(book.day_premium_usd),
        "begun_last_minute": book.begun_last_minute,
        "rejected_at": [microseconds(at) for at in book.rejected_at],
        "same_order_at": _time(book.same_order_at),
        "equity_high_usd": _text(book.equity_high_usd),
        "equity_high_at": _time(book.equity_high_at),
        "switch": _switch(book.switch),
    }


def _read_book(document: Any) -> dict[str, Any]:
    return {
        "book": document
        and RiskBook(
            orders=tuple(_read_live_order(row) for row in document["orders"]),
            day_premium_usd=Decimal(document["day_premium_usd"]),
            begun_last_minute=document["begun_last_minute"],
            rejected_at=tuple(moment(at) for at in document["rejected_at"]),
            same_order_at=_moment(document["same_order_at"]),
            equity_high_usd=_amount(document["equity_high_usd"]),
            equity_high_at=_moment(document["equity_high_at"]),
            switch=_read_switch(document["switch"]),
        )
    }


def _live_order(order: LiveOrder) -> list[object]:
    what = [order.underlying, order.occ_symbol, order.contracts]
    return [*what, str(order.price_ceiling), order.at_venue, str(order.first_limit)]


def _read_live_order(row: list[Any]) -> LiveOrder:
    """Read an order; one recorded without its limit was decided on as if the venue held all it could cost."""
    underlying, symbol, contracts, ceiling, at_venue, *limit = row
    return LiveOrder(
        underlying=underlying,
        occ_symbol=symbol,
        contracts=contracts,
        price_ceiling=Decimal(ceiling),
        first_limit=Decimal(limit[0] if limit else ceiling),
        at_venue=at_venue,
    )


def _switch(switch: Switch | None) -> object:
    return switch and {
        "scope": switch.scope,
        "state": switch.state.value,
        "reason": switch.reason,
        "by": switch.by,
        "since": microseconds(switch.since),
        "version": switch.version,
        "counts_from": microseconds(switch.counts_from),
        "cancel_orders": switch.cancel_orders,
    }


def _read_switch(document: Any) -> Switch | None:
    if document is None:
        return None
    times = {name: moment(document[name]) for name in ("since", "counts_from")}
    return Switch(**(document | times | {"state": ControlState(document["state"])}))


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _amount(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(at: datetime | None) -> int | None:
    return None if at is None else microseconds(at)


def _moment(us: int | None) -> datetime | None:
    return None if us is None else moment(us)


_Write = Callable[[Facts], object]
_Read = Callable[[Any], dict[str, Any]]
PARTS: Mapping[Fact, tuple[_Write, _Read]] = {
    Fact.CLOCK: (_clock, _read_clock),
    Fact.CALENDAR: (_calendar, _read_calendar),
    Fact.VENUE: (lambda facts: facts.venue_url, lambda url: {"venue_url": url}),
    Fact.ACCOUNT: (_account, _read_account),
    Fact.POSITIONS: (_positions, _read_positions),
    Fact.QUOTE: (_quote, _read_quote),
    Fact.PRICE: (lambda facts: _text(facts.price_usd), lambda text: {"price_usd": _amount(text)}),
    Fact.READINESS: (_readiness, _read_readiness),
    Fact.BOOK: (_book, _read_book),
}
