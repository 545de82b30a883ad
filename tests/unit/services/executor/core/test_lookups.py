import pytest

from services.executor.core.lookups import lookup_pauses_s, send_again_pause_s


@pytest.mark.parametrize("attempts", [2, 6])
def test_not_there_is_said_at_least_twice_the_settling_time_apart(attempts: int) -> None:
    pauses_s = lookup_pauses_s(attempts, 2.0)

    assert len(pauses_s) == attempts
    assert pauses_s[0] == 0
    assert sum(pauses_s) == pytest.approx(2.0)


def test_pauses_double_so_that_a_late_order_is_found_early() -> None:
    pauses_s = lookup_pauses_s(4, 7.0)

    assert pauses_s == pytest.approx([0, 1, 2, 4])


def test_the_rate_limit_is_given_more_time_each_time_up_to_a_bound() -> None:
    assert [send_again_pause_s(n) for n in range(1, 7)] == [1, 2, 4, 8, 8, 8]
