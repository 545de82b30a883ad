"""Dead letters out of the records of a dead topic: which is which, what went back, what died again."""

import random
from datetime import timedelta

import pytest

from dispatch.dead_letters.letters import Letter, read_letters
from dispatch.dead_letters.telling import headers_lines
from kernel.stream.dead_letter import Place, read_mark, requeued_headers
from kernel.stream.reader import StoredRecord
from kernel.testing.builders import NOW
from tests.unit.dispatch.dead_letters.builders import DEAD, TOPICS, a_letter, a_mark


def letters_of(*records: StoredRecord) -> dict[str, Letter]:
    return {letter.address: letter for letter in read_letters(records, TOPICS)}


def test_a_letter_is_addressed_by_its_place_on_the_dead_topic() -> None:
    (letter,) = read_letters([a_letter(17, died_at=901)], TOPICS)
    assert letter.address == "signals:0/17"
    assert letter.place == Place(DEAD, 0, 17)
    assert (letter.sent, letter.deaths, letter.copy_of, letter.died_again_as) == ((), 1, None, None)
    assert letter.figures["offset"] == "901"


def test_a_mark_is_no_letter_and_says_what_went_back_when_and_where() -> None:
    letters = letters_of(a_letter(0, died_at=5), a_letter(1, died_at=6), a_mark(2, letter=0, went_to=9))
    assert list(letters) == ["signals:0/0", "signals:0/1"]
    (sent,) = letters["signals:0/0"].sent
    assert (sent.at, sent.to) == (NOW + timedelta(minutes=2), Place("p.signals", 0, 9))
    assert letters["signals:0/1"].sent == ()


def test_a_letter_without_value_is_a_letter() -> None:
    assert list(letters_of(a_letter(0, died_at=5, value=None, key=None))) == ["signals:0/0"]


def test_a_letter_that_came_back_dead_counts_its_deaths_in_whatever_order_it_is_read() -> None:
    records = [
        a_letter(0, died_at=5),
        a_letter(1, died_at=9),  # died again before the mark of its sending was written
        a_mark(2, letter=0, went_to=9),
        a_mark(3, letter=1, went_to=10),
        a_letter(4, died_at=10),
        a_letter(5, died_at=11),
    ]
    for seed in range(20):
        random.Random(seed).shuffle(records)
        letters = letters_of(*records)
        assert {address: letter.deaths for address, letter in letters.items()} == {
            "signals:0/0": 1,
            "signals:0/1": 2,
            "signals:0/4": 3,
            "signals:0/5": 1,
        }
        assert letters["signals:0/0"].died_again_as == "signals:0/1"
        assert letters["signals:0/1"].died_again_as == "signals:0/4"
        assert letters["signals:0/4"].died_again_as is None


def test_a_letter_sent_twice_that_died_twice_counts_both() -> None:
    letters = letters_of(
        a_letter(0, died_at=5),
        a_mark(1, letter=0, went_to=9),
        a_letter(2, died_at=9),
        a_mark(3, letter=0, went_to=10),
        a_letter(4, died_at=10),
    )
    assert [letter.deaths for letter in letters.values()] == [1, 2, 3]
    assert len(letters["signals:0/0"].sent) == 2
    assert letters["signals:0/0"].died_again_as == "signals:0/4"


def test_a_death_written_twice_is_one_death_and_one_of_its_copies_sent_is_both_sent() -> None:
    letters = letters_of(a_letter(0, died_at=5), a_letter(1, died_at=5), a_mark(2, letter=1, went_to=9))
    first, copy = letters.values()
    assert (first.copy_of, copy.copy_of) == (None, "signals:0/0")
    assert first.deaths == copy.deaths == 1
    assert first.sent == copy.sent
    assert len(first.sent) == 1


def test_other_bytes_from_the_same_place_are_another_death() -> None:
    """As after a topic was made anew: its offsets begin again."""
    letters = letters_of(a_letter(0, died_at=5), a_letter(1, died_at=5, value=b"other"))
    assert [letter.copy_of for letter in letters.values()] == [None, None]


def test_a_record_nobody_of_ours_wrote_is_still_shown() -> None:
    """Kafka lets a header have no value, though our own never have none."""
    record = a_letter(0, died_at=5)
    foreign = StoredRecord(
        topic=DEAD,
        partition=0,
        offset=1,
        key=None,
        value=b"x",
        written_at=record.written_at,
        headers=(("h", None),),  # type: ignore[arg-type]
    )
    letters = letters_of(record, foreign)
    assert letters["signals:0/1"].figures == {}
    assert headers_lines(letters["signals:0/1"]) == ["    h = "]
    assert letters["signals:0/1"].deaths == 1


def test_marks_that_lead_round_in_a_circle_end() -> None:
    letters = letters_of(
        a_letter(0, died_at=5),
        a_letter(1, died_at=9),
        a_mark(2, letter=0, went_to=9),
        a_mark(3, letter=1, went_to=5),
    )
    assert len(letters) == 2


def test_a_mark_whose_letter_is_beyond_its_retention_explains_nothing_and_breaks_nothing() -> None:
    letters = letters_of(a_mark(2, letter=0, went_to=9), a_letter(3, died_at=9))
    assert [letter.deaths for letter in letters.values()] == [1]


@pytest.mark.parametrize("text", ["", "signals", "signals:1", "signals:1/", "signals:-1/2", ":1/2", "s:1/²"])
def test_what_names_no_place_is_no_place(text: str) -> None:
    assert Place.parse(text) is None


def test_a_place_reads_as_it_is_written() -> None:
    place = Place("dispatch.signals.dead", 2, 17)
    assert Place.parse(str(place)) == place


def test_a_record_that_was_sent_back_is_no_mark() -> None:
    assert read_mark(requeued_headers(Place(DEAD, 0, 1), 1)) is None
