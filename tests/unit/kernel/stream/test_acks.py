from hypothesis import given
from hypothesis import strategies as st

from kernel.stream.acks import InOrderAcks


def test_a_record_is_acknowledged_only_when_all_before_it_are_done() -> None:
    acks, told = InOrderAcks(), []
    first, second, third = (acks.arrived(0, lambda n=n: told.append(n)) for n in range(3))
    acks.finished(third)
    acks.finished(second)
    assert told == []
    acks.finished(first)
    assert told == [0, 1, 2]


def test_partitions_do_not_wait_for_each_other() -> None:
    acks, told = InOrderAcks(), []
    acks.arrived(0, lambda: told.append("stuck"))
    acks.finished(acks.arrived(1, lambda: told.append("free")))
    assert told == ["free"]


@given(st.permutations(range(12)), st.integers(min_value=0, max_value=12))
def test_whatever_the_order_of_finishing_a_prefix_without_holes_is_acknowledged(
    order: list[int], count: int
) -> None:
    acks, told = InOrderAcks(), []
    arrivals = [acks.arrived(0, lambda n=n: told.append(n)) for n in range(12)]
    done = set(order[:count])
    for number in order[:count]:
        acks.finished(arrivals[number])
    expected = next((n for n in range(12) if n not in done), 12)
    assert told == list(range(expected))
