"""Which letters are meant."""

from datetime import timedelta

import pytest

from dispatch.dead_letters.choosing import UnknownLetter, choose, to_send, wanted_from
from dispatch.dead_letters.letters import read_letters
from kernel.domain.errors import ConfigError
from kernel.testing.builders import NOW
from tests.unit.dispatch.dead_letters.builders import TOPICS, a_letter, a_mark

LETTERS = read_letters(
    [
        a_letter(0, died_at=5, reason="unknown schema fingerprint 00"),
        a_letter(1, died_at=6, reason="signal.idea.reference_price: Input should be greater than 0"),
        a_letter(2, died_at=6, reason="signal.idea.reference_price: Input should be greater than 0"),
        a_mark(3, letter=0, went_to=9),
        a_letter(4, died_at=9, reason="unknown schema fingerprint 00"),
    ],
    TOPICS,
)


def chosen(*words: str, reason: str | None = None, since_min: int | None = None) -> list[str]:
    since = None if since_min is None else NOW + timedelta(minutes=since_min)
    found = choose(LETTERS, wanted_from(words, reason=reason, since=since))
    return [letter.address.removeprefix("signals:0/") for letter in found]


def test_without_a_word_all_are_meant() -> None:
    assert chosen() == ["0", "1", "2", "4"]


def test_a_topic_means_its_letters() -> None:
    assert chosen("signals") == ["0", "1", "2", "4"]
    assert chosen("tickets") == []


def test_addresses_mean_themselves_once_and_add_to_topics() -> None:
    assert chosen("signals:0/2", "signals:0/0", "signals:0/2") == ["0", "2"]
    assert chosen("tickets", "signals:0/2") == ["2"]


def test_a_reason_is_part_of_the_error_or_its_text_in_any_case() -> None:
    assert chosen(reason="FINGERPRINT") == ["0", "4"]
    assert chosen(reason="undecodablemessage") == ["0", "1", "2", "4"]
    assert chosen("signals:0/1", reason="fingerprint") == []


def test_an_age_includes_its_moment() -> None:
    assert chosen(since_min=2) == ["2", "4"]


def test_every_address_nobody_has_is_named() -> None:
    with pytest.raises(UnknownLetter, match=r"no dead letter signals:0/3, signals:7/1; list them with"):
        chosen("signals:0/3", "signals:0/0", "signals:7/1")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("executions", "those that have: signals, selections, tickets"),
        ("signals:x", "an example: signals:2/17"),
        ("executions:0/1", "no stage reads a topic 'executions'"),
    ],
)
def test_a_word_that_names_nothing_is_answered_with_what_would(word: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        chosen(word)


def test_only_the_named_topics_are_read() -> None:
    wanted = wanted_from(["signals:0/1", "tickets"], reason=None, since=None)
    assert [topic.name for topic in wanted.places_to_read] == ["signals", "tickets"]
    everything = wanted_from([], reason=None, since=None)
    assert [topic.name for topic in everything.places_to_read] == ["signals", "selections", "tickets"]


def test_what_went_back_goes_again_only_when_asked_and_a_death_goes_once() -> None:
    assert [letter.address for letter in to_send(LETTERS, again=False)] == ["signals:0/1", "signals:0/4"]
    again = [letter.address for letter in to_send(LETTERS, again=True)]
    assert again == ["signals:0/0", "signals:0/1", "signals:0/4"]


def test_a_copy_named_alone_goes_in_place_of_its_first() -> None:
    assert to_send([LETTERS[2]], again=False) == [LETTERS[2]]
