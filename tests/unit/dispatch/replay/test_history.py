"""What is read from a log as inputs and answers."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from dispatch.replay.history import History, in_span, read_answers, read_inputs
from dispatch.replay.span import Span
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Rejection, RejectionCode
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SIGNALS, TICKETS
from kernel.testing.builders import NOW, a_meta, a_signal, a_ticket, an_idea
from tests.contracts.samples import an_execution
from tests.fakes.memory_log import MemoryLog

CODEC = Codec()


def stage(consumes: Any, *answers: Any, decided: bool = True) -> Any:
    return SimpleNamespace(consumes=consumes, answers=answers, decided=lambda _: decided)


async def history_of(log: MemoryLog, name: str, replay: Any) -> History:
    history = await read_inputs(log, replay.consumes, in_span(Span()), None, CODEC)
    await read_answers(log, name, replay, history, CODEC)
    return history


def refused(ticket_id: str, after: timedelta) -> Rejection:
    meta = a_meta(ticket_id, "executor", occurred_at=NOW + after)
    return Rejection(meta=meta, idea=an_idea(), code=RejectionCode.TICKET_EXPIRED, message="late")


async def test_a_signal_is_its_own_input() -> None:
    log, signal = MemoryLog(), a_signal()
    log.write(SIGNALS, signal)
    history = await history_of(log, "signals", stage(SIGNALS, SIGNALS))
    assert [e.message for e in history.answers[signal.meta.id]] == [signal]


async def test_what_a_stage_did_not_decide_is_no_answer() -> None:
    log = MemoryLog()
    log.write(SIGNALS, a_signal())
    assert (await history_of(log, "signals", stage(SIGNALS, SIGNALS, decided=False))).answers == {}


async def test_an_answer_of_another_stage_to_the_same_input_is_none_of_this_ones() -> None:
    log, ticket = MemoryLog(), a_ticket()
    log.write(TICKETS, ticket)
    log.write(REJECTIONS, refused(ticket.meta.id, timedelta()))
    assert (await history_of(log, "exits", stage(TICKETS, REJECTIONS))).answers == {}


async def test_of_several_decisions_on_one_input_the_first_is_compared() -> None:
    log, ticket = MemoryLog(), a_ticket()
    sent = an_execution(meta=a_meta(ticket.meta.id, "executor"))
    log.write(TICKETS, ticket)
    log.write(REJECTIONS, refused(ticket.meta.id, timedelta(seconds=90)))
    log.write(EXECUTIONS, sent)
    history = await history_of(log, "executor", stage(TICKETS, EXECUTIONS, REJECTIONS))
    assert [e.message for e in history.answers[ticket.meta.id]] == [sent]
    assert history.decided_at == {ticket.meta.id: NOW}
