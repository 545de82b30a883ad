"""A trader at the venue's account for tests: sends orders in few words, lets them work, reads the answer."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulator.venue.account import Account
from simulator.venue.fills import FillRules
from simulator.venue.instruments import instrument_of
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import LegRequest, Order, OrderEvent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.quotes import NO_QUOTE, Nbbo
from simulator.venue.refusals import Refusal

NOW = datetime(2026, 6, 10, 14, tzinfo=UTC)
CLOSES_AT = NOW + timedelta(hours=6)


def spy(strike: int, right: str = "C", day: str = "260612") -> str:
    return f"SPY{day}{right}{strike * 1000:08d}"


class Trader:
    """Every contract quotes 2.40 × 2.60 and the stock 519.99 × 520.01 until `quotes` says otherwise."""

    def __init__(self, cash: int = 100_000) -> None:
        self.account = Account(account_id="account", cash_usd=Decimal(cash), fills=FillRules())
        self.quotes: dict[str, tuple[str | None, str | None]] = {"SPY": ("519.99", "520.01")}
        self.now = NOW

    def quote_of(self, symbol: str) -> Nbbo:
        bid, ask = self.quotes.get(symbol, ("2.40", "2.60"))
        return Nbbo(bid=Decimal(bid) if bid else None, ask=Decimal(ask) if ask else None)

    def send(
        self,
        side: str,
        qty: int,
        symbol: str,
        limit: str | None = None,
        *,
        stop: str | None = None,
        **fields: Any,
    ) -> Order | Refusal:
        kind = f"{'stop_' if stop else ''}limit" if limit else "stop" if stop else "market"
        return self._take(
            OrderRequest(
                instrument=instrument_of(symbol),
                side=Side(side),
                type=OrderType(kind),
                time_in_force=TimeInForce.DAY,
                qty=qty,
                limit_price=Decimal(limit) if limit else None,
                stop_price=Decimal(stop) if stop else None,
                **fields,
            )
        )

    def send_legs(
        self, *legs: tuple[int, str], limit: str | None = None, qty: int = 1, **fields: Any
    ) -> Order | Refusal:
        """Send legs of (signed ratio, symbol)."""
        return self._take(
            OrderRequest(
                instrument=None,
                side=None,
                type=OrderType.LIMIT if limit else OrderType.MARKET,
                time_in_force=TimeInForce.DAY,
                qty=qty,
                limit_price=Decimal(limit) if limit else None,
                legs=tuple(
                    LegRequest(
                        instrument=instrument_of(symbol),
                        side=Side.BUY if ratio > 0 else Side.SELL,
                        ratio_qty=abs(ratio),
                    )
                    for ratio, symbol in legs
                ),
                **fields,
            )
        )

    def hold(self, qty: int, symbol: str) -> None:
        """Buy or sell at the market, and see it filled."""
        order = accepted(self.send("buy" if qty > 0 else "sell", abs(qty), symbol))
        self.tick()
        assert self.account.orders[order.id].filled_qty == abs(qty)

    def hold_legs(self, *legs: tuple[int, str], qty: int = 1) -> None:
        """Trade legs at the market, and see them filled."""
        order = accepted(self.send_legs(*legs, qty=qty))
        self.tick()
        assert self.account.orders[order.id].filled_qty == qty

    def replace(self, order_id: str, **changes: Any) -> Order | Refusal:
        timing = Timing(live_at=self.now, expires_at=CLOSES_AT)
        outcome = self.account.replace(
            order_id, Changes(**changes), now=self.now, timing=timing, quote_of=self.quote_of
        )
        return outcome if isinstance(outcome, Refusal) else outcome[1].order

    def tick(self) -> list[OrderEvent]:
        self.now += timedelta(seconds=1)
        return self.account.advance(self.now, quote_of=self.quote_of)

    def settle(self, spot: str, *symbols: str) -> list[OrderEvent]:
        """End the positions in `symbols`, or in every option."""
        ending = {
            held.instrument: held.qty
            for held in self.account.positions.values()
            if held.instrument.option and (not symbols or held.symbol in symbols)
        }
        self.account.advance(CLOSES_AT, quote_of=lambda _symbol: NO_QUOTE)
        return self.account.settle(ending, spot=Decimal(spot), now=CLOSES_AT, quote_of=self.quote_of)

    def exercise(self, symbol: str, spot: str, *, after_close: bool = False) -> Refusal | None:
        return self.account.exercise(symbol, spot=Decimal(spot), after_close=after_close, now=self.now)

    @property
    def power(self) -> Decimal:
        return self.account.options_buying_power_usd

    @property
    def held(self) -> dict[str, int]:
        return {symbol: position.qty for symbol, position in self.account.positions.items()}

    def _take(self, request: OrderRequest) -> Order | Refusal:
        timing = Timing(live_at=self.now, expires_at=CLOSES_AT)
        outcome = self.account.submit(request, now=self.now, timing=timing, quote_of=self.quote_of)
        return outcome if isinstance(outcome, Refusal) else outcome.order


def accepted(outcome: Order | Refusal) -> Order:
    assert isinstance(outcome, Order), outcome
    return outcome


def message(outcome: Order | Refusal | None) -> str:
    assert isinstance(outcome, Refusal), outcome
    return outcome.message
