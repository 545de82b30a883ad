"""A thousand random sequences of orders, quotes, exercises and expiries, by the venue's account and by a plain one.

After every step both hold the same cash, positions, promises, margin, buying power and orders; and what the venue
calls activities explains its cash and positions to the cent.
"""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from kernel.domain.options import OptionSymbol, Right
from simulator.venue.account import Account
from simulator.venue.fills import FillRules
from simulator.venue.instruments import instrument_of
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import LegRequest, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.quotes import NO_QUOTE, Nbbo
from simulator.venue.refusals import Refusal
from tests.oracle.plain_account import STOCK, Contract, PlainAccount, PlainOrder, Quote

#: Together a thousand sequences.
SEQUENCES_EACH, CASHES_USD = 200, (800, 6_000, 25_000, 90_000, 1_000_000)
STEPS = 30
#: With these a price that runs away makes orders fail when they would fill.
CASHES_THAT_RUN_OUT_USD = (6_000, 25_000)

START = datetime(2026, 6, 10, 14, tzinfo=UTC)
DAYS = {1: date(2026, 6, 12), 2: date(2026, 6, 19)}
CLOSES = {n: datetime(2026, 6, day.day, 20, tzinfo=UTC) for n, day in DAYS.items()}


def occ(contract: Contract) -> str:
    right = Right.CALL if contract.right == "C" else Right.PUT
    return str(OptionSymbol(STOCK, DAYS[contract.expires], right, Decimal(contract.strike)))


CONTRACTS = {
    occ(contract): contract
    for contract in (
        Contract(1, "C", 95),
        Contract(1, "C", 100),
        Contract(1, "P", 95),
        Contract(1, "P", 100),
        Contract(2, "C", 100),
        Contract(2, "P", 90),
    )
}
C1_95, C1_100, P1_95, P1_100, C2_100, P2_90 = CONTRACTS
#: Legs as (symbol, signed ratio): verticals of both kinds, a condor, a butterfly's half, calendars, what is uncovered.
STRUCTURES = (
    ((C1_95, -1), (C1_100, 1)),
    ((C1_95, 1), (C1_100, -1)),
    ((P1_100, -1), (P1_95, 1)),
    ((P1_100, 1), (P1_95, -1)),
    ((P1_95, 1), (P1_100, -1), (C1_95, -1), (C1_100, 1)),
    ((P1_95, -1), (P1_100, 1), (C1_95, 1), (C1_100, -1)),
    ((C1_100, -1), (C2_100, 1)),
    ((C1_100, 1), (C2_100, -1)),
    ((P1_95, -2), (P1_100, 3)),
    ((P1_95, -3), (P1_100, 2)),
)

sides = st.sampled_from([1, 1, -1])
symbols = st.sampled_from([*CONTRACTS, STOCK])
amounts = st.integers(min_value=1, max_value=3)
spots = st.sampled_from([Decimal(price) for price in ("60", "88", "95", "97.5", "100", "104", "130")])
#: How far a limit lies from the far side of the quote, in dollars: through it, at it, beyond reach.
offsets = st.sampled_from([Decimal(text) for text in ("0", "0", "0", "0.50", "0.50", "-0.50")])
kinds = st.sampled_from(["limit", "limit", "limit", "market", "stop", "stop_limit"])
client_ids = st.one_of(st.none(), st.none(), st.sampled_from(["a", "b", "c"]))
works_at_once = st.sampled_from([True, True, False])
recent = st.integers(min_value=1, max_value=4)


def quote_of(symbol: str, spot: Decimal) -> Quote:
    if symbol == STOCK:
        return Quote(spot - Decimal("0.01"), spot + Decimal("0.01"))
    contract = CONTRACTS[symbol]
    gain = spot - contract.strike if contract.right == "C" else contract.strike - spot
    mid = max(gain, Decimal(0)) + contract.expires
    return Quote(mid - Decimal("0.10"), mid + Decimal("0.10"))


def far_of(symbol: str, sign: int, spot: Decimal) -> Decimal:
    quote = quote_of(symbol, spot)
    price = quote.ask if sign > 0 else quote.bid
    assert price is not None
    return price


class TwoAccounts(RuleBasedStateMachine):
    """Does the same to both."""

    cash_usd = 0
    #: How many orders of all sequences ended so, and how many there were.
    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        cash = Decimal(self.cash_usd)
        self.account = Account(account_id="account", cash_usd=cash, fills=FillRules())
        self.plain = PlainAccount(cash, CONTRACTS)
        self.now, self.spot, self.day = START, Decimal(100), 1
        self.blank: set[str] = set()
        self.order_ids: list[str] = []
        self.ended: dict[str, Any] = {}

    def teardown(self) -> None:
        self.seen["accepted"] += len(self.order_ids)
        self.seen.update(str(self.account.orders[id_].status) for id_ in self.order_ids)

    # What both are told

    def quotes(self) -> dict[str, Quote]:
        names = [*CONTRACTS, STOCK]
        return {s: Quote(None, None) if s in self.blank else quote_of(s, self.spot) for s in names}

    def nbbo(self, symbol: str) -> Nbbo:
        quote = self.quotes()[symbol]
        return Nbbo(bid=quote.bid, ask=quote.ask)

    def live(self, symbol: str) -> bool:
        return symbol == STOCK or CONTRACTS[symbol].expires >= self.day

    def timing(self, parts: tuple[str, ...]) -> Timing:
        closes = [CLOSES[CONTRACTS[s].expires] for s in parts if s != STOCK]
        return Timing(live_at=self.now, expires_at=min([START + timedelta(days=90), *closes]))

    # Steps

    @initialize(shares=st.sampled_from([0, 100, 200, 300]))
    def begin_with_shares(self, shares: int) -> None:
        if shares:
            self.send(STOCK, 1, shares, ("limit", Decimal(0)), None, works=True)

    @precondition(lambda self: len(self.plain.open_orders()) < 5)
    @rule(
        symbol=symbols,
        side=sides,
        qty=amounts,
        price=st.tuples(kinds, offsets),
        client_id=client_ids,
        works=works_at_once,
    )
    def send(  # noqa: PLR0917  the steps of a machine are called by name
        self,
        symbol: str,
        side: int,
        qty: int,
        price: tuple[str, Decimal],
        client_id: str | None,
        works: bool,
    ) -> None:
        kind, offset = price
        if not self.live(symbol):
            return
        qty *= 100 if symbol == STOCK and 1 < qty < 100 else 1
        far = far_of(symbol, side, self.spot)
        limit = max(far + side * offset, Decimal("0.05")) if "limit" in kind else None
        stop = max(far - side * offset, Decimal("0.05")) if "stop" in kind else None
        request = OrderRequest(
            instrument=instrument_of(symbol),
            side=Side.BUY if side > 0 else Side.SELL,
            type=OrderType(kind),
            time_in_force=TimeInForce.GTC,
            qty=qty,
            limit_price=limit,
            stop_price=stop,
            client_order_id=client_id,
        )
        self._send(request, PlainOrder([(symbol, side)], qty, kind, limit, stop, client_id), works)

    @precondition(lambda self: len(self.plain.open_orders()) < 5)
    @rule(
        legs=st.sampled_from(STRUCTURES),
        qty=amounts,
        offset=offsets,
        is_market=st.booleans(),
        works=works_at_once,
    )
    def send_legs(
        self, legs: tuple[tuple[str, int], ...], qty: int, offset: Decimal, is_market: bool, works: bool
    ) -> None:
        if not all(self.live(symbol) for symbol, _ in legs):
            return
        far = sum((far_of(s, n, self.spot) * n for s, n in legs), Decimal(0))
        kind, limit = ("market", None) if is_market else ("limit", far + offset)
        request = OrderRequest(
            instrument=None,
            side=None,
            type=OrderType(kind),
            time_in_force=TimeInForce.GTC,
            qty=qty,
            limit_price=limit,
            legs=tuple(
                LegRequest(
                    instrument=instrument_of(symbol),
                    side=Side.BUY if ratio > 0 else Side.SELL,
                    ratio_qty=abs(ratio),
                )
                for symbol, ratio in legs
            ),
        )
        self._send(request, PlainOrder(list(legs), qty, kind, limit), works)

    def _send(self, request: OrderRequest, plain: PlainOrder, works: bool) -> None:
        timing = self.timing(tuple(symbol for symbol, _ in plain.parts))
        outcome = self.account.submit(request, now=self.now, timing=timing, quote_of=self.nbbo)
        accepted = self.plain.submit(plain, self.quotes())
        assert accepted == (not isinstance(outcome, Refusal)), outcome
        if not isinstance(outcome, Refusal):
            self.order_ids.append(outcome.order.id)
        if works:
            self.tick()

    @precondition(lambda self: self.day == 1 and len(self.plain.open_orders()) < 5)
    @rule()
    def spend_all_and_see_the_price_run(self) -> None:
        ask = far_of(C1_95, 1, self.spot)
        qty = int(self.plain.power() // (ask * 100))
        if 1 <= qty <= 100:
            self.send(C1_95, 1, qty, ("market", Decimal(0)), None, works=False)
            self.spot = Decimal(130)
            self.tick()

    @rule(back=recent)
    def cancel(self, back: int) -> None:
        if back <= len(self.order_ids):
            outcome = self.account.cancel(self.order_ids[-back], self.now)
            assert self.plain.cancel(self.plain.orders[-back]) == (not isinstance(outcome, Refusal))

    @rule(back=recent, qty=st.one_of(st.none(), amounts), limit=st.one_of(st.none(), offsets))
    def replace(self, back: int, qty: int | None, limit: Decimal | None) -> None:
        if back > len(self.order_ids):
            return
        old = self.plain.orders[-back]
        price = None if limit is None else max((old.limit or Decimal(0)) + limit, Decimal("0.05"))
        outcome = self.account.replace(
            self.order_ids[-back],
            Changes(qty=qty, limit_price=price),
            now=self.now,
            timing=self.timing(tuple(symbol for symbol, _ in old.parts)),
            quote_of=self.nbbo,
        )
        accepted = self.plain.replace(old, qty, price, self.quotes())
        assert accepted == (not isinstance(outcome, Refusal)), outcome
        if not isinstance(outcome, Refusal):
            self.order_ids.append(outcome[1].order.id)

    @rule(spot=spots)
    def move(self, spot: Decimal) -> None:
        self.spot = spot

    @rule(symbol=symbols)
    def lose_or_find_a_quote(self, symbol: str) -> None:
        self.blank ^= {symbol}

    @rule()
    def tick(self) -> None:
        self.now += timedelta(seconds=1)
        self.account.advance(self.now, quote_of=self.nbbo)
        self.plain.tick(self.quotes(), set())

    @rule(symbol=st.sampled_from(list(CONTRACTS)))
    def exercise(self, symbol: str) -> None:
        outcome = self.account.exercise(symbol, spot=self.spot, after_close=False, now=self.now)
        assert self.plain.exercise(symbol, self.spot) == (outcome is None), outcome

    @rule(symbol=st.sampled_from(list(CONTRACTS)))
    def waive(self, symbol: str) -> None:
        outcome = self.account.do_not_exercise(symbol)
        assert self.plain.waive(symbol) == (outcome is None), outcome

    @precondition(lambda self: self.day <= 2)
    @rule(spot=spots)
    def expire(self, spot: Decimal) -> None:
        day, self.spot, self.now = self.day, spot, CLOSES[self.day]
        self.account.advance(self.now, quote_of=lambda _symbol: NO_QUOTE)
        nothing = {symbol: Quote(None, None) for symbol in [*CONTRACTS, STOCK]}
        self.plain.tick(nothing, {s for s, c in CONTRACTS.items() if c.expires <= day})
        ending = {
            held.instrument: held.qty
            for symbol, held in self.account.positions.items()
            if symbol != STOCK and CONTRACTS[symbol].expires == day
        }
        if ending:
            self.account.settle(ending, spot=spot, now=self.now, quote_of=self.nbbo)
        self.plain.settle(day, spot, self.quotes())
        self.order_ids = [id_ for id_ in self.account.orders if id_ in set(self.order_ids)]
        self.day += 1

    # What holds after each

    @invariant()
    def both_are_the_same_account(self) -> None:
        account, plain = self.account, self.plain
        assert account.cash_usd == plain.cash
        assert {symbol: held.qty for symbol, held in account.positions.items()} == plain.positions
        assert account.held_usd == plain.held()
        assert account.margin_usd == plain.margin(plain.positions)
        assert account.options_buying_power_usd == max(plain.power(), Decimal(0))
        assert [
            (str(account.orders[id_].status), account.orders[id_].filled_qty) for id_ in self.order_ids
        ] == [(order.status, order.filled) for order in plain.orders]

    @invariant()
    def every_cent_and_contract_is_explained(self) -> None:
        account = self.account
        paid = sum((activity.net_usd for activity in account.activities), Decimal(0))
        assert account.cash_usd == self.cash_usd + paid
        held: dict[str, int] = {}
        for activity in account.activities:
            symbol = activity.instrument.symbol
            held[symbol] = held.get(symbol, 0) + activity.signed_qty
        assert {symbol: qty for symbol, qty in held.items() if qty} == {
            symbol: position.qty for symbol, position in account.positions.items()
        }
        cost = sum((held.cost_basis_usd for held in account.positions.values()), Decimal(0))
        gains = account.cash_usd + cost - self.cash_usd - account.realised_usd
        assert abs(gains) < Decimal("1e-15")

    @invariant()
    def nothing_is_owed(self) -> None:
        assert self.account.held_qty(STOCK) >= 0
        assert self.account.options_buying_power_usd >= 0
        for symbol in [*CONTRACTS, STOCK]:
            assert abs(self.account.available_qty(symbol)) <= abs(self.account.held_qty(symbol))

    @invariant()
    def an_order_that_ended_never_changes(self) -> None:
        for order_id, order in self.account.orders.items():
            if order_id in self.ended:
                assert order == self.ended[order_id]
            elif not order.is_open:
                self.ended[order_id] = order
                assert order.held_usd == 0


def accounts_with(cash_usd: int) -> type[TwoAccounts]:
    return type(f"TwoAccountsWith{cash_usd}", (TwoAccounts,), {"cash_usd": cash_usd, "seen": Counter()})


@pytest.mark.timeout(600)
@pytest.mark.parametrize("cash_usd", CASHES_USD)
def test_random_sequences_end_in_the_account_that_a_plain_model_has(cash_usd: int) -> None:
    accounts = accounts_with(cash_usd)
    run_state_machine_as_test(
        accounts,
        settings=settings(
            max_examples=SEQUENCES_EACH,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    # Refused orders alone would prove nothing; a poor account usually has twice as many.
    assert accounts.seen["accepted"] >= 60, accounts.seen
    assert accounts.seen["filled"] >= 30, accounts.seen
    if cash_usd in CASHES_THAT_RUN_OUT_USD:
        assert accounts.seen["rejected"] >= 5, accounts.seen
