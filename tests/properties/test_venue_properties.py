"""What holds for the venue's account through any sequence of orders, quotes, cancels and replacements."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.venue.account import Account
from simulator.venue.fills import FillModel, FillRules, Nbbo
from simulator.venue.instruments import instrument_of
from simulator.venue.lifecycle import Changes, Timing
from simulator.venue.orders import EventKind, OrderEvent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.quotes import NO_QUOTE
from simulator.venue.refusals import Refusal

OPENED_AT = datetime(2026, 6, 10, 14, tzinfo=UTC)
START_USD = Decimal(5000)
SYMBOLS = ("SPY260612C00520000", "SPY260612P00500000")

# Few prices, so that limits, quotes and the account's means meet often.
prices = st.sampled_from([Decimal(text) for text in ("0.50", "2.00", "2.50", "4.00", "8.00", "15.00")])
one_sided = st.sampled_from([True, True, True, True, False])
quotes = st.builds(
    lambda bid, width, has_bid, has_ask: Nbbo(
        bid=bid if has_bid else None, ask=bid + width if has_ask else None
    ),
    prices,
    st.sampled_from([Decimal("0.00"), Decimal("0.10"), Decimal("1.00")]),
    one_sided,
    one_sided,
)
symbols = st.sampled_from(SYMBOLS)
amounts = st.integers(min_value=1, max_value=8)
#: Counted from the newest order back.
recent = st.integers(min_value=1, max_value=4)
submits = st.tuples(
    st.just("submit"),
    symbols,
    st.sampled_from([Side.BUY, Side.BUY, Side.SELL]),
    st.one_of(st.none(), prices),
    amounts,
    st.one_of(st.none(), st.sampled_from([f"id-{n}" for n in range(6)])),
)
advances = st.tuples(
    st.just("advance"),
    st.sampled_from([0, 1, 1, 60, 60, 7200]),
    st.sampled_from([True, True, True, False]),
)
requotes = st.tuples(st.just("quote"), symbols, quotes)
#: Seconds that a cancel or a replacement is on its way: the order may trade before it is there.
ways = st.sampled_from([0, 0, 1, 60])
cancels = st.tuples(st.just("cancel"), recent, ways)
replacements = st.tuples(
    st.just("replace"), recent, st.one_of(st.none(), amounts), st.one_of(st.none(), prices), ways
)
steps = st.one_of(submits, advances, submits, advances, requotes, cancels, replacements)


@dataclass
class Run:
    """An account, the quotes it trades against, and everything it said."""

    account: Account
    now: datetime = OPENED_AT
    quotes: dict[str, Nbbo] = field(default_factory=dict)
    events: list[OrderEvent] = field(default_factory=list)
    accepted_ids: list[str] = field(default_factory=list)

    def quote_of(self, symbol: str) -> Nbbo:
        return self.quotes.get(symbol, Nbbo(bid=Decimal("2.40"), ask=Decimal("2.60")))

    def submit(
        self, symbol: str, side: Side, limit: Decimal | None, qty: int, client_order_id: str | None
    ) -> None:
        request = OrderRequest(
            instrument=instrument_of(symbol),
            side=side,
            type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            time_in_force=TimeInForce.DAY,
            qty=qty,
            limit_price=limit,
            intent=None,
            client_order_id=client_order_id,
        )
        timing = Timing(live_at=self.now + timedelta(seconds=1), expires_at=OPENED_AT + timedelta(hours=6))
        outcome = self.account.submit(request, now=self.now, timing=timing, quote_of=self.quote_of)
        if not isinstance(outcome, Refusal):
            self.accepted_ids.append(outcome.order.client_order_id)
            self.events.append(outcome)

    def quote(self, symbol: str, nbbo: Nbbo) -> None:
        self.quotes[symbol] = nbbo

    def advance(self, seconds: int, is_open: bool) -> None:
        self.now += timedelta(seconds=seconds)
        self.events += self.account.advance(
            self.now, quote_of=self.quote_of if is_open else lambda _symbol: NO_QUOTE
        )

    def cancel(self, back: int, way_s: int) -> None:
        there_at = self.now + timedelta(seconds=way_s)
        outcome = self.account.cancel(self._recent(back), self.now, there_at)
        if not isinstance(outcome, Refusal):
            self.events += outcome

    def replace(self, back: int, qty: int | None, limit: Decimal | None, way_s: int) -> None:
        changes = Changes(qty=qty, limit_price=limit)
        timing = Timing(
            live_at=self.now + timedelta(seconds=way_s), expires_at=OPENED_AT + timedelta(hours=6)
        )
        outcome = self.account.replace(
            self._recent(back), changes, now=self.now, timing=timing, quote_of=self.quote_of
        )
        if not isinstance(outcome, Refusal):
            self.events += outcome

    def _recent(self, back: int) -> str:
        order_ids = list(self.account.orders)
        return order_ids[-back] if back <= len(order_ids) else "none"


runs = st.tuples(
    st.lists(steps, min_size=15, max_size=50),
    st.sampled_from(list(FillModel)),
    st.sampled_from([0.0, 50.0]),
    st.integers(min_value=0, max_value=5),
)


def check_after_every_step(drawn: tuple[list[tuple], FillModel, float, int], check) -> Run:
    plan, model, partial_pct, seed = drawn
    rules = FillRules(model=model, partial_pct=partial_pct, seed=seed)
    run = Run(Account(account_id="account", cash_usd=START_USD, fills=rules))
    for name, *arguments in plan:
        getattr(run, name)(*arguments)
        check(run)
    return run


def traded(run: Run) -> list[OrderEvent]:
    return [event for event in run.events if event.kind in {EventKind.FILL, EventKind.PARTIAL_FILL}]


def signed_qty(event: OrderEvent) -> int:
    return event.qty if event.order.side is Side.BUY else -event.qty


@given(runs)
@settings(max_examples=150, deadline=None)
def test_cash_and_positions_are_what_the_fills_make_of_them(drawn) -> None:
    def check(run: Run) -> None:
        spent = sum((event.price * 100 * signed_qty(event) for event in traded(run)), Decimal(0))
        assert run.account.cash_usd == START_USD - spent
        held: dict[str, int] = {}
        for event in traded(run):
            held[event.order.symbol] = held.get(event.order.symbol, 0) + signed_qty(event)
        assert {symbol: qty for symbol, qty in held.items() if qty} == {
            symbol: position.qty for symbol, position in run.account.positions.items()
        }

    check_after_every_step(drawn, check)


@given(runs)
@settings(max_examples=150, deadline=None)
def test_buying_power_and_positions_are_never_negative(drawn) -> None:
    def check(run: Run) -> None:
        assert run.account.options_buying_power_usd >= 0
        for symbol in SYMBOLS:
            assert run.account.available_qty(symbol) >= 0

    check_after_every_step(drawn, check)


@given(runs)
@settings(max_examples=150, deadline=None)
def test_a_client_order_id_is_accepted_at_most_once(drawn) -> None:
    run = check_after_every_step(drawn, lambda _run: None)
    assert len(run.accepted_ids) == len(set(run.accepted_ids))
    ids = [order.client_order_id for order in run.account.orders.values()]
    assert len(ids) == len(set(ids))


@given(runs)
@settings(max_examples=150, deadline=None)
def test_an_order_that_ended_never_changes_and_holds_nothing(drawn) -> None:
    ended: dict[str, object] = {}

    def check(run: Run) -> None:
        for order_id, order in run.account.orders.items():
            if order_id in ended:
                assert order == ended[order_id]
            elif not order.is_open:
                ended[order_id] = order
                assert order.held_usd == 0

    check_after_every_step(drawn, check)


@given(runs)
@settings(max_examples=150, deadline=None)
def test_no_limit_order_trades_beyond_its_limit_and_no_order_beyond_its_quantity(drawn) -> None:
    run = check_after_every_step(drawn, lambda _run: None)
    for event in traded(run):
        assert event.order.waits_for is None
        limit = event.order.limit_price
        if limit is not None and event.order.side is Side.BUY:
            assert event.price <= limit
        if limit is not None and event.order.side is Side.SELL:
            assert event.price >= limit
        assert event.order.filled_qty <= event.order.qty


@given(runs)
@settings(max_examples=150, deadline=None)
def test_an_order_and_the_replacement_on_its_way_never_trade_both(drawn) -> None:
    def check(run: Run) -> None:
        account = run.account
        held = sum((order.held_usd for order in account.orders.values()), Decimal(0))
        assert account.held_usd == held
        for order in account.orders.values():
            if order.waits_for is not None and order.is_open:
                assert account.orders[order.waits_for].is_open
                assert (order.id in account.open_orders, order.held_usd) == (False, 0)

    run = check_after_every_step(drawn, check)
    # What was filled of an order and of those it replaced is told of the last, and bought once.
    bought = sum(signed_qty(event) for event in traded(run))
    assert bought == sum(position.qty for position in run.account.positions.values())


@given(runs)
@settings(max_examples=60, deadline=None)
def test_the_same_seed_and_steps_repeat_every_event(drawn) -> None:
    first = check_after_every_step(drawn, lambda _run: None)
    second = check_after_every_step(drawn, lambda _run: None)
    assert first.events == second.events
