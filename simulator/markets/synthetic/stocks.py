"""An underlying's own quote, trade and bars, read from a session's path."""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta

import numpy as np

from kernel.domain.calendar import Session
from kernel.domain.clock import MARKET_ZONE
from simulator.markets.market import Bar, Quote, Trade
from simulator.markets.sessions import second_of
from simulator.markets.synthetic.paths import MINUTE_S, Path

_SHARES_PER_TRADE = 120
_LOT = 100
_HALF_SPREAD_SHARE = 1e-5


def quote(path: Path, at: datetime) -> Quote:
    """Return the stock's quote: two cents wide, more only for very high prices."""
    second = second_of(path.session, at)
    price = float(path.price_usd[second])
    half = max(0.01, round(price * _HALF_SPREAD_SHARE, 2))
    size = _LOT * (1 + (second * 7919) % 9)
    told_at = path.session.opens_at + timedelta(seconds=second)
    return Quote(
        at=told_at, bid=round(price - half, 2), bid_size=size, ask=round(price + half, 2), ask_size=size
    )


def trade(path: Path, at: datetime) -> Trade:
    """Return the stock's latest trade."""
    second = second_of(path.session, at)
    told_at = path.session.opens_at + timedelta(seconds=second)
    return Trade(at=told_at, price=float(path.price_usd[second]), size=_LOT)


def day_start(session: Session) -> datetime:
    """Return the time of a session's daily bar: midnight in New York, as the venue stamps it."""
    return datetime.combine(session.day, time(), tzinfo=MARKET_ZONE).astimezone(UTC)


def day_bar(path: Path, at: datetime) -> Bar:
    """Return the day's bar as of `at`; of an unfinished minute's volume it holds the share that has passed."""
    second = second_of(path.session, at)
    whole, rest_s = divmod(second, MINUTE_S)
    volume = int(path.volume[:whole].sum())
    if rest_s:
        volume += int(path.volume[whole]) * rest_s // MINUTE_S
    return _bar(path, day_start(path.session), 0, second, volume)


def minute_bar(path: Path, at: datetime) -> Bar | None:
    """Return the last whole minute, or None in the session's first."""
    minutes = second_of(path.session, at) // MINUTE_S
    if minutes == 0:
        return None
    begin_s = (minutes - 1) * MINUTE_S
    starts_at = path.session.opens_at + timedelta(seconds=begin_s)
    return _bar(path, starts_at, begin_s, minutes * MINUTE_S, int(path.volume[minutes - 1]))


def session_bars(path: Path, minutes: int) -> Sequence[tuple[datetime, Bar]]:
    """Return every bar of `minutes` of the session with the instant it ends.

    Bars stand on multiples of `minutes` from midnight in New York, as the venue's do: the first hour bar of a session
    is that of 9:00, though nothing trades before 9:30.
    """
    midnight = day_start(path.session)
    opens_minute = int((path.session.opens_at - midnight).total_seconds()) // MINUTE_S
    bucket = (opens_minute + np.arange(path.volume.size)) // minutes
    begins = np.flatnonzero(np.diff(bucket, prepend=-1))
    ends = np.append(begins[1:], bucket.size)
    return [
        (
            path.session.opens_at + timedelta(minutes=int(end)),
            _bar(
                path,
                midnight + timedelta(minutes=int(bucket[begin]) * minutes),
                int(begin) * MINUTE_S,
                int(end) * MINUTE_S,
                int(path.volume[begin:end].sum()),
            ),
        )
        for begin, end in zip(begins, ends, strict=True)
    ]


def _bar(path: Path, starts_at: datetime, begin_s: int, end_s: int, volume: int) -> Bar:
    prices = path.price_usd[begin_s : end_s + 1]
    return Bar(
        at=starts_at,
        open=float(prices[0]),
        high=float(prices.max()),
        low=float(prices.min()),
        close=float(prices[-1]),
        volume=volume,
        trades=volume // _SHARES_PER_TRADE,
        vwap=round(float(prices.mean()), 4),
    )
