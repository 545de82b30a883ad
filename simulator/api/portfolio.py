"""/v2/account/portfolio/history: equity over time, and the gain on it.

1. A window is named by its beginning and told with the equity at its end; a window that has not ended, with the present's.
2. Windows before the account existed, or not yet begun, are not told.
3. Within the day the gain counts from the close before the day (`pnl_reset` per_day) or before the first window
   (no_reset). Of days, `profit_loss` is each day's own, and `profit_loss_pct` counts from `base_value`, the first
   day's equity: as Alpaca's examples have it.
4. A day is named by 8 pm of the exchange, when its extended session ends.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import Session, market_day
from kernel.domain.clock import MARKET_ZONE
from simulator.api.requests import choice, day, flag, instant, moment
from simulator.api.wire import answer, refuse
from simulator.brokerage import Holding
from simulator.desk import Desk
from simulator.passage import price_at
from simulator.venue.daybook import EquityMark
from simulator.venue.refusals import Refusal, unprocessable

_PERIOD = re.compile(r"(\d{1,4})([DWMA])")
_DAYS = {"D": 1, "W": 7, "M": 30, "A": 365}
#: Windows shorter than a day reach back this far at most.
_INTRADAY_MAX = timedelta(days=30)
_OPENS, _CLOSES = time(4), time(20)


class Timeframe(StrEnum):
    """How long a window is."""

    ONE_MINUTE = "1Min"
    FIVE_MINUTES = "5Min"
    QUARTER = "15Min"
    HOUR = "1H"
    DAY = "1D"

    @property
    def length(self) -> timedelta:
        """Return the window's length; a day is a session of whatever length."""
        return {"1Min": _MINUTE, "5Min": 5 * _MINUTE, "15Min": 15 * _MINUTE, "1H": 60 * _MINUTE}.get(
            self, timedelta(days=1)
        )


class Reporting(StrEnum):
    """Which windows of a day are told."""

    MARKET_HOURS = "market_hours"
    EXTENDED_HOURS = "extended_hours"
    CONTINUOUS = "continuous"


class PnlReset(StrEnum):
    """When the gain starts anew."""

    PER_DAY = "per_day"
    NO_RESET = "no_reset"


_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    start: datetime
    end: datetime
    timeframe: Timeframe
    reporting: Reporting
    reset: PnlReset


def portfolio_routes(holding: Holding) -> APIRouter:
    """Return the history route of a holding."""
    router = APIRouter(prefix="/v2/account/portfolio")

    @router.get("/history")
    async def history(request: Request) -> Response:
        query = _read(request.query_params, instant(request))
        if isinstance(query, Refusal):
            return refuse(query)
        return answer(_history(holding.desk, query, opened_at=holding.opened_at, at=instant(request)))

    return router


def _read(params: Mapping[str, str], at: datetime) -> _Query | Refusal:
    length = _period(params.get("period") or "1M")
    start, end = moment(params, "start"), _end(params, at)
    if length is None:
        return unprocessable(f"invalid period: {params.get('period')}")
    if start and end and params.get("period"):
        return unprocessable("only two of start, end and period can be specified at the same time")
    last = min(end or (start + length if start and params.get("period") else at), at)
    first = start or _midnight(market_day(last - timedelta.resolution) - length + timedelta(days=1))
    timeframe = choice(params, "timeframe", Timeframe) or _default_timeframe(last - first)
    if timeframe is not Timeframe.DAY and last - first > _INTRADAY_MAX:
        return unprocessable("timeframe must be 1D for periods longer than 30 days")
    in_extended = Reporting.EXTENDED_HOURS if flag(params, "extended_hours") else Reporting.MARKET_HOURS
    return _Query(
        start=first,
        end=last,
        timeframe=timeframe,
        reporting=choice(params, "intraday_reporting", Reporting, in_extended),
        reset=choice(params, "pnl_reset", PnlReset, PnlReset.PER_DAY),
    )


def _period(text: str) -> timedelta | None:
    match = _PERIOD.fullmatch(text)
    return timedelta(days=int(match[1]) * _DAYS[match[2]]) if match else None


def _end(params: Mapping[str, str], at: datetime) -> datetime | None:
    """Return the end asked for; `date_end` is the end of that day."""
    last_day = day(params, "date_end")
    return moment(params, "end") if last_day is None else min(at, _midnight(last_day + timedelta(days=1)))


def _default_timeframe(span: timedelta) -> Timeframe:
    if span < timedelta(days=7):
        return Timeframe.ONE_MINUTE
    return Timeframe.QUARTER if span < timedelta(days=30) else Timeframe.DAY


def _midnight(of: date) -> datetime:
    return datetime.combine(of, time(), tzinfo=MARKET_ZONE)


def _history(desk: Desk, query: _Query, *, opened_at: datetime, at: datetime) -> dict[str, Any]:
    now = EquityMark(
        at=at, equity_usd=desk.account.equity_usd(price_at(desk.view, at)), cash_usd=desk.account.cash_usd
    )
    opening = EquityMark(
        at=opened_at, equity_usd=desk.account.starting_cash_usd, cash_usd=desk.account.starting_cash_usd
    )
    marks = [opening, *desk.account.days.marks, now]
    if query.timeframe is Timeframe.DAY:
        return _daily(desk.view.market.calendar.sessions, marks, query, opened_at)
    return _intraday(desk, marks, query, opened_at)


def _daily(
    sessions: Sequence[Session], marks: Sequence[EquityMark], query: _Query, opened_at: datetime
) -> dict[str, Any]:
    days = [
        session
        for session in sessions
        if market_day(max(query.start, opened_at)) <= session.day <= market_day(query.end)
        and session.opens_at <= query.end
    ]
    equities = [_equity_at(marks, session.closes_at) for session in days]
    base = equities[0] if equities else marks[-1].equity_usd
    before = [base, *equities]
    stamps = [datetime.combine(session.day, _CLOSES, tzinfo=MARKET_ZONE) for session in days]
    gains = [equity - before[n] for n, equity in enumerate(equities)]
    shares = [equity - base for equity in equities]
    return _body(query, stamps, equities, gains, shares=shares, base=base)


def _intraday(desk: Desk, marks: Sequence[EquityMark], query: _Query, opened_at: datetime) -> dict[str, Any]:
    stamps = [stamp for stamp in _windows(desk, query) if stamp + query.timeframe.length > opened_at]
    equities = [_equity_at(marks, stamp + query.timeframe.length) for stamp in stamps]
    last_equity = desk.account.last_equity_usd
    first_day = market_day(stamps[0] if stamps else query.end)
    base = last_equity(first_day)
    bases = [last_equity(market_day(s)) if query.reset is PnlReset.PER_DAY else base for s in stamps]
    gains = [equity - its_base for equity, its_base in zip(equities, bases, strict=True)]
    body = _body(query, stamps, equities, gains, shares=gains, base=base)
    asof = [closed for closed in desk.account.days.closes if closed < first_day]
    return body | ({"base_value_asof": asof[-1].isoformat()} if asof else {})


def _windows(desk: Desk, query: _Query) -> list[datetime]:
    """Return the beginnings of the windows asked for; a session's last is the one that begins at its close."""
    step = query.timeframe.length
    if query.reporting is Reporting.CONTINUOUS:
        spans = [(query.start, query.end)]
    else:
        sessions = desk.view.market.calendar.sessions
        spans = [_span(session, query.reporting) for session in sessions]
    stamps = []
    for opens_at, closes_at in spans:
        if closes_at < query.start or opens_at > query.end:
            continue
        count = int((min(closes_at, query.end) - opens_at) / step)
        stamps += [opens_at + step * n for n in range(count + 1) if opens_at + step * n >= query.start]
    return stamps


def _span(session: Session, reporting: Reporting) -> tuple[datetime, datetime]:
    if reporting is Reporting.MARKET_HOURS:
        return session.opens_at, session.closes_at
    first, last = (datetime.combine(session.day, at, tzinfo=MARKET_ZONE) for at in (_OPENS, _CLOSES))
    return first, last


def _equity_at(marks: Sequence[EquityMark], at: datetime) -> Decimal:
    """Return the equity last told by `at`; marks begin with the account."""
    low, high = 0, len(marks)
    while low < high:
        middle = (low + high) // 2
        if marks[middle].at <= at:
            low = middle + 1
        else:
            high = middle
    return marks[max(low - 1, 0)].equity_usd


def _body(
    query: _Query,
    stamps: Sequence[datetime],
    equities: Sequence[Decimal],
    gains: Sequence[Decimal],
    *,
    shares: Sequence[Decimal],
    base: Decimal,
) -> dict[str, Any]:
    return {
        "timestamp": [int(stamp.astimezone(UTC).timestamp()) for stamp in stamps],
        "equity": [_cents(equity) for equity in equities],
        "profit_loss": [_cents(gain) for gain in gains],
        "profit_loss_pct": [round(float(share / base), 4) if base else None for share in shares],
        "base_value": _cents(base),
        "timeframe": query.timeframe,
        "cashflow": {},
    }


def _cents(amount: Decimal) -> float:
    return float(round(amount, 2))
