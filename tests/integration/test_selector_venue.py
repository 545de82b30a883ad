"""The selector at a venue that misbehaves: every answer is a selection, a typed no, or an error the shell retries."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from kernel.contracts.messages import Rejection, RejectionCode, Selection, Signal
from kernel.domain.errors import VenueUnavailable
from kernel.domain.options import Direction, Strategy
from kernel.testing.builders import a_signal, an_idea
from simulator.faults import Fault, FaultKind
from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.params import PARAMS
from tests.integration.selector_at_venue import SelectorAtVenue, selector_at

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def venue() -> Iterator[VenueThread]:
    with VenueThread(SyntheticMarket(), VenueSettings()) as running:
        yield running


@pytest.fixture
async def selector(venue: VenueThread) -> AsyncIterator[SelectorAtVenue]:
    async with selector_at(venue.url, PARAMS) as asked:
        yield asked
    venue.desk.faults.clear()


def a_signal_now(
    selector: SelectorAtVenue, underlying: str = "SPY", direction: Direction = Direction.BULLISH
) -> Signal:
    expires_at = selector.clock.now() + timedelta(minutes=5)
    idea = an_idea(underlying, direction=direction, strategy=Strategy.SWING, expires_at=expires_at)
    return a_signal(f"{underlying} {direction}", idea=idea)


async def refusal(selector: SelectorAtVenue, underlying: str = "SPY") -> Rejection:
    answer = await selector.answer(a_signal_now(selector, underlying))
    assert isinstance(answer, Rejection)
    return answer


@pytest.mark.parametrize("direction", Direction)
async def test_a_healthy_venue_gives_a_contract(selector: SelectorAtVenue, direction: Direction) -> None:
    answer = await selector.answer(a_signal_now(selector, direction=direction))
    assert isinstance(answer, Selection)
    (leg,) = answer.legs
    assert leg.occ_symbol[-9] == ("C" if direction is Direction.BULLISH else "P")
    assert answer.score.total >= 40
    assert 7 <= answer.days_to_expiration <= 45
    assert answer.spread_pct < 10
    assert answer.mid * 100 <= answer.account.risk_budget_usd


async def test_an_underlying_the_venue_does_not_have(selector: SelectorAtVenue) -> None:
    assert (await refusal(selector, "NOPE")).code is RejectionCode.UNDERLYING_UNKNOWN


async def test_an_empty_chain(venue: VenueThread, selector: SelectorAtVenue) -> None:
    venue.desk.faults.inject(Fault(kind=FaultKind.EMPTY_CHAIN))
    assert (await refusal(selector)).code is RejectionCode.CHAIN_EMPTY


async def test_a_chain_without_greeks(venue: VenueThread, selector: SelectorAtVenue) -> None:
    venue.desk.faults.inject(Fault(kind=FaultKind.CHAIN_WITHOUT_GREEKS))
    no = await refusal(selector)
    assert no.code is RejectionCode.NO_CONTRACT_QUALIFIES
    assert no.rejects["DELTA_MISSING"] > 0
    assert "DELTA_OUT_OF_BAND" not in no.rejects


async def test_bids_that_are_nan_or_null(venue: VenueThread, selector: SelectorAtVenue) -> None:
    venue.desk.faults.inject(Fault(kind=FaultKind.QUOTE_NAN))
    no = await refusal(selector)
    assert no.code is RejectionCode.NO_CONTRACT_QUALIFIES
    assert no.rejects.keys() == {"VALUE_INVALID", "QUOTE_MISSING"}


@pytest.mark.parametrize(
    "path", ["/v1beta1/options", "/v2/stocks", "/v2/options/contracts", "/v2/account", "/v2/calendar"]
)
async def test_a_venue_that_is_down_is_an_error_to_retry_and_the_next_try_decides(
    venue: VenueThread, selector: SelectorAtVenue, path: str
) -> None:
    signal = a_signal_now(selector)
    venue.desk.faults.inject(Fault(kind=FaultKind.DOWN, path=path))
    with pytest.raises(VenueUnavailable):
        await selector.answer(signal)
    assert selector.evidence.published == []
    assert isinstance(await selector.answer(signal), Selection)
