"""How far each name moves from close to close, and how nervous each session is.

1. A name's moves are those of the market by its share, and its own for the rest: with shares a and b the moves of two
   names correlate by a × b. So do their trends, their noise within the day and their volatilities.
2. Some sessions jump: the whole market at once, or one name alone, at a second of the session.
3. Earnings are gaps of a size that the options of the evening before expected on average.
4. Volatility is slow to change and rises when the market falls.
All of it is drawn once per seed and name on a grid of weekdays, whatever calendar a market was opened with.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import accumulate

import numpy as np

from simulator.markets.columns import Floats
from simulator.markets.synthetic.chance import generator
from simulator.markets.synthetic.earnings import gap_days
from simulator.markets.synthetic.universe import Underlying

SESSIONS_PER_YEAR = 252
#: The name under which what all share is drawn.
MARKET = "market"
_FIRST_DAY = date(1990, 1, 1)
_LAST_DAY = date(2070, 1, 1)
#: What a close keeps of the one before (half forgotten after 23 sessions).
_MEMORY = 0.97
#: Length in sessions and size in daily deviations: a season's trend, and the dips within it.
_WAVES = ((90.0, 4.5), (14.0, 1.4))
_OWN_JUMPS = 0.02
_MARKET_JUMPS = 0.008
#: In daily deviations.
_JUMP_SIZE = 2.5
_NERVE_MEMORY = 0.9
_NERVE_SIZE = 0.05
_NERVE_SHARE = 0.7
#: How much of the market's nerves are its own moves turned around.
_NERVE_LEVERAGE = 0.7


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """One name's weekdays. In log price: `level` at the close, `gap` of earnings at the open, the two jumps within."""

    level: Floats
    gap: Floats
    own_jump: Floats
    market_jump: Floats
    nerves: Floats


class Factors:
    """Draws and keeps each name's moves (a name's are a megabyte, and drawn in hundredths of a second)."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._moves = lru_cache(None)(self._draw)
        self._shared = lru_cache(1)(lambda: _steps(seed, MARKET, _MARKET_JUMPS))

    def moves(self, name: Underlying) -> Moves:
        """Return every weekday's moves of a name."""
        return self._moves(name)

    def level(self, name: Underlying, day: date) -> float:
        """Return the logarithm of the unrounded close of `day`."""
        return float(self._moves(name).level[index_of(day)])

    def nerves(self, name: Underlying, day: date) -> float:
        """Return the session's volatility as a multiple of the name's usual one."""
        return float(self._moves(name).nerves[index_of(day)])

    def _draw(self, name: Underlying) -> Moves:
        market, own = self._shared(), _steps(self._seed, name.symbol, _OWN_JUMPS)
        daily = name.volatility / np.sqrt(SESSIONS_PER_YEAR)
        share, rest = name.market_share, np.sqrt(1 - name.market_share**2)
        gap = self._earnings(name, own.step.size)
        own_jump, market_jump = daily * rest * own.jump, daily * share * market.jump
        steps = daily * (share * market.step + rest * own.step) + own_jump + market_jump + gap
        waves = daily * (share * market.wave + rest * own.wave)
        nerves = _NERVE_SHARE * market.nerves + np.sqrt(1 - _NERVE_SHARE**2) * own.nerves
        return Moves(
            level=np.log(name.price_usd) + _remembered(steps, _MEMORY) + waves,
            gap=gap,
            own_jump=own_jump,
            market_jump=market_jump,
            nerves=np.exp(_NERVE_SIZE * nerves),
        )

    def _earnings(self, name: Underlying, size: int) -> Floats:
        gap = np.zeros(size)
        days = gap_days(self._seed, name, _FIRST_DAY, _LAST_DAY)
        rows = np.busday_count(np.datetime64(_FIRST_DAY), days)
        chance = generator(self._seed, name.symbol, "surprises")
        gap[rows[rows < size]] = name.earnings_move * chance.standard_normal(rows.size)[rows < size]
        return gap


def index_of(day: date) -> int:
    """Return where a weekday lies on the grid."""
    return int(np.busday_count(_FIRST_DAY, day))


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What one source brings per weekday, in daily deviations (`nerves` in their own)."""

    step: Floats
    jump: Floats
    wave: Floats
    nerves: Floats


def _steps(seed: int, source: str, jumps: float) -> _Steps:
    chance = generator(seed, source, "closes")
    days = np.arange(index_of(_LAST_DAY))
    step = chance.standard_normal(days.size)
    wave = sum(size * np.sin(2 * np.pi * (days / length + chance.random())) for length, size in _WAVES)
    jump = np.where(chance.random(days.size) < jumps, _JUMP_SIZE * chance.standard_normal(days.size), 0.0)
    alone = np.sqrt(1 - _NERVE_LEVERAGE**2) * chance.standard_normal(days.size)
    nerves = _remembered(alone - _NERVE_LEVERAGE * (step + jump), _NERVE_MEMORY)
    return _Steps(step, jump, np.asarray(wave), nerves)


def _remembered(steps: Floats, memory: float) -> Floats:
    """Return the sum of steps of which each weekday forgets a part."""
    return np.array(list(accumulate(steps.tolist(), lambda kept, step: memory * kept + step)))
