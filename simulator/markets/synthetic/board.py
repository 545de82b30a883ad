"""One name's options during one session."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cached_property, lru_cache

import numpy as np

from kernel.domain.calendar import Session
from kernel.domain.clock import microseconds
from simulator.markets.columns import BarColumns, ChainColumns, Ints, TradeColumns, no_bars
from simulator.markets.market import ListedContract
from simulator.markets.synthetic.flow import Flow
from simulator.markets.synthetic.stocks import day_start

#: The venue asks for the chain of one second page by page, and the fill engine for quotes of the seconds around it.
_SECONDS_KEPT = 4


class Board:
    """The contracts of a flow, second by second of its session."""

    def __init__(
        self,
        flow: Flow,
        *,
        interest: Ints,
        before: date,
        previous: tuple[TradeColumns, BarColumns],
    ) -> None:
        """`before` is the previous session's day, `previous` its last trades and day bars."""
        self._flow = flow
        self._interest = interest
        self._before = before
        self._previous_trade, self._previous_bar = previous
        self.rows = {symbol: row for row, symbol in enumerate(flow.surface.listing.columns.symbols)}
        self.quotes = lru_cache(_SECONDS_KEPT)(flow.quotes)
        self.columns = lru_cache(_SECONDS_KEPT)(self._make_columns)

    @cached_property
    def contracts(self) -> Sequence[ListedContract]:
        """What is listed, by symbol."""
        traded = self._previous_bar.at_us > 0
        return [
            ListedContract(
                symbol=contract,
                open_interest=int(self._interest[row]),
                open_interest_date=self._before,
                close_price=Decimal(str(float(self._previous_bar.close[row]))) if traded[row] else None,
                close_price_date=self._before if traded[row] else None,
            )
            for row, contract in enumerate(self._flow.surface.listing.contracts)
        ]

    def _make_columns(self, second: int) -> ChainColumns:
        quote = self.quotes(second)
        spot = float(self._flow.path.price_usd[second])
        trade, day_bar = self._flow.day_bar(second, starts_us(self._flow.path.session))
        volatility, greeks = self._flow.surface.greeks(spot, self._flow.at_us(second), quote.bid > 0)
        return ChainColumns(
            listing=self._flow.surface.listing.columns,
            quote=quote,
            trade=_latest(trade, self._previous_trade),
            day_bar=day_bar,
            minute_bar=no_bars(len(self.rows)),
            previous_day_bar=self._previous_bar,
            implied_volatility=volatility,
            greeks=greeks,
        )


def starts_us(session: Session) -> int:
    """Return the time of the session's daily bars, in microseconds since the epoch."""
    return microseconds(day_start(session))


def _latest(today: TradeColumns, before: TradeColumns) -> TradeColumns:
    """Return today's latest trade, or where nothing traded yet, the previous session's."""
    traded = today.at_us > 0
    return TradeColumns(
        at_us=np.where(traded, today.at_us, before.at_us),
        price=np.where(traded, today.price, before.price),
        size=np.where(traded, today.size, before.size),
    )
