"""The contracts of record: models, schemas, their history, and bytes that were written once."""

from typing import Any

import pytest

from kernel.contracts.base import Message
from kernel.contracts.codec import Codec
from kernel.contracts.compatibility import check_contracts, history_problems
from kernel.contracts.model_schema import model_problems
from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import ALL_TOPICS, Topic
from tests.contracts.samples import GOLDEN, SAMPLED, golden_file

STORE = load_store()
each_topic = pytest.mark.parametrize("topic", ALL_TOPICS, ids=lambda topic: topic.name)
each_sample = pytest.mark.parametrize(("topic", "message"), SAMPLED, ids=[t.name for t, _ in SAMPLED])


def test_all_contracts_hold() -> None:
    assert check_contracts() == []


@each_topic
def test_a_model_has_the_fields_of_its_schema(topic: Topic[Any]) -> None:
    assert model_problems(topic.name, topic.model, STORE.current_raw[topic.schema_name]) == []


@each_topic
def test_the_current_schema_is_the_last_of_a_history_that_reads_itself(topic: Topic[Any]) -> None:
    name = topic.schema_name
    assert history_problems(name, STORE.current_raw[name], STORE.history_raw[name]) == []


@each_topic
def test_every_version_of_the_history_has_golden_bytes(topic: Topic[Any]) -> None:
    versions = STORE.history_raw[topic.schema_name]
    missing = [version for version in versions if not golden_file(topic, version).exists()]
    assert missing == [], "run: python -m tests.contracts.samples"


@each_sample
def test_bytes_that_were_written_once_are_still_read(topic: Topic[Any], message: Message) -> None:
    for version in STORE.history_raw[topic.schema_name]:
        data = bytes.fromhex(golden_file(topic, version).read_text("utf-8"))
        assert Codec().decode(topic, data) == message


@each_sample
def test_the_same_message_is_still_the_same_bytes(topic: Topic[Any], message: Message) -> None:
    latest = max(STORE.history_raw[topic.schema_name])
    assert Codec().encode(topic, message).hex() == golden_file(topic, latest).read_text("utf-8").replace(
        "\n", ""
    )


def test_there_are_no_golden_bytes_of_nothing() -> None:
    wanted = {
        golden_file(topic, version)
        for topic in ALL_TOPICS
        for version in STORE.history_raw[topic.schema_name]
    }
    assert set(GOLDEN.iterdir()) == wanted
