"""Cases of a log in memory."""

import json
from pathlib import Path
from typing import Any

from dispatch.cases.case import Case
from dispatch.cases.recording import make_case, read_range
from dispatch.cases.running import run_case
from dispatch.replay.choosing import stages_named
from dispatch.replay.deciding import replay_of
from dispatch.replay.results import StageResult
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.domain.params import TradingParams
from kernel.testing.builders import a_signal, an_idea
from tests.fakes.chains import Row
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline

GOOD = Row()
WORSE = Row(strike="525", bid="2.45", ask="2.55", day_volume=400)
FILE = Path("some.json")


async def pipeline_of(*rows: Row, params: TradingParams = PARAMS) -> RecordedPipeline:
    """Return a log of one signal for each row, which is all the chain it sees."""
    pipeline = RecordedPipeline(params)
    for number, row in enumerate(rows):
        await pipeline.send(a_signal(f"signal {number}", idea=an_idea()), row)
    return pipeline


async def case_of(
    source: Source, stages: str = "selector..sizer", span: Span | None = None, **values: Any
) -> Case:
    """Record a case of all the log, or of a span of it."""
    span, params = span or Span(), values.pop("params", PARAMS)
    replays = {name: replay_of(name, params, "") for name in stages_named(stages)}
    recorded = await read_range(source, replays, span)
    return await make_case(source, recorded, params=params, trace=span.trace, **({"note": "why"} | values))


async def ran(case: Case, *settings: str) -> list[StageResult]:
    return await run_case(case, FILE, settings=settings, revision="now")


def statuses(results: list[StageResult]) -> list[list[str]]:
    return [[row.status.value for row in result.rows] for result in results]


def topics_of(case: Case) -> list[str]:
    return [record.topic for record in case.records]


def edited(case: Case, **values: Any) -> Case:
    """Return the case as it would be read from a file in which somebody changed something."""
    return Case.model_validate(json.loads(case.model_dump_json()) | values)
