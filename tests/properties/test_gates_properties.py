"""An order may be sent only if every single gate says so, whatever the facts are."""

from dataclasses import replace

from hypothesis import find, given
from hypothesis import strategies as st

from kernel.contracts.messages import Ticket
from services.executor.core.facts import Facts, Position
from services.executor.core.gates import GATES, check
from services.executor.core.risk_book import LiveOrder
from tests.fakes.executor_facts import LIMITS, a_book, account_facts, long_lived, some_facts
from tests.fakes.executor_strategies import facts, symbols

FIELDS = [name for name in Facts.__dataclass_fields__ if name != "calendar"]


@given(odd=facts, kept=st.sets(st.sampled_from(FIELDS)), symbol=symbols)
def test_no_order_passes_that_a_single_gate_refuses(odd: Facts, kept: set[str], symbol: str) -> None:
    """Facts that are good but for some: otherwise hardly any would pass."""
    mixed = replace(some_facts(), **{name: getattr(odd, name) for name in kept})
    ticket = long_lived().model_copy(
        update={"legs": (long_lived().legs[0].model_copy(update={"occ_symbol": symbol}),)}
    )

    noes = [no for gate in GATES if (no := gate.refusal(ticket, mixed, LIMITS)) is not None]

    assert check(ticket, mixed, LIMITS) == (noes[0] if noes else None)
    assert all(no.message and no.figures for no in noes)


symbols_held = st.sampled_from(["SPY260612C00530000", "QQQ260612P00450000"])
#: Around the bounds of an account of any size, so that many an order passes, and many a one just not.
usd = st.decimals(0, 3_000, places=2)
at_stake = st.builds(
    lambda equity, power, day, premiums, held: replace(
        some_facts(),
        account=account_facts(equity_usd=equity, last_equity_usd=equity, options_buying_power_usd=power),
        book=a_book(
            day_premium_usd=day,
            orders=tuple(
                LiveOrder(
                    underlying=symbol[:3],
                    occ_symbol=symbol,
                    contracts=1,
                    price_ceiling=premium / 100,
                    first_limit=premium * share / 1000,
                    at_venue=seen,
                )
                for symbol, premium, share, seen in premiums
            ),
        ),
        positions=tuple(Position(occ_symbol=symbol, at_stake_usd=premium) for symbol, premium in held),
    ),
    st.decimals(5_000, 60_000, places=2),
    st.decimals(300, 3_000, places=2),
    usd,
    st.lists(st.tuples(symbols_held, usd.filter(bool), st.integers(1, 10), st.booleans()), max_size=2),
    st.lists(st.tuples(symbols_held, usd), max_size=2),
)


def passes(ticket: Ticket, seen: Facts) -> bool:
    return check(ticket, seen, LIMITS) is None


@given(seen=at_stake, contracts=st.integers(1, 3))
def test_an_order_that_passes_costs_no_more_than_every_bound(seen: Facts, contracts: int) -> None:
    ticket = long_lived(contracts=contracts)
    if not passes(ticket, seen):
        return
    assert seen.account is not None
    assert seen.account.equity_usd is not None
    assert seen.account.options_buying_power_usd is not None
    assert seen.book is not None
    equity, gates = seen.account.equity_usd, LIMITS.gates
    cost = contracts * ticket.price_ceiling * 100
    held = [(p.occ_symbol[:3], p.at_stake_usd) for p in seen.positions or ()]
    held += [(o.underlying, o.contracts * o.price_ceiling * 100) for o in seen.book.orders]
    held_there = sum(o.contracts * o.first_limit * 100 for o in seen.book.orders if o.at_venue)
    in_flight = sum(o.contracts * o.price_ceiling * 100 for o in seen.book.orders) - held_there
    assert cost <= min(gates.order_premium_usd_max, equity * gates.order_premium_pct_max / 100)
    assert cost + seen.book.day_premium_usd <= min(
        gates.day_premium_usd_max, equity * gates.day_premium_pct_max / 100
    )
    assert cost + sum(usd for _, usd in held) <= min(gates.risk_usd_max, equity * gates.risk_pct_max / 100)
    assert cost + sum(usd for root, usd in held if root == "SPY") <= min(
        gates.underlying_usd_max, equity * gates.underlying_pct_max / 100
    )
    assert cost + in_flight <= seen.account.options_buying_power_usd


def test_orders_pass_beside_others_so_that_the_bounds_are_really_looked_at() -> None:
    def with_others(seen: Facts) -> bool:
        assert seen.book is not None
        others = any(not o.at_venue for o in seen.book.orders) and seen.positions
        return bool(others) and passes(long_lived(), seen)

    find(at_stake, with_others)
