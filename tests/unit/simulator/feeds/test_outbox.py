"""A client's queue is bounded: who is too slow is told so, and nothing after that."""

from simulator.feeds.outbox import Outbox


async def test_frames_come_out_in_order() -> None:
    outbox = Outbox(2, b"slow")
    outbox.put(b"1")
    outbox.put(b"2")
    assert [await outbox.get(), await outbox.get()] == [b"1", b"2"]


async def test_one_frame_too_many_leaves_the_last_words_alone() -> None:
    outbox = Outbox(2, b"slow")
    for frame in (b"1", b"2", b"3", b"4"):
        outbox.put(frame)
    assert [await outbox.get(), await outbox.get()] == [b"slow", None]


async def test_after_a_close_what_waited_is_sent_and_then_the_last_frame() -> None:
    outbox = Outbox(2, b"slow")
    outbox.put(b"1")
    outbox.close(b"bye")
    outbox.put(b"2")
    assert [await outbox.get(), await outbox.get(), await outbox.get()] == [b"1", b"bye", None]
