"""Where an underlying trades, second by second.

Entry points: `PathMaker.path`, `PathMaker.close_usd`.
1. A session's path depends on seed, symbol and date alone; it does not matter which day the market was opened at.
2. Closes wander around the name's usual price: a slowly forgotten random walk plus waves, so that trends of several
   weeks come and go with pullbacks in them (see `factors`).
3. Within a session the path leads from an overnight gap (and that of earnings) to the close along a profile (a breakout
   after a quiet opening, a steady drift, or a late move) with noise around it, livelier at the open and the close.
4. A jump happens within a second; the market's jump happens to every name in the same one.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from kernel.domain.calendar import Session
from simulator.markets.columns import Floats, Ints
from simulator.markets.sessions import SessionIndex, length_s
from simulator.markets.synthetic.chance import generator
from simulator.markets.synthetic.factors import MARKET, SESSIONS_PER_YEAR, Factors, index_of
from simulator.markets.synthetic.universe import Underlying

MINUTE_S = 60
_GAP_SHARE = 0.3
_GAP_NOISE = 0.2
_INTRADAY_NOISE = 0.7
_BREAKOUT_SHARE = 0.5
_STEADY_SHARE = 0.8
_DRIFT_SURGE = 0.3
#: Sessions are whole or half days.
_LENGTHS_KEPT = 4
_SHARED_KEPT = 8


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """One session: `price_usd[i]` on cents at second i (the last is the close), `volume[m]` shares of minute m."""

    session: Session
    price_usd: Floats
    volume: Ints


class PathMaker:
    """Draws paths; keeps nothing but the noise that a session's names share."""

    def __init__(self, seed: int, sessions: SessionIndex, factors: Factors) -> None:
        self._seed = seed
        self._sessions = sessions
        self._factors = factors
        self._shared = lru_cache(_SHARED_KEPT)(self._draw_shared)

    def close_usd(self, name: Underlying, day: date) -> float:
        """Return the unrounded level of `day`'s close."""
        return float(np.exp(self._factors.level(name, day)))

    def path(self, name: Underlying, session: Session) -> Path:
        """Return the session's path."""
        before = self._sessions.previous(session)
        start = self._factors.level(name, before.day if before else session.day)
        end = self._factors.level(name, session.day)
        jumps, gap = self._events(name, session)
        chance = generator(self._seed, name.symbol, session.day, "path")
        daily = name.volatility / np.sqrt(SESSIONS_PER_YEAR)
        usual = end - start - gap - jumps[-1]
        overnight = _GAP_SHARE * usual + _GAP_NOISE * daily * chance.standard_normal()
        seconds = length_s(session)
        way = _profile(chance, seconds) * (usual - overnight)
        noise = _INTRADAY_NOISE * daily * self._noise(chance, name, session)
        prices = np.round(np.exp(start + gap + overnight + way + jumps + noise), 2)
        return Path(session, prices, _volumes(chance, name, prices, way))

    def _events(self, name: Underlying, session: Session) -> tuple[Floats, float]:
        """Return the jumps up to each second, in log price, and the gap of earnings."""
        moves, day = self._factors.moves(name), index_of(session.day)
        second = np.arange(length_s(session) + 1)
        own_at = generator(self._seed, name.symbol, session.day, "jump").integers(1, second.size)
        own = np.where(second >= own_at, moves.own_jump[day], 0.0)
        shared = np.where(second >= self._shared(session)[0], moves.market_jump[day], 0.0)
        return np.asarray(own + shared), float(moves.gap[day])

    def _noise(self, chance: np.random.Generator, name: Underlying, session: Session) -> Floats:
        own, share = _bridge(chance, length_s(session)), name.market_share
        return np.asarray(share * self._shared(session)[1] + np.sqrt(1 - share**2) * own)

    def _draw_shared(self, session: Session) -> tuple[int, Floats]:
        """Return the second of the market's jump (should there be one) and its noise."""
        chance, seconds = generator(self._seed, MARKET, session.day, "path"), length_s(session)
        return int(chance.integers(1, seconds + 1)), _bridge(chance, seconds)


@lru_cache(_LENGTHS_KEPT)
def activity(seconds: int) -> Floats:
    """Return how much of a session's activity is over at each second, from 0 to 1: a U-shaped day (read only)."""
    part = np.linspace(0.0, 1.0, seconds + 1)
    done = part + 0.7 * ((2 * part - 1) ** 3 + 1) / 2 + 0.08 * (1 - np.exp(-part / 0.04))
    share = np.asarray(done / done[-1])
    share.setflags(write=False)
    return share


def _profile(chance: np.random.Generator, seconds: int) -> Floats:
    """Return the share of the session's move that is done at each second."""
    kind, begin_min, lasts_min = chance.random(), chance.uniform(16, 45), chance.uniform(30, 120)
    second = np.arange(seconds + 1)
    if kind < _BREAKOUT_SHARE:
        done = np.clip((second / MINUTE_S - begin_min) / lasts_min, 0.0, 1.0)
    elif kind < _STEADY_SHARE:
        done = second / seconds
    else:
        done = np.clip(2 * second / seconds - 1, 0.0, 1.0)
    return np.asarray(done * done * (3 - 2 * done))


def _bridge(chance: np.random.Generator, seconds: int) -> Floats:
    """Return a random walk of unit variance that comes back to 0 at the close."""
    clock = activity(seconds)
    walk = np.concatenate([[0.0], np.cumsum(chance.standard_normal(seconds) * np.sqrt(np.diff(clock)))])
    return np.asarray(walk - clock * walk[-1])


def _volumes(chance: np.random.Generator, name: Underlying, prices: Floats, way: Floats) -> Ints:
    """Return shares per minute: the day's curve, noise, more where the price moves and most where it breaks away."""
    usual = np.diff(activity(prices.size - 1)[::MINUTE_S]) * name.share_volume
    moves = np.abs(np.diff(np.log(prices[::MINUTE_S])))
    drift = np.abs(np.diff(way[::MINUTE_S]))
    surge = 0.5 + 0.3 * moves / moves.mean() + _DRIFT_SURGE * drift / drift.mean()
    return np.asarray(usual * surge * np.exp(0.3 * chance.standard_normal(usual.size))).astype(np.int64)
