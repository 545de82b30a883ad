"""What a contract is judged by, derived from the chain in one pass over the columns.

Entry point: `measure`.
1. Days to expiration are calendar days from the market day to the last session on or before the expiration: contracts
   of the past expire on Saturdays and last trade on Fridays.
2. Volume is the day bar's if that bar is of the market day, else 0; without any day bar it is the size of the latest
   trade of the market day. With `volume_basis: day_or_previous` the previous session's counts where it is larger.
3. Percentages are of the mid (spread) and of the spot (distance); where there is no mid they are NaN.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kernel.contracts.parts import VolumeBasis
from kernel.domain.calendar import TradingCalendar
from services.selector.core.chain import UNITS_PER_USD, Chain, Days, Floats, Ints

#: Codes of the `volume_basis` column, by position.
VOLUME_BASES = (
    VolumeBasis.NONE,
    VolumeBasis.DAY_BAR,
    VolumeBasis.LATEST_TRADE,
    VolumeBasis.PREVIOUS_DAY_BAR,
)
_NONE, _DAY_BAR, _LATEST_TRADE, _PREVIOUS = range(4)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measures:
    """One row per contract of the chain. `last_session` is the last day the contract trades."""

    last_session: Days
    days_to_expiration: Ints
    spread_pct: Floats
    distance_pct: Floats
    delta_abs: Floats
    volume: Ints
    volume_basis: NDArray[np.int8]


def measure(
    chain: Chain,
    calendar: TradingCalendar,
    today: date,
    volume_basis: Literal["day", "day_or_previous"],
) -> Measures:
    """Derive the measures of every contract; `chain.spot` must be known. `calendar` must cover `today`."""
    assert chain.spot is not None
    last_session = _last_sessions(chain.expiration, calendar)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread_pct = (chain.ask - chain.bid) * 200 / (chain.ask + chain.bid)
    spot_units = float(chain.spot) * UNITS_PER_USD
    volume, basis = _volumes(chain, calendar, today, volume_basis)
    return Measures(
        last_session=last_session,
        days_to_expiration=(last_session - np.datetime64(today, "D")).astype(np.int64),
        spread_pct=spread_pct,
        distance_pct=np.abs(chain.strike - spot_units) / spot_units * 100,
        delta_abs=np.abs(chain.delta),
        volume=volume,
        volume_basis=basis,
    )


def _last_sessions(expiration: Days, calendar: TradingCalendar) -> Days:
    """Return the last session on or before each expiration; one the calendar does not reach stands for itself.

    The calendar covers every strategy's window, so such an expiration is outside of it either way.
    """
    sessions = np.array([s.day for s in calendar.sessions], dtype="datetime64[D]")
    place = np.searchsorted(sessions, expiration, side="right") - 1
    covers_to = np.datetime64(calendar.covers_to or date.min, "D")
    known = (place >= 0) & (expiration <= covers_to)
    if not sessions.size:
        return expiration
    return np.where(known, sessions[np.maximum(place, 0)], expiration)


def _volumes(
    chain: Chain, calendar: TradingCalendar, today: date, volume_basis: str
) -> tuple[Ints, NDArray[np.int8]]:
    day = np.datetime64(today, "D")
    has_bar = ~np.isnat(chain.day_bar_date)
    from_bar = np.where(chain.day_bar_date == day, chain.day_bar_volume, 0)
    traded = ~has_bar & (chain.trade_date == day)
    volume = np.where(has_bar, from_bar, np.where(traded, chain.trade_size, 0))
    basis = np.where(has_bar, _DAY_BAR, np.where(traded, _LATEST_TRADE, _NONE)).astype(np.int8)
    if volume_basis == "day":
        return volume, basis
    previous = _previous_session_volume(chain, calendar, today)
    larger = previous > volume
    return np.where(larger, previous, volume), np.where(larger, _PREVIOUS, basis).astype(np.int8)


def _previous_session_volume(chain: Chain, calendar: TradingCalendar, today: date) -> Ints:
    """Return the previous session's volume. Before its first trade of a day a contract still shows the last day's bar."""
    previous = np.datetime64(calendar.last_session_on_or_before(today - _ONE_DAY).day, "D")
    older = np.where(chain.previous_bar_date == previous, chain.previous_bar_volume, 0)
    return np.where(chain.day_bar_date == previous, chain.day_bar_volume, older)
