"""Time that passes for an account, over closes, expiries and days."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Right
from simulator.market_view import MarketView
from simulator.passage import pass_time
from simulator.venue.account import Account
from simulator.venue.fills import FillRules
from simulator.venue.instruments import instrument_of
from simulator.venue.lifecycle import Timing
from simulator.venue.orders import EventKind, OrderEvent, OrderRequest, OrderType, Side, TimeInForce
from simulator.venue.rules import expiry_of
from tests.fakes.market import NEXT_FRIDAY, THIS_FRIDAY, TODAY, FakeMarket, at_eastern, spy

MORNING = at_eastern("10:00")
MONDAY = date(2026, 6, 15)


class Venue:
    """An account on a market whose prices stand where the test puts them."""

    def __init__(self, market: FakeMarket | None = None, cash: int = 100_000) -> None:
        self.market = market or FakeMarket()
        self.view = MarketView(self.market)
        self.account = Account(account_id="account", cash_usd=Decimal(cash), fills=FillRules())
        self.now = MORNING
        self.pass_to(MORNING)

    def pass_to(self, at: datetime) -> list[EventKind]:
        self.now = at
        return [event.kind for event in pass_time(self.account, self.view, at)]

    def send(self, symbol: str, limit: str, *, gtc: bool = False, side: Side = Side.BUY) -> str:
        hours = self.view.hours(instrument_of(symbol), self.now)
        tif = TimeInForce.GTC if gtc else TimeInForce.DAY
        request = OrderRequest(
            instrument=instrument_of(symbol),
            side=side,
            type=OrderType.LIMIT,
            time_in_force=tif,
            qty=1,
            limit_price=Decimal(limit),
        )
        timing = Timing(
            live_at=self.now if hours.is_open else hours.opens_at,
            expires_at=expiry_of(tif, hours=[hours], now=self.now),
            queued=not hours.is_open,
        )
        event = self.account.submit(
            request, now=self.now, timing=timing, quote_of=lambda s: self.view.nbbo(s, self.now)
        )
        assert isinstance(event, OrderEvent), event
        return event.order.id

    def hold(self, symbol: str) -> None:
        self.send(symbol, "9.00")
        assert self.pass_to(self.now) == [EventKind.NEW, EventKind.FILL]

    @property
    def held(self) -> dict[str, int]:
        return {symbol: position.qty for symbol, position in self.account.positions.items()}


def half_day(market: FakeMarket, day: date) -> None:
    sessions = [
        replace(s, closes_at=at_eastern("13:00", day)) if s.day == day else s
        for s in market.calendar.sessions
    ]
    market.calendar = TradingCalendar(sessions, covers_to=market.calendar.covers_to)


def test_a_jump_over_the_close_ends_day_orders_and_keeps_the_others() -> None:
    venue = Venue()
    day, gtc = venue.send(spy(520), "1.00"), venue.send(spy(530), "1.00", gtc=True)
    assert venue.pass_to(at_eastern("11:00", date(2026, 6, 11))) == [
        EventKind.EXPIRED,
        EventKind.NEW,
    ]
    assert venue.account.orders[day].expired_at == at_eastern("16:00")
    assert venue.account.orders[gtc].is_open


def test_on_a_half_day_day_orders_end_at_one() -> None:
    market = FakeMarket()
    half_day(market, TODAY)
    venue = Venue(market)
    order_id = venue.send(spy(520), "1.00")
    assert venue.account.orders[order_id].expires_at == at_eastern("13:00")
    assert venue.pass_to(at_eastern("13:00")) == [EventKind.EXPIRED]


def test_options_that_close_late_trade_to_a_quarter_past_and_stocks_do_not() -> None:
    market = FakeMarket()
    market.late_closing = frozenset({"SPY"})
    venue = Venue(market)
    option, stock = venue.send(spy(520), "1.00"), venue.send("SPY", "400.00")
    assert venue.account.orders[option].expires_at == at_eastern("16:15")
    assert venue.pass_to(at_eastern("16:05"))[-1] is EventKind.EXPIRED
    assert (venue.account.orders[stock].is_open, venue.account.orders[option].is_open) == (False, True)
    market.quotes[spy(520)] = (0.90, 1.00)
    assert venue.pass_to(at_eastern("16:06")) == [EventKind.FILL]


def test_nothing_trades_while_its_market_is_closed() -> None:
    venue = Venue()
    venue.pass_to(at_eastern("17:00"))
    venue.send(spy(520), "9.00")
    assert venue.pass_to(at_eastern("18:00")) == []
    assert venue.pass_to(at_eastern("09:30", date(2026, 6, 11))) == [EventKind.NEW, EventKind.FILL]


def test_contracts_settle_at_their_last_close_however_far_the_clock_jumps() -> None:
    venue = Venue()
    in_the_money = spy(510, THIS_FRIDAY)
    venue.hold(in_the_money)
    venue.hold(spy(530, THIS_FRIDAY))
    venue.pass_to(at_eastern("15:59", THIS_FRIDAY))
    assert venue.held == {in_the_money: 1, spy(530, THIS_FRIDAY): 1}
    venue.pass_to(at_eastern("12:00", date(2026, 6, 17)))
    assert venue.held == {"SPY": 100}
    settled = [a for a in venue.account.activities if a.type != "FILL"]
    assert {a.occurred_at for a in settled} == {at_eastern("16:00", THIS_FRIDAY)}
    assert {a.visible_from for a in settled} == {at_eastern("00:00", date(2026, 6, 13))}


def test_a_contract_of_a_holiday_settles_on_the_session_before() -> None:
    market = FakeMarket(holidays=[THIS_FRIDAY])
    venue = Venue(market)
    venue.hold(spy(530, THIS_FRIDAY))
    venue.pass_to(at_eastern("16:00", date(2026, 6, 11)))
    assert venue.held == {}


def test_without_a_price_of_its_underlying_a_contract_waits() -> None:
    venue = Venue()
    venue.hold(spy(510, THIS_FRIDAY, Right.PUT))
    known = venue.market.official_close, venue.market.stock
    venue.market.official_close = lambda *_: None  # type: ignore[method-assign]
    venue.market.stock = lambda *_: None  # type: ignore[method-assign]
    venue.pass_to(at_eastern("17:00", THIS_FRIDAY))
    assert len(venue.held) == 1
    venue.market.official_close, venue.market.stock = known  # type: ignore[method-assign]
    venue.pass_to(at_eastern("17:01", THIS_FRIDAY))
    assert venue.held == {}


def test_each_close_keeps_the_equity_and_the_next_day_counts_from_it() -> None:
    venue = Venue()
    contract = spy(520, NEXT_FRIDAY)
    venue.hold(contract)
    venue.market.quotes[contract] = (2.90, 3.10)
    venue.pass_to(at_eastern("17:00"))
    assert venue.account.last_equity_usd(TODAY) == 100_000
    assert venue.account.positions[contract].lastday_price is None
    thursday = date(2026, 6, 11)
    venue.pass_to(at_eastern("09:00", thursday))
    assert venue.account.last_equity_usd(thursday) == 100_000 - 260 + 300
    position = venue.account.positions[contract]
    assert (position.lastday_price, position.day_basis_usd, position.cost_basis_usd) == (3, 300, 260)


def test_every_session_that_was_jumped_over_has_its_close() -> None:
    venue = Venue()
    venue.pass_to(at_eastern("12:00", MONDAY))
    assert list(venue.account.days.closes) == [date(2026, 6, day) for day in (10, 11, 12)]
    assert [mark.at for mark in venue.account.days.closes.values()] == [
        at_eastern("16:00", date(2026, 6, day)) for day in (10, 11, 12)
    ]


def test_equity_is_kept_every_five_minutes_of_a_session() -> None:
    venue = Venue()
    for minute in range(1, 21):
        venue.pass_to(MORNING + timedelta(minutes=minute))
    assert [mark.at for mark in venue.account.days.marks] == [
        MORNING + timedelta(minutes=minute) for minute in (5, 10, 15, 20)
    ]


def test_a_clock_set_back_changes_nothing_that_was() -> None:
    venue = Venue()
    venue.hold(spy(530, THIS_FRIDAY))
    venue.pass_to(at_eastern("17:00", THIS_FRIDAY))
    before = list(venue.account.activities)
    venue.pass_to(MORNING)
    venue.pass_to(at_eastern("17:00", THIS_FRIDAY))
    assert venue.account.activities == before
