"""What a shadow tells Prometheus: it is asked on a loopback address, like a stage (`/metrics`)."""

from prometheus_client import Counter, Gauge

from dispatch.replay.results import Status
from dispatch.shadow.naming import Names

DECISIONS = Counter(
    "dispatch_shadow_decisions_total",
    "Decisions of the live stage, by how the shadow's compares: same, changed, missing, extra, unrecorded, pending.",
    ["stage", "revision", "outcome"],
)
AGREEMENT = Gauge(
    "dispatch_shadow_agreement_ratio",
    "Share of compared decisions that are the same, 0 to 1; no value before the first.",
    ["stage", "revision"],
)
LAG = Gauge(
    "dispatch_shadow_lag_records",
    "Records of the stage's input topic that the shadow has not acknowledged yet.",
    ["stage", "revision"],
)
WAITING = Gauge(
    "dispatch_shadow_waiting",
    "Inputs read whose evidence or live answer has not come yet.",
    ["stage", "revision"],
)


class ShadowMetrics:
    """The figures of one shadow."""

    def __init__(self, names: Names) -> None:
        self._labels = (names.stage, names.revision)
        for status in Status:  # so that a rate over them begins at zero
            DECISIONS.labels(*self._labels, status.value)

    def counted(self, status: Status, agreement_pct: float | None) -> None:
        """Count a decision."""
        DECISIONS.labels(*self._labels, status.value).inc()
        if agreement_pct is not None:
            AGREEMENT.labels(*self._labels).set(agreement_pct / 100)

    def stands(self, lag: int, waiting: int) -> None:
        """Say how far behind it is."""
        LAG.labels(*self._labels).set(lag)
        WAITING.labels(*self._labels).set(waiting)
