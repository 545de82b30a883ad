"""The selector's memory of its answers, on a real Postgres."""

from collections.abc import AsyncIterator

import pytest

from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.topics import SELECTIONS
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_selection
from services.selector.adapters.postgres_decisions import PostgresDecisions

pytestmark = pytest.mark.integration
FIRST = [Emission(SELECTIONS, a_selection())]
SECOND = [Emission(SELECTIONS, a_selection(legs=(a_leg(occ_symbol="SPY260605C00525000"),)))]


@pytest.fixture
async def decisions(database_url: str) -> AsyncIterator[PostgresDecisions]:
    migrate(database_url)
    database = Database(database_url)
    await database.open()
    yield PostgresDecisions(database, DecisionLog("selector"))
    await database.close()


async def test_a_new_signal_has_no_answer(decisions: PostgresDecisions) -> None:
    assert await decisions.recall("signal-1") is None


async def test_a_recorded_answer_is_recalled_as_it_was(decisions: PostgresDecisions) -> None:
    assert await decisions.record("signal-1", FIRST) == FIRST
    assert await decisions.recall("signal-1") == FIRST


async def test_the_first_answer_stands_and_is_what_the_second_gets(decisions: PostgresDecisions) -> None:
    await decisions.record("signal-1", FIRST)
    assert await decisions.record("signal-1", SECOND) == FIRST
    assert await decisions.recall("signal-1") == FIRST
