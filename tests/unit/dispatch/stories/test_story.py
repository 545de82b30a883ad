from dataclasses import replace
from typing import Any

import pytest

from dispatch.stories.story import Fate, Library
from kernel.contracts.messages import OrderStatus
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SIGNALS
from kernel.stream.stage import Emission
from kernel.testing.builders import a_signal
from tests.fakes.stories import a_rejection, an_execution, filled, records, refused, story_of


def test_a_filled_order_is_the_fate_of_its_signal() -> None:
    assert story_of(filled("one")).fate is Fate.FILLED


def test_a_rejection_is_the_fate_of_a_signal_without_order() -> None:
    assert story_of(refused("one")).fate is Fate.REJECTED


def test_a_signal_alone_is_pending() -> None:
    assert story_of([Emission(SIGNALS, a_signal("one"))]).fate is Fate.PENDING


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        (OrderStatus.ACKNOWLEDGED, Fate.WORKING),
        (OrderStatus.UNKNOWN, Fate.WORKING),
        (OrderStatus.CANCELED, Fate.ENDED_UNFILLED),
        (OrderStatus.EXPIRED, Fate.ENDED_UNFILLED),
    ],
)
def test_an_order_without_fill_is_told_by_its_last_step(status: OrderStatus, fate: Fate) -> None:
    steps: list[Emission[Any]] = [
        Emission(SIGNALS, a_signal("one")),
        Emission(EXECUTIONS, an_execution("one", 1, status)),
    ]
    assert story_of(steps).fate is fate


def test_a_cancelled_order_that_was_partly_filled_counts_as_filled() -> None:
    last = an_execution("one", 2, OrderStatus.CANCELED, filled_contracts=1)
    assert story_of([*filled("one")[:4], Emission(EXECUTIONS, last)]).fate is Fate.FILLED


def test_an_order_the_venue_refused_is_a_rejection() -> None:
    steps: list[Emission[Any]] = [
        Emission(SIGNALS, a_signal("one")),
        Emission(EXECUTIONS, an_execution("one", 1, OrderStatus.REJECTED, venue_order_id=None)),
        Emission(REJECTIONS, a_rejection("one")),
    ]
    assert story_of(steps).fate is Fate.REJECTED


def test_an_order_outweighs_a_rejection_of_the_same_signal() -> None:
    assert story_of([*filled("one"), Emission(REJECTIONS, a_rejection("one"))]).fate is Fate.FILLED


def test_a_repeated_message_counts_once() -> None:
    story = story_of([*filled("one"), *filled("one")])
    assert [step.sequence for step in story.executions] == [1, 2]
    assert len(story.chapters) == 5


def test_bytes_that_are_no_message_are_kept_apart() -> None:
    library = Library()
    (good,) = records(refused("one")[:1])
    broken = replace(good, value=b"garbage")
    assert library.add(broken) is None
    assert library.undecodable == [broken]
    assert library.stories == {}
