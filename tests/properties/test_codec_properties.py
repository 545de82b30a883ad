"""What holds for any bytes: they are a message or an UndecodableMessage, never anything else."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.messages import Signal
from kernel.contracts.topics import ALL_TOPICS, SIGNALS, Topic
from kernel.domain.errors import UndecodableMessage
from tests.contracts.samples import SAMPLED

CODEC = Codec()
topics = st.sampled_from(ALL_TOPICS)


def decoded(topic: Topic[Any], data: bytes) -> Message | None:
    try:
        message: Message = CODEC.decode(topic, data)
    except UndecodableMessage:
        return None
    return message


@given(topics, st.binary(max_size=300))
def test_garbage_is_undecodable(topic: Topic[Any], data: bytes) -> None:
    assert decoded(topic, data) is None


@given(st.sampled_from(SAMPLED), st.binary(max_size=300))
def test_a_sound_header_before_garbage_breaks_nothing(
    sample: tuple[Topic[Any], Message], body: bytes
) -> None:
    topic, message = sample
    decoded(topic, CODEC.encode(topic, message)[:10] + body)


@given(st.sampled_from(SAMPLED), st.data())
def test_a_message_with_some_bytes_changed_breaks_nothing(
    sample: tuple[Topic[Any], Message], data: st.DataObject
) -> None:
    topic, message = sample
    wire = bytearray(CODEC.encode(topic, message))
    for _ in range(data.draw(st.integers(1, 4))):
        wire[data.draw(st.integers(0, len(wire) - 1))] = data.draw(st.integers(0, 255))
    changed = decoded(topic, bytes(wire))
    if changed is not None:
        assert CODEC.decode(topic, CODEC.encode(topic, changed)) == changed


@given(
    st.decimals("0.000001", "999999999999.999999", places=6),
    st.datetimes(timezones=st.just(UTC)),
)
def test_a_price_and_an_instant_are_read_as_they_were_written(price: Decimal, at: datetime) -> None:
    signal = next(message for _, message in SAMPLED if isinstance(message, Signal))
    idea = signal.idea.model_copy(update={"reference_price": price, "expires_at": at})
    read = CODEC.decode(SIGNALS, CODEC.encode(SIGNALS, signal.model_copy(update={"idea": idea})))
    assert read.idea.reference_price == price
    assert read.idea.expires_at == at
