"""The demo on recorded days: what it bought is what an independent reading of the raw files would buy."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.conftest import ROOT, Operator
from tests.oracle.lean_oracle import Choice, best_contract

DATA = ROOT.parent / "shared" / "data" / "lean"
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not DATA.is_dir(), reason="recorded markets are not here: ../shared/data/lean"),
]
_HOURLY_QUOTE_AGE_S = 3600
_QUOTE_AGE_S = 300


def _recorded(operator: Operator, symbol: str, day: date) -> dict[str, Any]:
    code, summary = operator.demo(
        "--market", f"lean:{DATA}", "--symbol", symbol, "--date", str(day), "--signals", "20"
    )
    assert code == 0
    assert summary["duplicate_orders"] == 0
    return summary


def _oracle(row: dict[str, Any], symbol: str, day: date, quote_age_s: float) -> Choice | None:
    return best_contract(
        DATA,
        symbol,
        day,
        datetime.fromisoformat(row["market_time"]),
        direction=row["direction"],
        strategy=row["strategy"],
        equity=Decimal(str(row["equity"])),
        buying_power=Decimal(str(row["buying_power"])),
        quote_age_s=quote_age_s,
    )


def _assert_agrees(row: dict[str, Any], choice: Choice | None) -> None:
    assert row["occ_symbol"] == (choice.occ_symbol if choice else None), row
    if choice is not None:
        assert row["score"]["total"] == pytest.approx(choice.score, abs=0.01)


def test_aapl_is_bought_in_the_contracts_that_really_passed(operator: Operator) -> None:
    day = date(2014, 6, 6)
    summary = _recorded(operator, "AAPL", day)
    assert summary["fills"] == 20
    for row in summary["executions"]:
        _assert_agrees(row, _oracle(row, "AAPL", day, _HOURLY_QUOTE_AGE_S))


def test_goog_on_its_half_day_mostly_gets_a_typed_no(operator: Operator) -> None:
    day = date(2015, 12, 24)
    summary = _recorded(operator, "GOOG", day)
    assert summary["rejections"]["NO_CONTRACT_QUALIFIES"] >= 15
    for row in summary["executions"]:
        _assert_agrees(row, _oracle(row, "GOOG", day, _QUOTE_AGE_S))
