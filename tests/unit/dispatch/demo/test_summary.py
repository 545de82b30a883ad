from datetime import timedelta
from decimal import Decimal

from dispatch.demo.summary import all_accounted_for, describe, summarise
from dispatch.venue import AcceptedOrder, AccountFigures
from kernel.contracts.messages import RejectionCode
from kernel.contracts.topics import REJECTIONS, SIGNALS
from kernel.domain.ids import derive_id
from kernel.stream.stage import Emission
from kernel.testing.builders import a_signal, a_ticket
from tests.fakes.stories import WALL, a_rejection, filled, library_of, refused, signal_id


def _accepted(cause: str, after_ms: int) -> AcceptedOrder:
    return AcceptedOrder(
        derive_id(a_ticket(cause).meta.id, "order"), WALL + timedelta(milliseconds=after_ms), "mid"
    )


def _intended(*causes: str) -> dict[str, object]:
    return {signal_id(cause): WALL for cause in causes}


def test_orders_and_rejections_add_up_to_the_signals() -> None:
    library = library_of(filled("one"), refused("two"))
    summary = summarise(library.signals(), [_accepted("one", 30)], _intended("one", "two"))  # type: ignore[arg-type]
    assert (summary["signals"], summary["orders"], summary["fills"]) == (2, 1, 1)
    assert summary["rejections"] == {"NO_CONTRACT_QUALIFIES": 1}
    assert summary["duplicate_orders"] == 0
    assert summary["latency_ms"] == {"p50": 30.0, "p90": 30.0, "p99": 30.0, "max": 30.0}
    assert all_accounted_for(summary)
    taken = {row["signal_id"]: row["signal_to_order_ms"] for row in summary["executions"]}
    assert taken == {signal_id("one"): 30.0, signal_id("two"): None}


def test_a_signal_that_vanished_is_noticed() -> None:
    library = library_of(filled("one"), [Emission(SIGNALS, a_signal("lost"))])
    summary = summarise(library.signals(), [_accepted("one", 30)], _intended("one", "lost"))  # type: ignore[arg-type]
    assert not all_accounted_for(summary)


def test_a_second_accepted_order_of_one_decision_is_a_duplicate() -> None:
    library = library_of(filled("one"))
    twice = [_accepted("one", 30), _accepted("one", 40)]
    summary = summarise(library.signals(), twice, _intended("one"))  # type: ignore[arg-type]
    assert summary["duplicate_orders"] == 1
    assert not all_accounted_for(summary)


def test_an_order_at_the_venue_that_no_decision_asked_for_is_a_duplicate() -> None:
    library = library_of(filled("one"))
    foreign = AcceptedOrder("a-random-id-per-retry", WALL, "mid")
    summary = summarise(library.signals(), [_accepted("one", 30), foreign], _intended("one"))  # type: ignore[arg-type]
    assert summary["duplicate_orders"] == 1


def test_a_row_tells_the_decision_in_market_time_with_its_zone() -> None:
    library = library_of(filled("one"), refused("two"))
    rows = summarise(library.signals(), [], _intended("one", "two"))["executions"]  # type: ignore[arg-type]
    by_id = {row["signal_id"]: row for row in rows}
    bought = by_id[signal_id("one")]
    assert bought["decision_time"] == "2026-06-05T10:30:00-04:00"
    assert bought["occ_symbol"] == "SPY260605C00520000"
    assert (bought["contracts"], bought["price"]) == (4, 2.51)
    assert bought["score"] == {"total": 91.3, "spread": 35.2, "volume": 27.1, "delta": 20.0, "distance": 9.0}
    assert bought["reason"] is None
    no = by_id[signal_id("two")]
    assert no["occ_symbol"] is None
    assert no["contracts"] == 0
    assert no["reason"].startswith("NO_CONTRACT_QUALIFIES: ")
    assert (no["equity"], no["buying_power"]) == (100000.0, 100000.0)


def test_a_row_refused_before_anything_was_asked_has_the_accounts_opening_figures() -> None:
    no = a_rejection("early", RejectionCode.SIGNAL_EXPIRED, account=None, observed_at=None)
    library = library_of([Emission(SIGNALS, a_signal("early")), Emission(REJECTIONS, no)])
    at_start = AccountFigures(Decimal(5000), Decimal("4900.5"))
    (row,) = summarise(library.signals(), [], _intended("early"), at_start)["executions"]  # type: ignore[arg-type]
    assert row["market_time"] == row["decision_time"] is not None
    assert (row["equity"], row["buying_power"], row["tier"]) == (5000.0, 4900.5, None)


def test_a_row_whose_decision_read_the_account_keeps_what_it_read() -> None:
    library = library_of(refused("late"))
    at_start = AccountFigures(Decimal(1), Decimal(1))
    (row,) = summarise(library.signals(), [], _intended("late"), at_start)["executions"]  # type: ignore[arg-type]
    assert row["equity"] == 100000.0


def test_an_order_that_rests_is_told_as_working() -> None:
    (story,) = library_of(filled("one")[:-1]).signals()
    assert " working  0/4 x SPY " in describe(story)


def test_a_filled_order_is_told_with_its_price() -> None:
    (story,) = library_of(filled("one")).signals()
    assert " filled   4/4 x SPY " in describe(story)
    assert "@ $2.51 " in describe(story)
