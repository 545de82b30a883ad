"""What a replay's writer to topics of its own says before its first message."""

from typing import Any

from dispatch.replay.history import Input
from dispatch.replay.into import ShadowWriter
from dispatch.replay.observing import Taken
from dispatch.replay.results import Row, Status
from kernel.contracts.topics import SELECTIONS
from kernel.stream.stage import Emission, Emissions
from kernel.testing.builders import a_selection, a_signal

ANSWER = Emission(SELECTIONS, a_selection())


def taken(*answers: Emission[Any]) -> Taken:
    given = Input(a_signal(), None)
    row = Row(
        message=given.message,
        partition=None,
        offset=None,
        status=Status.SAME,
        recorded=answers,
        replayed=answers,
    )
    return Taken(given, None, row)


async def test_how_another_revision_writes_is_announced_once_before_its_first_answer() -> None:
    told: list[str] = []

    class Log:
        async def publish(self, emissions: Emissions) -> None:
            told.extend("answer" for _ in emissions)

    async def announce() -> None:
        told.append("schemas")

    writer = ShadowWriter(Log(), announce)
    assert told == []
    for each in (taken(), taken(ANSWER), taken(ANSWER)):
        await writer.after([each])
    assert told == ["schemas", "answer", "answer"]
