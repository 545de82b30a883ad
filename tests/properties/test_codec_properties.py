"""What holds for any bytes: they are a message or an UndecodableMessage, never anything else."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.topics import ALL_TOPICS, Topic
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
