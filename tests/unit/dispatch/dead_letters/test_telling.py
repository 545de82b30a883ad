"""What a person sees of a letter, and what a program gets."""

import io
from decimal import Decimal

import fastavro
import pytest

from dispatch.dead_letters.decoding import Reading, read_bytes
from dispatch.dead_letters.letters import Letter, read_letters
from dispatch.dead_letters.telling import count_of, row, summary_lines, unreadable_lines
from dispatch.plain import hex_dump, visible, visible_bytes
from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import SELECTIONS, SIGNALS
from kernel.testing.builders import a_selection, a_signal
from tests.unit.dispatch.dead_letters.builders import SIGNAL, TOPICS, a_letter, a_mark


def reading_of(value: bytes | None) -> Reading:
    return read_bytes(SIGNALS, value, Codec())


def told(*records) -> str:
    letters: list[Letter] = read_letters(records, TOPICS)
    return "\n".join(line for each in letters for line in summary_lines(each, reading_of(each.record.value)))


def with_price(price: Decimal) -> bytes:
    """A signal with a price no model of ours would let through."""
    store, document = load_store(), a_signal().model_dump()
    document["idea"]["reference_price"] = price
    body = io.BytesIO()
    fastavro.schemaless_writer(body, store.current["signal"], document)
    return MARKER + store.fingerprints["signal"] + body.getvalue()


def test_a_message_that_decodes_is_read_with_its_signal() -> None:
    reading = reading_of(SIGNAL)
    assert reading == Reading(a_signal().model_dump(), "signal", None)
    assert reading.signal_id == a_signal().meta.correlation_id


def test_impossible_values_are_read_all_the_same_with_why_a_stage_refuses_them() -> None:
    reading = reading_of(with_price(Decimal("-520.00")))
    assert reading.fields is not None
    assert reading.fields["idea"]["reference_price"] == Decimal(-520)
    assert reading.signal_id == a_signal().meta.correlation_id
    assert "signal.idea.reference_price: Input should be greater than 0" in str(reading.problem)


def test_a_message_on_the_wrong_topic_is_read_as_what_it_is() -> None:
    reading = reading_of(Codec().encode(SELECTIONS, a_selection()))
    assert reading.name == "selection"
    assert reading.signal_id == a_selection().meta.correlation_id
    assert reading.problem == "a selection message on the topic of signal messages"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (None, "not a single-object Avro message"),
        (b"garbage", "not a single-object Avro message"),
        (MARKER + b"\1\2", "not a single-object Avro message"),
        (MARKER + bytes(8) + SIGNAL[10:], "unknown schema fingerprint 0000000000000000"),
        (SIGNAL[:20], "the body does not fit signal version"),
    ],
)
def test_bytes_that_cannot_be_read_say_why(value: bytes | None, problem: str) -> None:
    reading = reading_of(value)
    assert (reading.fields, reading.signal_id) == (None, None)
    assert str(reading.problem).startswith(problem)


def test_a_letter_is_told_in_two_lines() -> None:
    assert told(a_letter(17, died_at=5, value=b"garbage", reason="not a message")) == (
        "signals:0/17  2026-06-05 14:47:00 UTC  selector: UndecodableMessage  key SPY\n    not a message"
    )


def test_a_letter_that_would_be_understood_now_says_so_until_it_is_sent() -> None:
    letter = a_letter(1, died_at=5)
    assert told(letter).endswith(
        f"signal {a_signal().meta.id}\n    unknown schema fingerprint 00\n    it decodes today"
    )
    assert "decodes today" not in told(letter, a_mark(2, letter=1, went_to=9))


def test_what_became_of_a_letter_is_told() -> None:
    story = told(
        a_letter(1, died_at=5), a_mark(2, letter=1, went_to=9), a_letter(3, died_at=9), a_letter(4, died_at=9)
    )
    sent = "sent back 2026-06-05 14:32:00 UTC to signals, partition 0, offset 9 and died again as signals:0/3"
    assert sent in story
    assert story.count("died 2 times") == 2
    assert "the same death as signals:0/3, written twice" in story


def test_what_somebody_wrote_cannot_command_the_terminal() -> None:
    story = told(a_letter(1, died_at=5, value=b"x", key=b"\x1b[2J", reason="\x1b]0;owned\x07\nfake line"))
    assert "\x1b" not in story
    assert "key 0x1b5b324a" in story
    assert r"\x1b]0;owned\x07\nfake line" in story


def test_a_hex_dump_shows_place_bytes_and_text_and_how_much_is_left() -> None:
    assert hex_dump(b"not Avro \xc3\x01\x00, at all", 18) == [
        "00000000  6e 6f 74 20 41 76 72 6f  20 c3 01 00 2c 20 61 74  |not Avro ..., at|",
        "00000010  20 61                                             | a|",
        "… 2 more bytes",
    ]


def test_unreadable_bytes_are_dumped_and_no_value_is_said() -> None:
    (garbage,) = read_letters([a_letter(1, died_at=5, value=b"garbage")], TOPICS)
    first, dump = unreadable_lines(garbage, reading_of(b"garbage"))
    assert first.startswith("    7 bytes that cannot be decoded: not a single-object Avro message")
    assert dump.endswith("|garbage|")
    (empty,) = read_letters([a_letter(1, died_at=5, value=None)], TOPICS)
    assert unreadable_lines(empty, reading_of(None)) == ["    it has no value"]


def test_a_program_gets_the_old_keys_and_the_new() -> None:
    letter, _ = read_letters(
        [a_letter(1, died_at=5, key=None), a_mark(2, letter=1, went_to=9), a_letter(3, died_at=9)], TOPICS
    )
    listed = row(letter, reading_of(SIGNAL), whole=False)
    assert {name: listed[name] for name in ("topic", "partition", "offset", "stage", "exception")} == {
        "topic": "signals",
        "partition": "0",
        "offset": "5",
        "stage": "selector",
        "exception": "UndecodableMessage",
    }
    assert listed["message"] == "unknown schema fingerprint 00"
    assert listed["hex"] == SIGNAL[:64].hex()
    assert (listed["address"], listed["key"], listed["deaths"]) == ("signals:0/1", None, 1)
    assert listed["requeued"] == [{"at": "2026-06-05T14:32:00+00:00", "partition": 0, "offset": 9}]
    assert listed["died_again_as"] == "signals:0/3"
    assert "decoded" not in listed


def test_a_letter_shown_whole_is_all_there() -> None:
    (letter,) = read_letters([a_letter(1, died_at=5)], TOPICS)
    shown = row(letter, reading_of(SIGNAL), whole=True)
    assert shown["hex"] == SIGNAL.hex()
    assert shown["decoded"]["idea"]["underlying"] == "SPY"
    assert shown["headers"]["__streams.errors.stage"] == "selector"


def test_a_count_says_where_they_go() -> None:
    letters = read_letters([a_letter(1, died_at=5), a_letter(2, died_at=6)], TOPICS)
    assert count_of(letters) == "2 letters (2 to signals)"
    assert count_of(letters[:1]) == "1 letter (1 to signals)"


def test_bytes_are_text_where_they_are_text() -> None:
    assert [visible_bytes(b) for b in (b"SPY", b"\xff", b"a\n")] == ["SPY", "0xff", "0x610a"]
    assert visible("a\tb\x9b") == r"a\tb\x9b"
