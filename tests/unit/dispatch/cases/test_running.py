"""A case is decided from itself alone."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from dispatch.cases.case import load_case, save_case
from dispatch.cases.running import CaseSource
from dispatch.replay.overrides import with_overrides
from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import SchemaStore, load_store, schema_fingerprint
from kernel.contracts.topics import SELECTIONS
from kernel.domain.errors import ConfigError
from tests.fakes.params import PARAMS
from tests.unit.dispatch.cases.making import FILE, GOOD, WORSE, case_of, edited, pipeline_of, ran, statuses


async def test_what_was_decided_is_decided_the_same_again() -> None:
    case = await case_of((await pipeline_of(GOOD, WORSE)).log)
    assert statuses(await ran(case)) == [["same", "same"], ["same", "same"]]


async def test_the_parameters_are_the_cases_and_a_setting_stands_on_top_of_them() -> None:
    strict = with_overrides(PARAMS, ["selector.min_score=90"])
    case = await case_of((await pipeline_of(WORSE, params=strict)).log, "selector", params=strict)
    assert statuses(await ran(case)) == [["same"]]
    assert statuses(await ran(case, "selector.min_score=40")) == [["changed"]]


async def test_two_runs_come_to_the_same_digest() -> None:
    case = await case_of((await pipeline_of(GOOD, WORSE)).log)
    first, again = [[result.digest for result in await ran(case)] for _ in range(2)]
    other = [result.digest for result in await ran(case, "selector.scoring.volume_scale=300")]
    assert first == again != other


async def test_a_case_is_the_same_from_its_file(tmp_path: Path) -> None:
    case = await case_of((await pipeline_of(GOOD)).log)
    file = tmp_path / "folder" / "case.json"
    size = save_case(file, case)
    assert file.stat().st_size == size
    assert load_case(file) == case
    assert [path.name for path in file.parent.iterdir()] == ["case.json"]


async def test_what_another_revision_wrote_is_read_by_the_schemas_in_the_case() -> None:
    case = await case_of((await pipeline_of(GOOD)).log, "selector")
    known = load_store()
    raw = copy.deepcopy(known.current_raw["selection"])
    raw["fields"].append({"name": "mood", "type": "string", "default": ""})
    ours, theirs = known.fingerprints["selection"].hex(), schema_fingerprint(raw).hex()
    document = json.loads(case.model_dump_json())
    document["schemas"][theirs] = {"name": "selection", "schema": raw}
    document["records"][2] |= {
        "fingerprint": theirs,
        "message": document["records"][2]["message"] | {"mood": "calm"},
    }
    del document["schemas"][ours]
    store = SchemaStore(known.current_raw, known.history_raw)

    source = CaseSource(edited(case, **document), FILE, store)

    (stored,) = [record async for record in source.read([SELECTIONS])]
    assert Codec(store).decode(SELECTIONS, stored.value or b"").legs[0].occ_symbol == "SPY260612C00520000"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (["records", 2, "topic"], "rumours", "no topic 'rumours'"),
        (["records", 2, "message", "mid"], "dear", r"selections 0/0: it does not fit schema"),
        (["records", 2, "message", "mid"], "0", r"selections 0/0: selection.mid"),
        (["records", 2, "fingerprint"], "0123456789abcdef", "no schema with fingerprint 0123456789abcdef"),
        (["parameters", "selector", "min_score"], -1, "selector.min_score: .* --bless brings"),
        (["parameters", "selector", "mood"], 1, "selector.mood: .* --bless brings"),
        (["stages"], ["broker"], "nothing to replay of 'broker'"),
    ],
    ids=lambda value: ".".join(map(str, value)) if isinstance(value, list) else None,
)
async def test_a_case_that_cannot_be_run_says_what_is_wrong(path: list[Any], value: Any, said: str) -> None:
    case = await case_of((await pipeline_of(GOOD)).log, "selector")
    document = json.loads(case.model_dump_json())
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    with pytest.raises(ConfigError, match=said):
        await ran(edited(case, **document))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file or directory; `dispatch case record` makes a case"),
        ("{", "is no JSON"),
        ("[]", "has no format, so it is no case; this release reads format 1: record it anew"),
        ('{"format": 2}', "is a case of format 2; this release reads format 1: record it anew"),
        ('{"format": "1"}', "is a case of format '1'"),
        ('{"format": 1}', "is damaged: note: Field required; record it anew"),
    ],
)
def test_a_file_that_is_no_case_says_what_to_do(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "case.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_case(file)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
