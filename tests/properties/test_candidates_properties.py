"""A candidate never tells another story than the selector's verdict, for any chain."""

from decimal import Decimal

from hypothesis import given

from dispatch.candidates import judge
from kernel.domain.options import Strategy
from kernel.testing.builders import NOW
from tests.fakes.chains import Row, a_chain
from tests.fakes.params import PARAMS
from tests.properties.test_selection_properties import CALENDAR, budgets, chains


@given(chains, budgets)
def test_the_first_miss_is_the_reason_the_selector_gave(rows: list[Row], budget: Decimal) -> None:
    candidates = judge(
        a_chain(*rows),
        Strategy.DAY_TRADE,
        budget_usd=budget,
        calendar=CALENDAR,
        params=PARAMS.selector,
        now=NOW,
    )
    told = candidates.best()
    assert len(told) == len(rows)
    for candidate in told:
        first = candidate.misses[0].reason if candidate.misses else None
        assert first == candidate.contract.reason
        assert all(miss.text for miss in candidate.misses)
