"""Evidence of earlier revisions is read as what was decided on then."""

from dataclasses import replace

from services.executor.core.fact_documents import PARTS
from services.executor.core.facts import Fact
from tests.fakes.executor_facts import a_book, some_facts
from tests.fakes.gate_scenes import resting


def test_an_order_recorded_without_its_first_limit_was_held_whole_by_the_venue() -> None:
    write, read = PARTS[Fact.BOOK]
    document = write(replace(some_facts(), book=a_book(orders=resting(500, held_usd=400))))
    assert isinstance(document, dict)
    document["orders"] = [row[:5] for row in document["orders"]]

    (order,) = read(document)["book"].orders

    assert order == resting(500)[0]
    assert order.beyond_venue_usd == 0
