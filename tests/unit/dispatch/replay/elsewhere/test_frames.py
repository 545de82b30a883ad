import asyncio
import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.replay.elsewhere.frames import BrokenFrame, read_frame, receive_frame, to_frame

MESSAGES = st.dictionaries(
    st.text(max_size=8),
    st.none() | st.integers(-(2**40), 2**40) | st.binary(max_size=99) | st.text(max_size=9),
)


async def received(data: bytes) -> dict[str, Any] | None:
    stream = asyncio.StreamReader()
    stream.feed_data(data)
    stream.feed_eof()
    return await receive_frame(stream)


@given(MESSAGES, MESSAGES)
def test_frames_come_out_as_they_went_in_one_after_another(
    one: dict[str, Any], other: dict[str, Any]
) -> None:
    stream = io.BytesIO(to_frame(one) + to_frame(other))
    assert [read_frame(stream), read_frame(stream), read_frame(stream)] == [one, other, None]
    assert asyncio.run(received(to_frame(one))) == one


async def test_a_pipe_that_ends_between_frames_has_no_more() -> None:
    assert await received(b"") is None


@pytest.mark.parametrize("kept", [2, 4, 9])
async def test_a_frame_cut_short_is_broken(kept: int) -> None:
    data = to_frame({"answers": [1, 2, 3]})[:kept]
    with pytest.raises(BrokenFrame, match="ends after"):
        read_frame(io.BytesIO(data))
    with pytest.raises(BrokenFrame, match="ends after"):
        await received(data)


async def test_text_on_the_pipe_is_no_frame_of_a_gigabyte_to_wait_for() -> None:
    with pytest.raises(BrokenFrame, match="something else writes to this pipe"):
        await received(b"Traceback (most recent call last)")


@pytest.mark.parametrize("body", [b"\xc1", b"\x93\x01\x02\x03"])
def test_what_is_no_map_is_broken(body: bytes) -> None:
    with pytest.raises(BrokenFrame):
        read_frame(io.BytesIO(struct.pack(">I", len(body)) + body))
