"""An order may be sent only if every single gate says so, whatever the facts are."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.executor.core.facts import Facts
from services.executor.core.gates import GATES, check
from tests.fakes.executor_facts import LIMITS, long_lived, some_facts
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


@given(odd=facts)
def test_an_order_that_passes_costs_no_more_than_every_bound(odd: Facts) -> None:
    mixed = replace(some_facts(), account=odd.account, book=odd.book, positions=odd.positions)
    ticket = long_lived()

    if check(ticket, mixed, LIMITS) is None:
        assert mixed.account is not None
        assert mixed.account.equity_usd is not None
        assert mixed.account.options_buying_power_usd is not None
        assert mixed.account.options_buying_power_usd >= 1004
        assert mixed.account.equity_usd * LIMITS.gates.order_premium_pct_max / 100 >= 1004
