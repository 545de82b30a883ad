"""What becomes of an assignment by a member that does not know the topic."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from kernel.domain.errors import InvariantBroken
from kernel.stream.assigning import StrictApp, StrictAssignor

MEMBERS = {"worker-1": SimpleNamespace(subscription=["dispatch.tickets"])}


class Cluster:
    """What a member knows of the topics."""

    def __init__(self, **partitions: set[int]) -> None:
        self._partitions = {name.replace("_", "."): numbers for name, numbers in partitions.items()}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return self._partitions.get(topic)


@pytest.fixture
def assignor(monkeypatch: pytest.MonkeyPatch) -> StrictAssignor:
    app = StrictApp("test", broker="kafka://nowhere:9", store="memory://", web_enabled=False)
    monkeypatch.setattr("faust.assignor.partition_assignor.PartitionAssignor.assign", lambda *_: "assigned")
    return StrictAssignor(app)


async def assigns(assignor: StrictAssignor, cluster: Cluster) -> tuple[Any, "asyncio.Task[None]"]:
    app = assignor.app
    assert isinstance(app, StrictApp)
    app.loop = asyncio.get_running_loop()
    waiting = asyncio.create_task(app.until_left_out())
    await asyncio.sleep(0)
    answer = await asyncio.to_thread(assignor.assign, cluster, MEMBERS)
    return answer, waiting


async def test_an_assignment_that_leaves_a_topic_out_stops_the_process_that_made_it(
    assignor: StrictAssignor,
) -> None:
    answer, waiting = await assigns(assignor, Cluster())

    assert answer == "assigned"
    with pytest.raises(InvariantBroken, match=r"nobody was given the partitions of dispatch\.tickets"):
        await waiting


async def test_an_assignment_of_all_topics_does_not(assignor: StrictAssignor) -> None:
    answer, waiting = await assigns(assignor, Cluster(dispatch_tickets={0, 1}))
    await asyncio.sleep(0)

    assert answer == "assigned"
    assert not waiting.done()
    waiting.cancel()
