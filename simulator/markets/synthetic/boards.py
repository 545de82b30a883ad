"""Every option board of a synthetic market, made when first asked for."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np

from kernel.domain.calendar import Session, market_day
from kernel.domain.options import OptionSymbol
from simulator.markets.columns import no_bars, no_trades
from simulator.markets.market import Bar, Quote, Trade
from simulator.markets.rows import quote_at
from simulator.markets.sessions import SessionIndex, length_s, second_of
from simulator.markets.synthetic.board import Board, starts_us
from simulator.markets.synthetic.factors import Factors
from simulator.markets.synthetic.flow import Flow, flow_of, open_interest
from simulator.markets.synthetic.listing import Listing, is_alive, listed, listing_of
from simulator.markets.synthetic.prints import FlowOf, contract_bars, contract_trades
from simulator.markets.synthetic.surface import surface_of
from simulator.markets.synthetic.tape import StockTape
from simulator.markets.synthetic.universe import Underlying

_BOARDS_KEPT = 32


class OptionBoards:
    """Finds the board of a name at an instant, and the second of it."""

    def __init__(
        self, seed: int, rate: float, sessions: SessionIndex, tape: StockTape, factors: Factors
    ) -> None:
        self._seed = seed
        self._rate = rate
        self._sessions = sessions
        self._tape = tape
        self._factors = factors
        self._board = lru_cache(_BOARDS_KEPT)(self._make_board)

    def at(self, name: Underlying, at: datetime) -> tuple[Board, int]:
        """Return the board and the second of its session; raises LookupError before the market's first session."""
        session = self._sessions.current(at)
        # Between sessions yesterday's board stands, but from midnight without what expired on it.
        first = session.day if market_day(at) == session.day else session.day + timedelta(days=1)
        return self._board(name, session, first), second_of(session, at)

    def quote(self, name: Underlying, contract: OptionSymbol, at: datetime) -> Quote | None:
        """Return a contract's quote, None when there is no such contract (any more).

        A contract that has left the listed strikes is quoted still: a position in it can be closed.
        """
        if not is_alive(name, contract, market_day(at), self._sessions.calendar):
            return None
        board, second = self.at(name, at)
        row = board.rows.get(str(contract))
        if row is not None:
            return quote_at(board.quotes(second), row)
        listing = listing_of([contract], self._sessions.calendar)
        alone = self._make_flow(name, self._sessions.current(at), listing)
        return quote_at(alone.quotes(second), 0)

    def trades(
        self, name: Underlying, contract: OptionSymbol, start: datetime, end: datetime, at: datetime
    ) -> Sequence[Trade]:
        """Return a contract's trades in [start, end] by `at`."""
        return contract_trades(self._flows(name, contract), self._sessions, start, end, at)

    def bars(
        self,
        name: Underlying,
        contract: OptionSymbol,
        minutes: int,
        start: datetime,
        end: datetime,
        *,
        at: datetime,
    ) -> Sequence[Bar]:
        """Return a contract's bars that start in [start, end] and ended by `at`."""
        return contract_bars(self._flows(name, contract), self._sessions, minutes, start, end, at=at)

    def _flows(self, name: Underlying, contract: OptionSymbol) -> FlowOf:
        listing = listing_of([contract], self._sessions.calendar)
        return lambda session: self._make_flow(name, session, listing)

    def _make_board(self, name: Underlying, session: Session, first_expiration: date) -> Board:
        calendar, reference = self._sessions.calendar, self._tape.close_before(name, session)
        listing = listed(name, session, first_expiration, reference, calendar)
        flow = self._make_flow(name, session, listing)
        before = self._sessions.previous(session)
        if before:
            previous = self._make_flow(name, before, listing).day_bar(length_s(before), starts_us(before))
        else:
            previous = no_trades(len(listing.contracts)), no_bars(len(listing.contracts))
        return Board(
            flow,
            interest=open_interest(self._seed, flow.surface, reference, np.datetime64(session.day)),
            before=before.day if before else session.day,
            previous=previous,
        )

    def _make_flow(self, name: Underlying, session: Session, listing: Listing) -> Flow:
        surface = surface_of(
            self._seed, name, session, listing, rate=self._rate, level=self._factors.nerves(name, session.day)
        )
        return flow_of(
            self._seed, surface, self._tape.path(name, session), self._tape.close_before(name, session)
        )
