"""Prometheus metrics that every stage has."""

from prometheus_client import Counter, Gauge, Histogram

HANDLED = Counter("dispatch_messages_handled_total", "Messages handled, by outcome.", ["stage", "outcome"])
EMITTED = Counter("dispatch_messages_emitted_total", "Messages written, by topic.", ["stage", "topic"])
HANDLE_SECONDS = Histogram(
    "dispatch_handle_seconds",
    "Time from a message's arrival in the process to its outputs being acknowledged.",
    ["stage"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RETRIES = Counter(
    "dispatch_transient_failures_total", "Outside failures that are retried in place.", ["stage", "kind"]
)
IN_FLIGHT = Gauge("dispatch_messages_in_flight", "Messages being handled.", ["stage"])
