"""`dispatch explain … --json` as others read it: the keys and the figures that must hold."""

import json

import pytest
from typer.testing import CliRunner

from dispatch.cli import app


def explained(*words: str) -> dict[str, object]:
    done = CliRunner().invoke(app, ["explain", *words, "--json"])
    assert done.exit_code == 0, done.output
    document: dict[str, object] = json.loads(done.stdout)
    return document


def test_the_score_and_its_four_parts() -> None:
    words = ("score", "--spread-pct", "1.2", "--volume", "850", "--delta", "0.38", "--distance-pct", "0.5")
    assert explained(*words) == {
        "spread": 35.2,
        "volume": 27.1,
        "delta": 20.0,
        "distance": 9.0,
        "total": 91.3,
    }


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (("1000", "day_trade"), ("tiny", 25.0, 250.0, 1, 2)),
        (("5000", "day_trade"), ("small", 12.0, 600.0, 2, 3)),
        (("100000", "day_trade"), ("large", 1.0, 1000.0, 4, 10)),
        (("93000", "swing"), ("large", 2.0, 1860.0, 7, 10)),
    ],
)
def test_the_size_and_what_bound_it(
    account: tuple[str, str], expected: tuple[str, float, float, int, int]
) -> None:
    buying_power, strategy = account
    size = explained("size", "--buying-power", buying_power, "--premium", "2.50", "--strategy", strategy)
    keys = ("tier", "risk_pct", "risk_budget_usd", "contracts", "max_contracts")
    assert tuple(size[key] for key in keys) == expected
    assert size["total_usd"] == expected[3] * 250.0
    assert size["bound_by"] == "risk_budget"
