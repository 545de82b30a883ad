from itertools import pairwise

import pytest

from tests.chaos.nemesis.schedule import ON_STAGES, RECOVERED_FROM, WORKERS, Fault, Kind, plan, plan_apart

SERVERS = {"broker", "database", "venue"}


def test_a_seed_gives_one_schedule_and_another_seed_another() -> None:
    assert plan(7, 600) == plan(7, 600)
    assert plan(7, 600) != plan(8, 600)


def test_a_longer_run_begins_as_the_shorter_one_does() -> None:
    short = plan(3, 120)

    assert plan(3, 600)[: len(short)] == short


@pytest.mark.parametrize("seed", range(20))
def test_ninety_seconds_see_ten_faults_five_minutes_all_kinds_and_an_hour_five_hundred(seed: int) -> None:
    assert len(plan(seed, 90)) >= 10
    assert {fault.kind for fault in plan(seed, 300)} == set(Kind)
    assert len(plan(seed, 3600)) >= 500


@pytest.mark.parametrize("seed", range(20))
def test_a_target_rests_between_two_faults_and_only_one_server_is_away_at_a_time(seed: int) -> None:
    faults = plan(seed, 1800)
    for target in (*WORKERS, *SERVERS):
        mine = [fault for fault in faults if fault.target == target]
        assert all(after.at_s > before.at_s + before.for_s for before, after in pairwise(mine))
    away = [fault for fault in faults if is_away(fault)]
    assert all(after.at_s > before.at_s + before.for_s for before, after in pairwise(away))


@pytest.mark.parametrize("seed", range(5))
def test_faults_of_stages_strike_workers_and_the_others_servers(seed: int) -> None:
    for fault in plan(seed, 1800):
        assert fault.target in (WORKERS if fault.kind in ON_STAGES else SERVERS)


@pytest.mark.parametrize("seed", range(5))
def test_two_faults_often_strike_together(seed: int) -> None:
    times = [fault.at_s for fault in plan(seed, 1800)]

    assert sum(before == after for before, after in pairwise(times)) > len(times) / 10


def test_faults_apart_strike_every_worker_and_server_alone() -> None:
    faults = plan_apart(1, 600, 36)

    assert plan_apart(1, 600, 36) == faults
    assert {fault.kind for fault in faults} == set(RECOVERED_FROM)
    assert {fault.target for fault in faults} == {*WORKERS, "broker", "database"}
    assert all(after.at_s - before.at_s == pytest.approx(36) for before, after in pairwise(faults))
    assert all(fault.at_s < 600 and fault.for_s < 36 for fault in faults)


def is_away(fault: Fault) -> bool:
    return fault.kind.startswith(("broker_", "database_")) or fault.kind is Kind.VENUE_KILL
