"""What a shadow found: one line while it runs, and at its end for a terminal and as JSON. Pure, but for the console."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console

from dispatch.plain import visible
from dispatch.replay.report.telling import effect_text, risk_text, row_document, row_lines
from dispatch.replay.results import Status
from dispatch.shadow.found import Found, Standing
from dispatch.shadow.tally import Tally

#: What the two answers to an input are called.
SIDES = ("live", "shadow")


def live_line(stage: str, tally: Tally, standing: Standing) -> str:
    """Return how it stands now, in one line."""
    if standing.trouble is not None:
        return f"{stage}: {standing.trouble}; trying again"
    parts = [
        f"{tally.compared} decisions, {percent(tally.agreement_pct)} agree",
        f"{tally.disagreed} differ" if tally.disagreed else "",
        f"{standing.waiting} waiting for the live answer" if standing.waiting else "",
        f"{standing.lag} records behind" if standing.lag > standing.waiting else "",
    ]
    return f"{stage}: {', '.join(filter(None, parts))}"


def percent(share: float | None) -> str:
    """Return a share as text; rounded down, so that 100 % means all."""
    return "-" if share is None else f"{int(share * 100) / 100:g} %"


def to_document(found: Found) -> dict[str, Any]:
    """Return the report as one JSON document. In `rows` what was recorded is the live stage's, replayed the shadow's."""
    tally, names = found.tally, found.names
    return {
        "stage": names.stage,
        "revision": names.revision,
        "shadow": {"label": found.label, **asdict(found.introduction)},
        "live": {"revisions": sorted(tally.revisions), "config_hashes": sorted(tally.config_hashes)},
        "set": list(found.settings),
        "group": names.group,
        "topics": list(found.topics),
        "since": found.since,
        "until": found.until,
        "compared": tally.compared,
        "agreement_pct": tally.agreement_pct,
        "minimum_pct": found.minimum_pct,
        "holds": found.holds,
        "failure": found.failure,
        **{status.value: tally.counts[status] for status in Status},
        "waiting": found.standing.waiting,
        "lag": found.standing.lag,
        "undecodable": tally.undecodable,
        "effect": asdict(tally.effect),
        "rows_left_out": tally.disagreed - len(tally.differing),
        "rows": [row_document(row) for row in tally.differing],
    }


def who(found: Found) -> list[tuple[str, str]]:
    """Return who is compared with whom."""
    revisions = ", ".join(sorted(found.tally.revisions)) or "not heard of yet"
    hashes = ", ".join(sorted(found.tally.config_hashes)) or "-"
    said = found.introduction
    texts = (
        f"the {found.names.stage} that runs ({revisions}, parameters {hashes})",
        f"{found.label} ({said.revision}, parameters {said.config_hash})",
    )
    return list(zip(SIDES, texts, strict=True))


def verdict(found: Found) -> str:
    """Return the answer in one sentence."""
    tally = found.tally
    if tally.agreement_pct is None:
        return "nothing was compared: the live stage decided nothing in that time"
    agreed = (
        f"{tally.counts[Status.SAME]} of {tally.compared} decisions agree, {percent(tally.agreement_pct)}"
    )
    if found.failure is not None:
        return f"{agreed}, then it failed"
    return agreed if found.holds else f"{agreed}, less than the {found.minimum_pct:g} % asked for"


def show(found: Found, console: Console, limit: int) -> None:
    """Print the report with at most `limit` of the decisions that differ."""
    tally = found.tally
    console.print("; ".join(f"{name}: {text}" for name, text in who(found)), markup=False)
    rows = tally.differing[:limit]
    wide = max((len(row.underlying) for row in rows), default=0)
    for row in rows:
        first, *others = row_lines(row)
        signal = row.message.meta.correlation_id[:8]
        console.print(f"{signal}  {row.underlying:<{wide}}  {row.status.value:<10}  {first}", markup=False)
        for line in others:
            console.print(line, style="dim", markup=False)
    if tally.disagreed > len(rows):
        console.print(f"and {tally.disagreed - len(rows)} more; --json or --html shows more", markup=False)
    console.print(f"{found.names.stage}: {verdict(found)}", style="bold", markup=False)
    counts = ", ".join(
        f"{tally.counts[status]} {status.value}"
        for status in Status
        if tally.counts[status] or status is Status.SAME
    )
    written = f"written to {', '.join(found.topics)}; group {found.names.group}"
    for line in (counts, *remarks(found), written):
        console.print(f"  {line}", markup=False)


def remarks(found: Found) -> Iterable[str]:
    """Yield what else there is to know, beside the counts."""
    tally, counts = found.tally, found.tally.counts
    yield from map(visible, (found.failure or "").splitlines())
    if tally.disagreed:
        yield effect_text(tally.effect)
        if tally.effect.risk_usd_recorded or tally.effect.risk_usd_replayed:
            yield risk_text(tally.effect)
    if counts[Status.PENDING]:
        yield f"{counts[Status.PENDING]} inputs had no live answer in time: no word for or against the revision"
    if found.standing.waiting or found.standing.lag:
        yield f"{found.standing.waiting} waiting, {found.standing.lag} not done: the next run goes on there"
    if tally.undecodable:
        yield f"{tally.undecodable} records are no messages and were left out"
