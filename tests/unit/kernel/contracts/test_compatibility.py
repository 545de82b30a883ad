import copy
from typing import Any

import pytest

from kernel.contracts.compatibility import check_contracts, history_problems
from kernel.contracts.evolution import pair_problems
from kernel.contracts.resolution import Schema
from kernel.contracts.schema_store import SchemaStore, load_store

STORE = load_store()
SIGNAL = STORE.current_raw["signal"]


def idea_field(schema: Schema, name: str) -> dict[str, Any]:
    """Return the field of the nested idea, to be changed in place."""
    (idea,) = (f["type"] for f in schema["fields"] if f["name"] == "idea")
    (field,) = (f for f in idea["fields"] if f["name"] == name)
    return field  # type: ignore[no-any-return]


@pytest.fixture
def changed() -> Schema:
    return copy.deepcopy(SIGNAL)


def problems(changed: Schema) -> str:
    """Return what is wrong with `changed` after the present schema, and see that the other order is no better."""
    found = pair_problems(SIGNAL, changed)
    assert bool(found) is bool(pair_problems(changed, SIGNAL))
    return "\n".join(found)


def test_a_schema_goes_with_itself() -> None:
    assert pair_problems(SIGNAL, SIGNAL) == []


def test_a_new_field_with_a_default_is_fine(changed: Schema) -> None:
    changed["fields"].append({"name": "note", "type": "string", "default": ""})
    assert problems(changed) == ""


def test_a_new_field_without_default_cannot_be_read_from_old_records(changed: Schema) -> None:
    changed["fields"].append({"name": "note", "type": "string"})
    assert problems(changed) == (
        "note was added without a default: the newer version could not read the records that are on the topics"
        ' already. Give it one: "type": ["null", …], "default": null'
    )


def test_a_field_without_default_that_goes_cannot_be_read_by_an_old_reader(changed: Schema) -> None:
    changed["fields"] = [f for f in changed["fields"] if f["name"] != "setup"]
    assert problems(changed) == (
        "setup was removed, and had no default: a stage that still runs the older version could not read the new"
        " records. Keep it; nobody has to use it"
    )


def test_another_type_is_told_by_the_fields_dotted_name(changed: Schema) -> None:
    idea_field(changed, "expires_at")["type"] = "string"
    assert problems(changed) == (
        "idea.expires_at: long(timestamp-micros) became string: neither version could read the other's records."
        " Leave it as it is and add a field of another name, with a default"
    )


def test_a_renamed_field_is_a_break(changed: Schema) -> None:
    idea_field(changed, "underlying")["name"] = "ticker"
    assert problems(changed) == (
        "idea.underlying was renamed to idea.ticker, and a field is found by its name: neither version could read the"
        " other's records. Keep idea.underlying; to have another name too, add it with a default and write both"
    )


def test_another_scale_is_a_break_though_avro_lets_it_pass(changed: Schema) -> None:
    idea_field(changed, "stop_price")["type"][1]["scale"] = 2
    assert problems(changed) == (
        "idea.stop_price: bytes(decimal, 18, 6) became bytes(decimal, 18, 2), bytes would be read as another value."
        " Leave it as it is and add a field of another name, with a default"
    )


def test_another_unit_of_time_is_a_break_though_avro_lets_it_pass(changed: Schema) -> None:
    idea_field(changed, "expires_at")["type"]["logicalType"] = "timestamp-millis"
    assert "idea.expires_at: long(timestamp-micros) became long(timestamp-millis)" in problems(changed)


def test_a_new_symbol_is_fine_where_the_enum_has_a_default(changed: Schema) -> None:
    idea_field(changed, "strategy")["type"]["symbols"].append("wheel")
    assert pair_problems(SIGNAL, changed) == []


def test_a_symbol_that_goes_is_a_break_though_avro_lets_it_pass(changed: Schema) -> None:
    idea_field(changed, "strategy")["type"]["symbols"].remove("swing")
    (problem,) = pair_problems(SIGNAL, changed)
    assert problem == (
        "idea.strategy: swing was taken away, old records would be read as the default, UNKNOWN."
        " Keep the symbol; nobody has to write it"
    )


def test_changes_inside_arrays_and_by_reference_are_seen() -> None:
    ticket = copy.deepcopy(STORE.current_raw["ticket"])
    (legs,) = (f["type"] for f in ticket["fields"] if f["name"] == "legs")
    (bid,) = (f for f in legs["items"]["fields"] if f["name"] == "bid")
    bid["type"] = bid["type"] | {"scale": 4} if isinstance(bid["type"], dict) else {"type": "string"}
    assert any(
        problem.startswith("legs.bid:") for problem in pair_problems(STORE.current_raw["ticket"], ticket)
    )


def test_every_pair_of_a_history_is_held_together_not_neighbours_alone(changed: Schema) -> None:
    # 1 → 2 gives the field up, 2 → 3 takes it on again as something else: each step alone is fine.
    first = copy.deepcopy(SIGNAL)
    first["fields"].append({"name": "note", "type": "string", "default": ""})
    third = copy.deepcopy(SIGNAL)
    third["fields"].append({"name": "note", "type": "long", "default": 0})
    assert pair_problems(first, SIGNAL) == pair_problems(SIGNAL, third) == []
    found = history_problems("signal", third, {1: first, 2: SIGNAL, 3: third})
    assert found
    assert all(problem.startswith("signal: version 1 → 3:") for problem in found)


def test_a_change_without_a_version_of_its_own_is_told(changed: Schema) -> None:
    changed["doc"] = "Another."
    (problem,) = history_problems("signal", changed, {1: SIGNAL})
    assert "signal.avsc differs from history/signal/1.avsc" in problem
    assert "history/signal/2.avsc" in problem


@pytest.mark.parametrize("numbers", [[], [2], [1, 3]])
def test_a_history_with_a_gap_is_told(numbers: list[int]) -> None:
    (problem,) = history_problems("signal", SIGNAL, dict.fromkeys(numbers, SIGNAL))
    assert "without a gap" in problem


def test_a_message_without_schema_and_a_schema_without_topic_are_told() -> None:
    current = {name: schema for name, schema in STORE.current_raw.items() if name != "signal"}
    store = SchemaStore(current | {"order": SIGNAL}, STORE.history_raw | {"order": {1: SIGNAL}})
    assert set(check_contracts(store)) == {
        "signal: schemas/signal.avsc is missing",
        "order: a schema without a topic",
        "order: a history without a schema",
    }


def test_a_schema_its_model_does_not_know_is_told(changed: Schema) -> None:
    changed["fields"].append({"name": "note", "type": "string", "default": ""})
    current = STORE.current_raw | {"signal": changed}
    history = STORE.history_raw | {"signal": {1: SIGNAL, 2: changed}}
    assert check_contracts(SchemaStore(current, history)) == ["signal.note: in the schema, not in Signal"]
