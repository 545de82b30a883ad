"""One contract's single trades and its bars over days, as the flow of each session has them.

The trades are those the chain tells of: its latest trade, volume and number of trades at an instant are the last, the
sum and the count of these. A bar within a day is made of its trades, a daily bar is the chain's own at the close.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np

from kernel.domain.calendar import Session
from kernel.domain.clock import microseconds, moment
from simulator.markets.joining import join_trades
from simulator.markets.market import Bar, Trade
from simulator.markets.rows import bar_at
from simulator.markets.sessions import SessionIndex, length_s, second_of
from simulator.markets.synthetic.board import starts_us
from simulator.markets.synthetic.flow import Flow
from simulator.markets.synthetic.tape import DAY_MINUTES

#: The flow of one contract alone during a session.
FlowOf = Callable[[Session], Flow]


def contract_trades(
    flow_of: FlowOf, sessions: SessionIndex, start: datetime, end: datetime, at: datetime
) -> Sequence[Trade]:
    """Return the trades in [start, end] that happened by `at`."""
    return [
        trade
        for session in sessions.between(start, min(end, at))
        for trade in _trades_of(flow_of(session), start, min(end, at))
    ]


def contract_bars(
    flow_of: FlowOf, sessions: SessionIndex, minutes: int, start: datetime, end: datetime, *, at: datetime
) -> Sequence[Bar]:
    """Return bars of `minutes` (390 and more: whole days) that start in [start, end] and ended by `at`."""
    found: list[Bar] = []
    for session in sessions.between(start, min(end, at)):
        flow = flow_of(session)
        bars = _day_bars(flow, at) if minutes >= DAY_MINUTES else _minute_bars(flow, minutes, at)
        found += [bar for bar in bars if start <= bar.at <= end]
    return found


def _trades_of(flow: Flow, since: datetime, until: datetime) -> Iterator[Trade]:
    session = flow.path.session
    if until < session.opens_at:
        return
    before = max(second_of(session, since) - 1, 0)
    first, last = (int(flow.count(second)[0]) for second in (before, second_of(session, until)))
    trades = flow.latest(np.arange(first + 1, last + 1))
    since_us, until_us = microseconds(since), microseconds(until)
    for at_us, price, size in zip(
        trades.at_us.tolist(), trades.price.tolist(), trades.size.tolist(), strict=True
    ):
        if since_us <= at_us <= until_us:
            yield Trade(at=moment(at_us), price=price, size=size)


def _day_bars(flow: Flow, at: datetime) -> Sequence[Bar]:
    session = flow.path.session
    if at < session.closes_at:
        return ()
    bar = bar_at(flow.day_bar(length_s(session), starts_us(session))[1], 0)
    return () if bar is None else (bar,)


def _minute_bars(flow: Flow, minutes: int, at: datetime) -> Sequence[Bar]:
    return join_trades(
        list(_trades_of(flow, flow.path.session.opens_at, at)),
        minutes,
        at,
        closes_at=flow.path.session.closes_at,
    )
