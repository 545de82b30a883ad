"""The selector over a recorded day, through alpaca-py and HTTP, against a computation from the raw files alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import product

import pytest

from kernel.contracts.messages import Selection, Signal
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.options import Direction, Strategy
from kernel.runtime.settings import PROJECT_ROOT
from kernel.testing.builders import a_signal, an_idea
from services.selector.core.decision import decide
from services.selector.core.evidence import from_items
from services.selector.core.selection import Selected
from simulator.markets.recorded import RecordedMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.fakes.params import params_with
from tests.integration.selector_at_venue import SelectorAtVenue, selector_at
from tests.oracle.lean_oracle import Choice, best_contract

FOLDER = PROJECT_ROOT.parent / "shared" / "data" / "lean"
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(not FOLDER.is_dir(), reason=f"no recorded data in {FOLDER}"),
]

AAPL_DAY, GOOG_DAY = date(2014, 6, 6), date(2015, 12, 24)
#: AAPL was recorded by the hour, so its quotes may be as old as that.
HOURLY_S, BY_MINUTE_S = 3600, 300
BUYERS = (Strategy.DAY_TRADE, Strategy.SWING)


@pytest.fixture(scope="module")
def aapl() -> RecordedMarket:
    return RecordedMarket(FOLDER, "AAPL", AAPL_DAY)


@pytest.fixture(scope="module")
def goog() -> RecordedMarket:
    return RecordedMarket(FOLDER, "GOOG", GOOG_DAY)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An account at an instant of a recorded day; the venue's clock stands there."""

    market: RecordedMarket
    symbol: str
    at: datetime
    equity: int
    quote_age_s: float

    def expected(self, direction: Direction, strategy: Strategy) -> Choice | None:
        """Ask the raw files."""
        return best_contract(
            FOLDER,
            self.symbol,
            self.at.date(),
            self.at,
            direction=direction.value,
            strategy=strategy.value,
            equity=Decimal(self.equity),
            buying_power=Decimal(self.equity),
            quote_age_s=self.quote_age_s,
        )

    @asynccontextmanager
    async def selector(self) -> AsyncIterator[SelectorAtVenue]:
        """Serve the market with its clock standing still, and put a selector in front of it."""
        params = params_with(quote_age_s_max=self.quote_age_s)
        with VenueThread(self.market, VenueSettings(start=self.at, speed=0, equity=self.equity)) as venue:
            async with selector_at(venue.url, params) as selector:
                yield selector

    def signal(self, direction: Direction, strategy: Strategy) -> Signal:
        expires_at = self.at + timedelta(minutes=5)
        prices = dict.fromkeys(("reference_price", "stop_price", "target_price", "atr"))
        idea = an_idea(self.symbol, direction=direction, strategy=strategy, expires_at=expires_at, **prices)
        return a_signal(f"{direction} {strategy}", idea=idea)


def at(day: date, hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=MARKET_ZONE)


async def compare_all(case: Case) -> None:
    async with case.selector() as selector:
        for direction, strategy in product(Direction, BUYERS):
            answer = await selector.answer(case.signal(direction, strategy))
            right = case.expected(direction, strategy)
            chosen = answer if isinstance(answer, Selection) else None
            assert (chosen and chosen.legs[0].occ_symbol) == (right and right.occ_symbol)
            if chosen and right:
                assert chosen.score.total == pytest.approx(right.score, abs=1e-6)


INSTANTS = [(9, 31, 0), (10, 0, 0), (12, 0, 0), (12, 45, 30), (14, 59, 59), (15, 0, 0), (15, 59, 59)]
ACCOUNTS_AT_INSTANTS = [
    *product(INSTANTS, (5_000, 100_000)),
    ((12, 0, 0), 1_000),
    ((12, 0, 0), 20_000),
    ((15, 30, 0), 1_000),
]


@pytest.mark.parametrize(("clock", "equity"), ACCOUNTS_AT_INSTANTS)
async def test_on_aapl_the_contract_bought_is_the_one_the_raw_files_give(
    aapl: RecordedMarket, clock: tuple[int, int, int], equity: int
) -> None:
    case = Case(market=aapl, symbol="AAPL", at=at(AAPL_DAY, *clock), equity=equity, quote_age_s=HOURLY_S)
    await compare_all(case)


@pytest.mark.parametrize(("hour", "minute"), [(10, 0), (11, 17), (12, 0), (12, 30), (13, 0)])
async def test_on_googs_half_day_the_answer_is_the_one_of_the_raw_files_mostly_no(
    goog: RecordedMarket, hour: int, minute: int
) -> None:
    moment = at(GOOG_DAY, hour, minute)
    case = Case(market=goog, symbol="GOOG", at=moment, equity=100_000, quote_age_s=BY_MINUTE_S)
    await compare_all(case)


async def test_at_noon_a_small_and_a_large_account_buy_different_contracts(aapl: RecordedMarket) -> None:
    bought = []
    for equity in (5_000, 100_000):
        noon = at(AAPL_DAY, 12, 0)
        case = Case(market=aapl, symbol="AAPL", at=noon, equity=equity, quote_age_s=HOURLY_S)
        async with case.selector() as selector:
            chosen = await selector.answer(case.signal(Direction.BULLISH, Strategy.SWING))
            assert isinstance(chosen, Selection)
            bought.append(chosen.legs[0].occ_symbol)
    assert bought == ["AAPL140613C00660000", "AAPL140621C00650000"]


async def test_a_choice_on_recorded_prices_is_made_again_from_its_evidence(aapl: RecordedMarket) -> None:
    noon = at(AAPL_DAY, 12, 0)
    case = Case(market=aapl, symbol="AAPL", at=noon, equity=5_000, quote_age_s=HOURLY_S)
    async with case.selector() as selector:
        chosen = await selector.answer(case.signal(Direction.BEARISH, Strategy.SWING))
        (seen,) = (emission.message for emission in selector.evidence.published)
    assert isinstance(chosen, Selection)
    gathered = from_items(seen.items)
    assert gathered is not None
    params = params_with(quote_age_s_max=HOURLY_S)
    again = decide(chosen.idea, gathered, params, seen.decided_at).outcome
    assert isinstance(again, Selected)
    assert (again.contract.occ_symbol, again.score) == (chosen.legs[0].occ_symbol, chosen.score)
    assert sum(len(item.body) for item in seen.items) < 100_000
