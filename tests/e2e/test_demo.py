"""`dispatch demo`: real Kafka, Postgres, venue and four stages, every signal accounted for."""

import json

import pytest

from tests.e2e.conftest import Operator

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


def test_the_demo_accounts_for_every_signal_and_leaves_nothing_behind(operator: Operator) -> None:
    code, summary = operator.demo("--signals", "24")
    assert code == 0
    assert summary["signals"] == 24
    assert summary["orders"] + sum(summary["rejections"].values()) == 24
    assert summary["fills"] >= 10
    assert summary["rejections"]["STRUCTURE_NOT_AVAILABLE"] == 2
    assert summary["duplicate_orders"] == 0
    assert len(summary["executions"]) == 24
    assert operator.left_over() == []

    bought = next(row for row in summary["executions"] if row["occ_symbol"])
    story = json.loads(operator.run("trace", bought["signal_id"], "--json").stdout)
    assert {step["topic"] for step in story["steps"]} == {
        "signals",
        "evidence",
        "selections",
        "tickets",
        "executions",
    }
    assert story["fate"] == "filled"
    refused = next(row for row in summary["executions"] if not row["occ_symbol"])
    assert refused["reason"].split(":")[0] in operator.run("trace", refused["signal_id"]).stdout


def test_a_demo_that_is_kept_is_seen_to_run_until_it_is_stopped(operator: Operator) -> None:
    code, _ = operator.demo("--signals", "1", "--keep")
    try:
        assert code == 0
        running = "\n".join(operator.left_over())
        for part in (
            "kafka.Kafka",
            "postgres",
            "simulator",
            "services.selector",
            "dispatch.stack.supervisor",
        ):
            assert part in running
    finally:
        operator.run("down")
    assert operator.left_over() == []


@pytest.mark.parametrize(
    ("equity", "tier", "cap"), [(1000, "tiny", 2), (5000, "small", 3), (20000, "medium", 5)]
)
def test_a_smaller_account_takes_its_tiers_size(operator: Operator, equity: int, tier: str, cap: int) -> None:
    code, summary = operator.demo("--signals", "12", "--equity", str(equity))
    assert code == 0
    rows = [row for row in summary["executions"] if row["tier"] == tier]
    assert any(row["contracts"] for row in rows)
    assert all(row["contracts"] <= cap for row in rows)
