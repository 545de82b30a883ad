"""Every case of this folder is decided as it was, and the folder holds enough for a change to be noticed."""

import asyncio
import json
import re
from functools import cache
from pathlib import Path

import pytest

from dispatch.cases.case import Case, load_case
from dispatch.cases.layout import lay_out
from dispatch.cases.running import run_case
from dispatch.console import to_json
from dispatch.replay.report.telling import to_document
from dispatch.replay.results import StageResult
from kernel.contracts.codec import Codec
from kernel.contracts.messages import RejectionCode
from services.selector.core.ranking import Ranking
from services.selector.core.validation import ContractReason
from tests.architecture.reference_pages import sources
from tests.replay.corpus import CASES

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.json"))
LARGEST_BYTES, ALL_BYTES = 150_000, 1_400_000
#: Said by the venue or by nobody; no decision of a stage on a ticket from the log.
NOT_DECIDED = {
    ("executor", RejectionCode.VENUE_REJECTED),
    # Said at the wire, and by the reason of the switch.
    ("executor", RejectionCode.ORDERS_ABOVE_DECISIONS),
    # No such ticket can be written: the contract has no price of zero.
    ("executor", RejectionCode.LIMIT_NOT_POSITIVE),
}
#: The chain is asked for what has not expired, and nothing is judged after the close.
NEVER_MET = {ContractReason.EXPIRED}


@cache
def case_of(file: Path) -> Case:
    return load_case(file)


def run(file: Path, *settings: str) -> list[StageResult]:
    return asyncio.run(run_case(case_of(file), file, settings=settings, revision="now"))


def bytes_of(results: list[StageResult]) -> bytes:
    """Return all a run came to: every answer as it would be written, and what is said of it; not the time it took."""
    document = to_document(results, ())
    for stage in document["stages"]:
        del stage["seconds"]
    codec = Codec()
    answers = [
        codec.encode(emission.topic, emission.message)
        for result in results
        for row in result.rows
        for emission in row.replayed
    ]
    return b"".join([to_json(document), *answers])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_case_is_decided_as_it_was_and_twice_to_the_byte(file: Path) -> None:
    first, again = run(file), run(file)
    differing = [
        (r.stage, row.message.meta.id, row.differences) for r in first for row in r.rows if r.differs
    ]
    assert differing == [], f"dispatch case run {file.relative_to(Path.cwd())} shows it; --bless accepts it"
    assert all(result.rows for result in first)
    assert bytes_of(first) == bytes_of(again)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_case_is_laid_out_as_it_would_be_written_again(file: Path) -> None:
    """So that the diff of a blessing shows what changed and nothing else."""
    assert file.read_text("utf-8") == lay_out(case_of(file).model_dump(mode="json"))


def test_cases_stay_small() -> None:
    sizes = {file.name: file.stat().st_size for file in FILES}
    assert {name: size for name, size in sizes.items() if size > LARGEST_BYTES} == {}
    assert sum(sizes.values()) < ALL_BYTES


def test_every_case_says_why_it_is_kept() -> None:
    assert [file.stem for file in FILES if not case_of(file).note] == []


def test_every_case_that_is_made_is_there_and_every_other_is_of_the_demo() -> None:
    names = {file.stem for file in FILES}
    assert set(CASES) == {name for name in names if not name.startswith("demo-")}
    assert names > set(CASES)


def test_every_no_of_every_stage_is_in_a_case() -> None:
    said = {
        (stage, code)
        for stage in ("signals", "selector", "sizer", "executor")
        for code in RejectionCode
        if re.search(rf"RejectionCode\.{code.name}\b", sources(stage))
    }
    kept = {(m["meta"]["stage"], m["code"]) for m in messages("rejections")}
    assert said - NOT_DECIDED - kept == set()


def test_every_reason_against_a_contract_is_in_a_case() -> None:
    kept = {reason for m in [*messages("rejections"), *messages("selections")] for reason in m["rejects"]}
    assert set(ContractReason) - kept == NEVER_MET


def messages(topic: str) -> list[dict[str, object]]:
    found = [
        r["message"]
        for file in FILES
        for r in json.loads(file.read_text("utf-8"))["records"]
        if r["topic"] == topic
    ]
    assert found
    return found


CHANGES = {
    "selector.min_score=31": "selector-refuses",
    "selector.spread_pct_below=10.001": "limits-met-exactly",
    "selector.premium_usd_min=0.2999": "limits-met-exactly",
    "selector.day_volume_min=201": "limits-met-exactly",
    "selector.quote_age_s_max=300.01": "limits-met-exactly",
    "selector.open_interest_min=9": "chain-with-every-reason",
    "selector.volume_basis=day": "volume-of-yesterday",
    "selector.expiry_day_cutoff_min=59.99": "chain-with-every-reason",
    "selector.scoring.spread_points=40.001": "demo-swing",
    "selector.scoring.spread_pct_zero=10.001": "demo-swing",
    "selector.scoring.volume_points=30.001": "demo-swing",
    "selector.scoring.volume_scale=364.01": "demo-swing",
    "selector.scoring.delta_points=20.001": "demo-swing",
    "selector.scoring.delta_falloff=0.2501": "limits-met-exactly",
    "selector.scoring.distance_points=10.001": "demo-swing",
    "selector.scoring.distance_falloff_pct=5.001": "demo-swing",
    "selector.strategies.day_trade.dte_min=1": "demo-last-day",
    "selector.strategies.day_trade.delta_max=0.601": "selector-refuses",
    "sizer.tiers.tiny.risk_pct=23": "every-tier",
    "sizer.tiers.small.up_to_usd=5000.01": "every-tier",
    "sizer.tiers.medium.swing_multiplier=1.5": "every-tier",
    "sizer.tiers.large.max_contracts=9": "every-tier",
    "sizer.risk_scaling=smooth": "every-tier",
    "sizer.smooth_anchors.1.risk_pct=11.9": "every-tier-smooth",
    "sizer.day_trade_multiplier=0.9": "money-in-flight",
    "sizer.price_collar_pct=3": "odd-prices",
    "sizer.tick_usd=0.05": "odd-prices",
    "sizer.ticket_ttl_s=121": "money-in-flight",
    "signals.expiry_s.swing=1801": "signals",
    "signals.opening_range_atr_target=2.1": "signals",
    "signals.pullback_atr_stop=1.6": "signals",
    "executor.clock_skew_s_max=1.999": "executor-gates",
    "executor.gates.quote_age_s_max=420.01": "executor-gates-of-price",
    "executor.gates.day_premium_usd_max=20000.01": "executor-gates-of-stake",
    "executor.gates.daily_loss_pct_max=10.01": "executor-gates-of-standing",
    "executor.gates.underlyings=[]": "executor-allow-list",
}


@pytest.mark.parametrize(("setting", "name"), CHANGES.items(), ids=list(CHANGES))
def test_a_small_change_of_a_parameter_is_found(setting: str, name: str) -> None:
    assert any(result.differs for result in run(FOLDER / f"{name}.json", setting))


def test_a_planted_change_of_the_code_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several equal contracts the last is taken, not the first."""
    ordered = Ranking._ordered
    monkeypatch.setattr(Ranking, "_ordered", lambda self, rows: ordered(self, rows)[::-1])
    found = {file.stem for file in FILES if any(result.differs for result in run(file))}
    assert found == {"ties"}
