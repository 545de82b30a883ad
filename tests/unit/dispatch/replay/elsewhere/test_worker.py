"""The deciding side of the pipe, asked in this process."""

import io
from typing import Any

from dispatch.replay.deciding import replay_of
from dispatch.replay.elsewhere.frames import read_frame, to_frame
from dispatch.replay.elsewhere.worker import Worker
from kernel.contracts.codec import Codec
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.stream.stage import Emission
from kernel.testing.builders import a_signal
from tests.fakes.params import PARAMS

ASKED = [Codec().encode(SIGNALS, a_signal()), None, None]


async def answers(decide: Any) -> Any:
    """Return what a worker says to two questions when its stage decides like that."""
    stage: Any = replay_of("selector", PARAMS, "there")
    stage.decide = decide
    said = io.BytesIO()
    await Worker(stage).serve(io.BytesIO(to_frame({"decide": [ASKED, ASKED]})), said)
    said.seek(0)
    frame = read_frame(said)
    assert frame is not None
    return frame["answers"]


async def test_an_input_that_raises_is_one_that_failed_and_the_next_is_decided() -> None:
    asked = []

    async def raises_once(message: Any, evidence: Any) -> Any:
        asked.append(evidence)
        if len(asked) == 1:
            raise ZeroDivisionError("oh")
        return []

    first, second = await answers(raises_once)
    assert first == {"emissions": [], "unrecorded": None, "failed": "ZeroDivisionError: oh"}
    assert second == {"emissions": [], "unrecorded": None, "failed": None}


async def test_an_answer_that_cannot_be_written_is_an_input_that_failed() -> None:
    async def nonsense(message: Any, evidence: Any) -> Any:
        return [Emission(SELECTIONS, message)]

    for said in await answers(nonsense):
        assert said["failed"]
        assert not said.get("emissions")
