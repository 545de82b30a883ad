"""How far the log is read."""

from datetime import timedelta

from dispatch.shadow.watermark import Watermark
from tests.fakes.shadow_log import at

ONE, OTHER = ("signals", 0), ("evidence", 0)


def test_it_is_the_partition_that_was_read_least_far() -> None:
    mark = Watermark([ONE, OTHER])
    mark.read(ONE, at(10))
    assert mark.now < at(0)
    mark.read(OTHER, at(4))
    assert mark.now == at(4)
    assert mark.ahead(timedelta(seconds=5)) == {ONE}
    assert mark.ahead(timedelta(seconds=6)) == set()


def test_a_partition_read_to_its_end_goes_with_the_clock_but_for_what_is_on_its_way() -> None:
    mark = Watermark([ONE, OTHER])
    mark.at({ONE: 3, OTHER: 7}, {ONE: 3, OTHER: 7}, at(100))
    assert mark.now == at(98)
    mark.at({ONE: 3, OTHER: 7}, {ONE: 3, OTHER: 8}, at(200))
    assert mark.now == at(98)


def test_a_writer_whose_clock_is_behind_does_not_turn_it_back() -> None:
    mark = Watermark([ONE])
    mark.read(ONE, at(10))
    mark.read(ONE, at(9))
    assert mark.now == at(10)
