"""Answers of the venue that are not whole end a pass, never the process."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from kernel.adapters.alpaca import AlpacaGateway
from kernel.domain.errors import VenueUnavailable
from kernel.testing.clock import FixedClock
from services.executor.adapters.alpaca_statement import AlpacaStatement

NOW = FixedClock().now()


class Answering:
    """A gateway whose every answer is the given one."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.trading = self

    async def call(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    def get(self, path: str, params: Any = None) -> Any:
        del path, params
        return self.answer


def statement(answer: Any) -> AlpacaStatement:
    return AlpacaStatement(cast("AlpacaGateway", Answering(answer)))


@pytest.mark.parametrize(
    "row",
    [{"qty": "1"}, {"symbol": None, "qty": "1"}, {"symbol": "SPY"}, {"symbol": "SPY", "qty": "NaN"}, None],
)
async def test_a_position_that_is_not_whole_makes_the_venue_unavailable(row: object) -> None:
    with pytest.raises(VenueUnavailable):
        await statement([row]).positions()


@pytest.mark.parametrize(
    "ask", [lambda s: s.fills(NOW), lambda s: s.movements(NOW)], ids=["fills", "movements"]
)
@pytest.mark.parametrize("row", [{"activity_type": "FEE"}, {"id": None}, "FEE", None])
async def test_a_full_page_that_does_not_say_where_the_next_begins_makes_the_venue_unavailable(
    ask: Callable[[AlpacaStatement], Awaitable[Any]], row: object
) -> None:
    with pytest.raises(VenueUnavailable):
        await ask(statement([row] * 100))


async def test_an_activity_that_is_not_whole_is_left_out() -> None:
    assert await statement([{"activity_type": "FEE"}]).movements(NOW) == []
