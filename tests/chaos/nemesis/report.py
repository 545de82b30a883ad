"""The report of a run, as JSON and as Markdown."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from kernel.contracts.messages import Rejection
from tests.chaos.nemesis.audit import Violation
from tests.chaos.nemesis.facts import Facts
from tests.chaos.nemesis.faults import Struck
from tests.chaos.nemesis.feed import Sent
from tests.chaos.nemesis.recovery import BOUND_S, Recovery


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked to be; `order_every`: one signal in so many can become an order.

    `apart_s`: only faults that a recovery is counted of, each alone, so far from the next; None: everything.
    """

    seed: int
    minutes: float
    rate_per_s: float
    order_every: int
    apart_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run was, did and found."""

    asked: Asked
    revision: str
    struck: Sequence[Struck]
    sent: Sequence[Sent]
    facts: Facts
    settled_after_s: float
    recoveries: Sequence[Recovery]
    violations: Sequence[Violation]

    def summary(self) -> dict[str, Any]:
        """Return everything as JSON has it."""
        ledger, venue = self.facts.ledger, self.facts.venue
        noes = {w.message.meta.id: w.message for w in self.facts.log if isinstance(w.message, Rejection)}
        return {
            "ok": not self.violations,
            "violations": [str(violation) for violation in self.violations],
            **asdict(self.asked),
            "revision": self.revision,
            "faults": len(self.struck),
            "faults_by_kind": dict(sorted(Counter(each.fault.kind.value for each in self.struck).items())),
            "signals": len(self.sent),
            "tickets": len(ledger.orders),
            "orders_at_venue": len(venue.accepted),
            "attempts": len(ledger.attempts),
            "contracts_filled_at_venue": sum(venue.filled.values()),
            "contracts_filled_in_ledger": sum(order.filled for order in ledger.orders),
            "orders_by_status": dict(sorted(Counter(order.status for order in ledger.orders).items())),
            "rejections": dict(sorted(Counter(no.code.value for no in noes.values()).items())),
            "dead_letters": {topic: len(set(values)) for topic, values in sorted(self.facts.dead.items())},
            "positions": len(venue.positions),
            "settled_after_s": round(self.settled_after_s, 1),
            "recoveries": [asdict(each) | {"kind": each.kind.value} for each in self.recoveries],
            "schedule": [
                asdict(each.fault) | {"kind": each.fault.kind.value, "back_s": each.back_s}
                for each in self.struck
            ],
        }


def write(run: Run, path: Path) -> None:
    """Write `path` (Markdown) and its JSON beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    summary = run.summary()
    path.with_suffix(".json").write_text(json.dumps(summary, indent=1) + "\n", "utf-8")
    path.with_suffix(".md").write_text(markdown(summary), "utf-8")


def markdown(summary: dict[str, Any]) -> str:
    """Return the report as a page."""
    verdict = "No violation" if summary["ok"] else "VIOLATIONS"
    what = f"{summary['minutes']:g} minutes at {summary['rate_per_s']:g} signals/s"
    if summary["order_every"] > 1:
        what += (
            f", one in {summary['order_every']} for an order (the others ask for a spread, which is refused)"
        )
    what += f", {summary['faults']} faults"
    if summary["apart_s"] is not None:
        what += f", each alone and {summary['apart_s']:g} s from the next"
    lines = [
        f"# Nemesis run, seed {summary['seed']}",
        "",
        f"**{verdict}**: {what}, revision `{summary['revision']}`. Settled {summary['settled_after_s']:g} s after it.",
        "",
        *(f"- {violation}" for violation in summary["violations"]),
        *([""] if summary["violations"] else []),
        *_table("what", "count", _counts(summary)),
        "",
        *_table("fault", "struck", summary["faults_by_kind"].items()),
        "",
        "Seconds from a fault to the first signal through, of all such faults, and of those no other fault overlapped:",
        "",
        *_recovery_table(summary["recoveries"]),
        "",
    ]
    return "\n".join(lines)


def _counts(summary: dict[str, Any]) -> list[tuple[str, object]]:
    names = (
        "signals",
        "tickets",
        "orders_at_venue",
        "contracts_filled_at_venue",
        "contracts_filled_in_ledger",
        "positions",
    )
    return [
        *((name.replace("_", " "), summary[name]) for name in names),
        *((f"orders {status}", n) for status, n in summary["orders_by_status"].items()),
        *((f"refused {code}", n) for code, n in summary["rejections"].items()),
        *((f"dead letters of {topic}", n) for topic, n in summary["dead_letters"].items()),
    ]


def _recovery_table(recoveries: list[dict[str, Any]]) -> list[str]:
    by_name: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for each in recoveries:
        by_name[each["kind"], each["target"].partition("-")[0]].append(each)
    lines = [
        "| fault | of | count | bound | median | worst | median alone | worst alone |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (kind, target), group in sorted(by_name.items()):
        alone = [each for each in group if each["alone"]]
        figures = " | ".join((*_spread(group), *_spread(alone)))
        lines.append(f"| {kind} | {target} | {len(group)} | {BOUND_S[group[0]['kind']]:g} | {figures} |")
    return lines


def _spread(group: list[dict[str, Any]]) -> tuple[str, str]:
    if not group:
        return "–", "–"
    if any(each["next_s"] is None for each in group):
        return "never", "never"
    waits = [each["next_s"] for each in group]
    return f"{median(waits):.1f}", f"{max(waits):.1f}"


def _table(what: str, count: str, rows: Any) -> list[str]:
    return [f"| {what} | {count} |", "| --- | --- |", *(f"| {name} | {n} |" for name, n in rows)]
