from datetime import datetime, timedelta
from decimal import Decimal

from simulator.market_view import ENCODED_MAX, MarketView
from simulator.markets.market import Quote
from simulator.venue.fills import Nbbo
from tests.fakes.market import FakeMarket, at_eastern, spy

AT = at_eastern("10:30")


class AskedMarket(FakeMarket):
    """Records which quotes it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.quotes_asked: list[tuple[str, datetime]] = []

    def option_quote(self, symbol: str, at: datetime) -> Quote | None:
        self.quotes_asked.append((symbol, at))
        return super().option_quote(symbol, at)


def test_a_quote_is_computed_once_a_second_however_many_positions_ask_for_it() -> None:
    market = AskedMarket()
    view = MarketView(market)
    seen = {view.nbbo(spy(), AT + timedelta(milliseconds=ms)).ask for ms in (0, 20, 999)}
    assert seen == {Decimal("2.6")}
    assert market.quotes_asked == [(spy(), AT)]


def test_the_next_second_has_its_own_quotes_and_so_has_the_one_before() -> None:
    market = AskedMarket()
    view = MarketView(market)
    before = view.nbbo(spy(), AT)
    market.quotes[spy()] = (3.0, 3.2)
    after = view.nbbo(spy(), AT + timedelta(seconds=1))
    del market.quotes[spy()]
    assert (before.bid, after.bid, view.nbbo(spy(), AT).bid) == (Decimal("2.4"), Decimal("3.0"), before.bid)


def test_contracts_do_not_share_a_quote() -> None:
    market = AskedMarket()
    market.quotes[spy(530)] = (1.0, 1.1)
    view = MarketView(market)
    assert view.nbbo(spy(), AT).bid == Decimal("2.4")
    assert view.nbbo(spy(530), AT).bid == Decimal("1.0")


def test_what_nobody_lists_has_no_quote() -> None:
    assert MarketView(AskedMarket()).nbbo("GOOG", AT) == Nbbo(bid=None, ask=None)


def test_a_picture_keeps_only_so_many_answers() -> None:
    picture, made = MarketView(AskedMarket()).chain("SPY", AT), []

    def ask(what: int) -> bytes:
        return picture.encoded(what, lambda: made.append(what) or b"%d" % what)

    assert [ask(0), ask(0)] == [b"0", b"0"]
    assert made == [0]
    for what in range(1, ENCODED_MAX + 1):
        ask(what)
    assert (ask(ENCODED_MAX), ask(0)) == (b"%d" % ENCODED_MAX, b"0")
    assert made == [*range(ENCODED_MAX + 1), 0]
