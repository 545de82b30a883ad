"""The numbers are those of the module's docstring in kernel/domain/rate_limit.py."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.domain.rate_limit import KEPT_BACK, Bucket, Told, Urgency, admit, full, learn, wait_s

LIMITS = st.sampled_from([20, 59, 200, 1000, 10_000])
GAPS_S = st.floats(0, 40)
URGENCIES = st.sampled_from(Urgency)
REQUESTS = st.lists(st.tuples(GAPS_S, st.integers(1, 300), URGENCIES), max_size=60)


@given(LIMITS, REQUESTS)
def test_no_window_of_a_minute_is_granted_more_than_the_limit(
    limit: int, requests: list[tuple[float, int, Urgency]]
) -> None:
    """Invariant 1."""
    bucket, now_s = full(limit, 0.0), 0.0
    grants: list[tuple[float, int]] = []
    for gap_s, wanted, urgency in requests:
        now_s += gap_s
        bucket, granted = admit(bucket, wanted, urgency, now_s)
        assert 0 <= granted <= wanted
        grants.append((now_s, granted))
    for start_s, _ in grants:
        assert sum(n for at_s, n in grants if start_s <= at_s < start_s + 60) <= limit


@pytest.mark.parametrize("limit", [20, 59, 200, 1000])
def test_who_never_stops_asking_is_granted_nearly_the_limit_and_no_more(limit: int) -> None:
    bucket, grants = full(limit, 0.0), []
    for tenth in range(1800):
        bucket, granted = admit(bucket, 10_000, Urgency.EXIT, tenth / 10)
        grants.append(granted)

    minutes = [sum(grants[start : start + 600]) for start in range(1200)]

    assert 0.6 * limit <= min(minutes)
    assert max(minutes) <= 0.96 * limit + 1


@given(LIMITS, REQUESTS, URGENCIES)
def test_whatever_the_less_urgent_took_a_share_is_left_for_the_more_urgent(
    limit: int, requests: list[tuple[float, int, Urgency]], urgency: Urgency
) -> None:
    """Invariant 2."""
    bucket, now_s = full(limit, 0.0), 0.0
    for gap_s, wanted, other in requests:
        now_s += gap_s
        bucket, _ = admit(bucket, wanted, max(other, urgency), now_s)

    left = math.floor(KEPT_BACK[urgency] * bucket.capacity) if urgency else 0
    _, granted = admit(bucket, 10_000, Urgency.EXIT, now_s)

    assert granted >= left


@given(LIMITS, st.floats(0, 1), st.integers(1, 50))
def test_who_is_more_urgent_is_granted_at_least_as_much(limit: int, share: float, wanted: int) -> None:
    bucket = full(limit, 0.0)
    bucket = replace(bucket, tokens=share * bucket.capacity)

    granted = [admit(bucket, wanted, urgency, 0.0)[1] for urgency in Urgency]

    assert granted == sorted(granted, reverse=True)


@given(LIMITS, st.floats(0, 1), URGENCIES, st.floats(0, 90))
def test_after_the_told_wait_a_token_is_granted_and_not_before(
    limit: int, share: float, urgency: Urgency, held_s: float
) -> None:
    whole = full(limit, 0.0)
    bucket = Bucket(limit, share * whole.capacity, 100.0 + held_s)

    pause_s = wait_s(bucket, urgency, 100.0)

    assert admit(bucket, 1, urgency, 100.0 + pause_s + 1e-6)[1] == 1
    if pause_s > 1e-6:
        assert admit(bucket, 1, urgency, 100.0 + pause_s - 1e-6)[1] == 0


@given(LIMITS, REQUESTS, st.floats(0, 120), st.integers(0, 59))
def test_after_a_refusal_nothing_is_granted_until_the_venue_counts_anew(
    limit: int, requests: list[tuple[float, int, Urgency]], resets_in_s: float, later_s: int
) -> None:
    """Invariant 3."""
    bucket, now_s = full(limit, 0.0), 0.0
    for gap_s, wanted, urgency in requests:
        now_s += gap_s
        bucket, _ = admit(bucket, wanted, urgency, now_s)

    bucket = learn(bucket, Told(limit, 0, resets_in_s, refused=True), now_s)

    _, granted = admit(bucket, 1, Urgency.EXIT, now_s + later_s)
    assert granted == (1 if later_s >= min(max(resets_in_s, 1.0), 90.0) else 0)


def test_a_refusal_though_requests_remain_silences_for_a_second_only() -> None:
    bucket = learn(full(200, 0.0), Told(200, 150, 55.0, refused=True), 0.0)

    assert [admit(bucket, 1, Urgency.EXIT, now_s)[1] for now_s in (0.9, 1.0)] == [0, 1]


@given(LIMITS, st.integers(0, 300), st.integers(1, 300))
def test_the_venues_remainder_bounds_what_is_granted(limit: int, remaining: int, wanted: int) -> None:
    bucket = learn(full(limit, 0.0), Told(limit, remaining, 0.0, refused=False), 0.0)

    assert admit(bucket, wanted, Urgency.EXIT, 0.0)[1] <= remaining


@given(LIMITS, LIMITS, st.floats(0, 1))
def test_a_new_limit_leaves_the_bucket_as_full_as_it_was(old: int, new: int, share: float) -> None:
    bucket = full(old, 0.0)
    bucket = replace(bucket, tokens=share * bucket.capacity)

    after = learn(bucket, Told(new, 1_000_000, 0.0, refused=False), 0.0)

    assert math.isclose(after.tokens / after.capacity, share, abs_tol=1e-9)
