"""The underlyings' side of a synthetic market, with the caches that keep it quick."""

from collections.abc import Sequence
from datetime import date, datetime
from functools import lru_cache

from kernel.domain.calendar import Session
from simulator.markets.market import Bar, StockSnapshot
from simulator.markets.sessions import SessionIndex
from simulator.markets.synthetic import stocks
from simulator.markets.synthetic.factors import Factors
from simulator.markets.synthetic.paths import PathMaker
from simulator.markets.synthetic.universe import Underlying

#: Paths are 190 kB each and drawn in a millisecond; bars are small and asked for again every minute.
_PATHS_KEPT = 64
_BARS_KEPT = 256
_DAY_BARS_KEPT = 8192
#: From this many minutes a bar means a whole session.
DAY_MINUTES = 390


class StockTape:
    """Answers for the underlyings themselves."""

    def __init__(self, seed: int, sessions: SessionIndex, factors: Factors) -> None:
        self._sessions = sessions
        self._maker = PathMaker(seed, sessions, factors)
        self.path = lru_cache(_PATHS_KEPT)(self._maker.path)
        self._day_bar = lru_cache(_DAY_BARS_KEPT)(self._make_day_bar)
        self._bars = lru_cache(_BARS_KEPT)(self._make_bars)

    def close_before(self, name: Underlying, session: Session) -> float:
        """Return the close before `session`, in USD on cents (the session's own level for the first one)."""
        before = self._sessions.previous(session)
        return round(self._maker.close_usd(name, before.day if before else session.day), 2)

    def official_close(self, name: Underlying, day: date) -> float | None:
        """Return the last price of `day`'s session in USD on cents, None where there was no session."""
        session = self._sessions.calendar.session_on(day)
        return float(self.path(name, session).price_usd[-1]) if session else None

    def snapshot(self, name: Underlying, at: datetime) -> StockSnapshot:
        """Return the underlying's snapshot."""
        session = self._sessions.current(at)
        before = self._sessions.previous(session)
        path = self.path(name, session)
        return StockSnapshot(
            symbol=name.symbol,
            quote=None if name.is_index else stocks.quote(path, at),
            trade=stocks.trade(path, at),
            minute_bar=stocks.minute_bar(path, at),
            day_bar=stocks.day_bar(path, at),
            previous_day_bar=self._day_bar(name, before) if before else None,
        )

    def bars(
        self, name: Underlying, minutes: int, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Bar]:
        """Return the bars that start in [start, end] and ended by `at`."""
        found: list[Bar] = []
        for session in self._sessions.between(start, min(end, at)):
            for ends_at, bar in self._ending_bars(name, session, minutes):
                if start <= bar.at <= end and ends_at <= at:
                    found.append(bar)
        return found

    def _ending_bars(
        self, name: Underlying, session: Session, minutes: int
    ) -> Sequence[tuple[datetime, Bar]]:
        if minutes >= DAY_MINUTES:
            return [(session.closes_at, self._day_bar(name, session))]
        return self._bars(name, session, minutes)

    def _make_day_bar(self, name: Underlying, session: Session) -> Bar:
        return stocks.day_bar(self.path(name, session), session.closes_at)

    def _make_bars(self, name: Underlying, session: Session, minutes: int) -> Sequence[tuple[datetime, Bar]]:
        return stocks.session_bars(self.path(name, session), minutes)
