from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dispatch.replay.compare import Difference, differences
from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Rejection, RejectionCode
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS, TICKETS
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_meta, a_score, a_selection, a_signal, a_ticket, an_idea
from tests.contracts.samples import an_execution
from tests.fakes.revisions import written

NOTHING: tuple[Difference, ...] = ()


def paths(*found: Difference) -> set[str]:
    return {difference.path for difference in found}


def test_equal_answers_have_no_difference() -> None:
    assert differences([Emission(TICKETS, a_ticket())], [Emission(TICKETS, a_ticket())]) == NOTHING


def test_who_decided_is_no_difference() -> None:
    meta = a_meta("x", revision="other", config_hash="other")
    one, other = a_selection(meta=a_meta("x")), a_selection(meta=meta)
    assert differences([Emission(SELECTIONS, one)], [Emission(SELECTIONS, other)]) == NOTHING


@pytest.mark.parametrize("field", ["id", "correlation_id", "causation_id", "stage"])
def test_anything_else_of_the_origin_is(field: str) -> None:
    meta = a_meta("x").model_copy(update={field: "other"})
    one, other = a_selection(meta=a_meta("x")), a_selection(meta=meta)
    assert paths(*differences([Emission(SELECTIONS, one)], [Emission(SELECTIONS, other)])) == {
        f"meta.{field}"
    }


def test_a_difference_names_its_place_inside_lists_too() -> None:
    one, other = a_ticket(), a_ticket(legs=(a_leg(bid=Decimal("2.48")),), contracts=5)
    found = differences([Emission(TICKETS, one)], [Emission(TICKETS, other)])
    assert set(found) == {
        Difference("legs.0.bid", Decimal("2.49"), Decimal("2.48")),
        Difference("contracts", 4, 5),
    }


def test_a_key_on_one_side_only_is_told_as_none_on_the_other() -> None:
    one, other = a_selection(rejects={"VOLUME_TOO_LOW": 28}), a_selection(rejects={"SPREAD_TOO_WIDE": 28})
    found = differences([Emission(SELECTIONS, one)], [Emission(SELECTIONS, other)])
    assert set(found) == {
        Difference("rejects.VOLUME_TOO_LOW", 28, None),
        Difference("rejects.SPREAD_TOO_WIDE", None, 28),
    }


@pytest.mark.parametrize(("apart", "counts"), [(1e-10, False), (1e-8, True)])
def test_floats_of_the_score_may_differ_in_their_last_digits(apart: float, counts: bool) -> None:
    one, other = a_selection(), a_selection(score=a_score(total=91.3 + apart), delta=0.5 + apart)
    found = differences([Emission(SELECTIONS, one)], [Emission(SELECTIONS, other)])
    assert paths(*found) == ({"score.total", "delta"} if counts else set())


def test_amounts_are_exact() -> None:
    one, other = a_ticket(), a_ticket(reserved_usd=Decimal("1004.000001"))
    assert paths(*differences([Emission(TICKETS, one)], [Emission(TICKETS, other)])) == {"reserved_usd"}


def test_another_kind_of_answer_is_told_in_a_traders_words() -> None:
    no = Rejection(
        meta=a_meta("x"), idea=an_idea(), code=RejectionCode.SCORE_BELOW_MINIMUM, message="too low"
    )
    found = differences([Emission(SELECTIONS, a_selection())], [Emission(REJECTIONS, no)])
    assert found == (Difference("answer", "SPY260605C00520000 at 91.3/100", "no: SCORE_BELOW_MINIMUM"),)


def of_version(number: int, **values: Any) -> Emission[Any]:
    """Return an execution as a release with that version of its schema wrote it."""
    schema = load_store().history_raw["execution"][number]
    wire = written(schema, an_execution(**values).model_dump())
    return Emission(EXECUTIONS, Codec().decode(EXECUTIONS, wire), wire)


def test_a_field_the_writer_did_not_know_is_no_difference() -> None:
    """Version 1 of an execution had no `decision_mid`."""
    now = Emission(EXECUTIONS, an_execution(decision_mid=Decimal("2.50"), contracts=3))
    before = of_version(1, decision_mid=Decimal("2.50"))
    assert before.message.decision_mid is None
    assert paths(*differences([before], [now])) == paths(*differences([now], [before])) == {"contracts"}


def test_a_field_the_writer_knew_and_left_out_is_one() -> None:
    now = Emission(EXECUTIONS, an_execution(decision_mid=Decimal("2.50")))
    assert paths(*differences([of_version(2, decision_mid=None)], [now])) == {"decision_mid"}


def test_bytes_do_not_matter_only_what_they_say() -> None:
    one = of_version(2)
    assert differences([one], [replace(one, wire=None)]) == NOTHING


def test_differences_come_topic_by_topic_in_one_order_whatever_the_hash_seed() -> None:
    messages: dict[Any, Message] = {
        TICKETS: a_ticket(),
        SIGNALS: a_signal(),
        SELECTIONS: a_selection(),
        REJECTIONS: a_refusal(),
        EXECUTIONS: an_execution(),
    }

    def side(word: str) -> list[Emission[Any]]:
        return [
            Emission(
                topic,
                m.model_copy(update={"meta": m.meta.model_copy(update={"stage": f"{topic.name} {word}"})}),
            )
            for topic, m in messages.items()
        ]

    found = [str(d.recorded) for d in differences(side("then"), side("now"))]
    assert found == [
        f"{name} then" for name in ("executions", "rejections", "selections", "signals", "tickets")
    ]


def a_refusal() -> Rejection:
    return Rejection(meta=a_meta("x"), idea=an_idea(), code=RejectionCode.TICKET_EXPIRED, message="late")
