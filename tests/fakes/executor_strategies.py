"""Facts of the gates, as odd as a venue likes."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.control import ControlState
from kernel.testing.builders import NOW
from services.executor.core.facts import AccountFacts, Facts, Position, Quote
from services.executor.core.readiness import Readiness
from services.executor.core.risk_book import LiveOrder, RiskBook
from tests.fakes.executor_facts import a_switch

instants = st.integers(-(10**12), 10**12).map(lambda us: NOW + timedelta(microseconds=us))
zoned = instants | instants.map(lambda at: at.astimezone(MARKET_ZONE))
days = st.dates(date(2026, 6, 1), date(2026, 6, 20))
symbols = st.sampled_from(["SPY260605C00520000", "SPY260612C00520000", "QQQ260612P00450000", "no symbol"])
#: Money as it comes, and as it must not: NaN, infinite, zero, negative.
amounts = (
    st.decimals(-(10**6), 10**6, places=4)
    | st.sampled_from([Decimal("NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal(0)])
    | st.sampled_from([Decimal("2.49"), Decimal("2.51"), Decimal(520), Decimal(100000)])
)
maybe = st.none() | amounts
positive = st.decimals("0.01", 10**5, places=2)


@st.composite
def calendars(draw: st.DrawFn) -> TradingCalendar:
    """Sessions of some days, around their middle; the venue's answer may be as odd as it likes."""
    sessions = [Session(day, draw(zoned), draw(zoned)) for day in draw(st.sets(days, max_size=12))]
    return TradingCalendar(sessions, covers_to=draw(st.none() | days))


accounts = st.builds(
    AccountFacts,
    account_id=st.none() | st.just("PA0000000001"),
    equity_usd=maybe,
    last_equity_usd=maybe,
    options_buying_power_usd=maybe,
    blocked_by=st.sampled_from([(), ("trading_blocked",)]),
)
books = st.builds(
    RiskBook,
    orders=st.lists(
        st.builds(
            LiveOrder,
            underlying=st.just("SPY"),
            occ_symbol=symbols,
            contracts=st.integers(1, 1000),
            price_ceiling=positive,
            first_limit=positive,
            at_venue=st.booleans(),
        ),
        max_size=3,
    ).map(tuple),
    day_premium_usd=amounts,
    begun_last_minute=st.integers(0, 20),
    rejected_at=st.lists(instants, max_size=4).map(tuple),
    same_order_at=st.none() | instants,
    equity_high_usd=maybe,
    equity_high_at=st.none() | instants,
    switch=st.none() | st.sampled_from(ControlState).map(a_switch),
)
facts = st.builds(
    Facts,
    now=instants,
    calendar=calendars(),
    clock_skew_s=st.none() | st.floats(),
    venue_url=st.none() | st.sampled_from(["http://127.0.0.1:1", "https://api.alpaca.markets", "", "paper"]),
    account=st.none() | accounts,
    positions=st.none()
    | st.lists(st.builds(Position, occ_symbol=symbols, at_stake_usd=positive), max_size=3).map(tuple),
    quote=st.none() | st.builds(Quote, bid=maybe, ask=maybe, quoted_at=st.none() | instants),
    price_usd=maybe,
    readiness=st.none()
    | st.builds(
        Readiness,
        stream_ready=st.booleans(),
        reconciled=st.booleans(),
        drift=st.sampled_from([(), ("a position nobody ordered",)]),
    ),
    book=st.none() | books,
)
