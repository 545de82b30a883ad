"""Faults happen to what they name, as often as they say."""

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.faults import CHAIN_FAULTS, REQUEST_FAULTS, Fault, FaultKind, Faults


def test_a_fault_counts_down_and_is_gone() -> None:
    faults = Faults()
    faults.inject(Fault(kind=FaultKind.DOWN, count=2))
    taken = [faults.take(REQUEST_FAULTS, "/v2/clock", "GET") for _ in range(3)]
    assert [fault.kind if fault else None for fault in taken] == [FaultKind.DOWN, FaultKind.DOWN, None]


def test_a_fault_without_count_lasts_until_cleared() -> None:
    faults = Faults()
    faults.inject(Fault(kind=FaultKind.DOWN, count=None))
    assert all(faults.take(REQUEST_FAULTS, "/v2/clock", "GET") for _ in range(5))
    faults.clear()
    assert faults.take(REQUEST_FAULTS, "/v2/clock", "GET") is None


def test_a_fault_spares_other_paths_methods_and_kinds() -> None:
    faults = Faults()
    faults.inject(Fault(kind=FaultKind.DOWN, path="/v2/orders", method="POST"))
    assert faults.take(REQUEST_FAULTS, "/v2/account", "POST") is None
    assert faults.take(REQUEST_FAULTS, "/v2/orders", "GET") is None
    assert faults.take(CHAIN_FAULTS, "/v2/orders", "POST") is None
    assert faults.take(REQUEST_FAULTS, "/v2/orders", "POST") is not None


def test_faults_happen_in_the_order_they_were_injected() -> None:
    faults = Faults()
    faults.inject(Fault(kind=FaultKind.DOWN))
    faults.inject(Fault(kind=FaultKind.LATENCY))
    kinds = [fault.kind for _ in range(2) if (fault := faults.take(REQUEST_FAULTS, "/", "GET"))]
    assert kinds == [FaultKind.DOWN, FaultKind.LATENCY]


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (FaultKind.STALE_QUOTES, {"account": "key"}),
        (FaultKind.STREAM_ERROR, {"account": "key"}),
        (FaultKind.DOWN, {"symbol": "SPY"}),
        (FaultKind.EMPTY_CHAIN, {"symbol": "SPY"}),
        (FaultKind.DROP_UPDATES, {"method": "POST"}),
        (FaultKind.HALT, {"path": "/v2/orders"}),
        (FaultKind.MUTE_STREAM, {"probability": 0.5}),
    ],
)
def test_a_limit_that_a_kind_cannot_honour_is_refused(kind: FaultKind, limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=f"cannot be limited by {next(iter(limit))}"):
        Fault(kind=kind, **limit)
