"""Whether the contracts hold: every release reads what every other wrote, and the models are what the schemas say.

Entry points: `check_contracts` (everything), `history_problems`, `pair_problems`; the models' side is model_schema.py.
1. The current schema of a message is the last of its history; versions are numbered 1, 2, … without a gap.
2. Any two versions of a message read each other's bytes (FULL_TRANSITIVE), whichever is older.
3. What Avro's rules let pass and would still misread a price or lose an old message is refused as well: another
   logical type, precision or scale, and an enum symbol that was taken away.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import parse

from kernel.contracts.model_schema import model_problems, named_types
from kernel.contracts.schema_store import Schema, SchemaStore, load_store
from kernel.contracts.topics import ALL_TOPICS

_LOGICAL = ("logicalType", "precision", "scale")


def check_contracts(store: SchemaStore | None = None) -> list[str]:
    """Return what is wrong with the contracts, one line a problem; empty when all hold."""
    store = store or load_store()
    models = {topic.schema_name: topic.model for topic in ALL_TOPICS}
    problems = [
        f"{name}: a schema without a topic" for name in sorted(store.current_raw.keys() - models.keys())
    ]
    problems += [
        f"{name}: a history without a schema" for name in sorted(store.history_raw.keys() - models.keys())
    ]
    for name, model in models.items():
        current = store.current_raw.get(name)
        if current is None:
            problems.append(f"{name}: schemas/{name}.avsc is missing")
            continue
        problems += history_problems(name, current, store.history_raw.get(name, {}))
        problems += model_problems(name, model, current)
    return problems


def history_problems(name: str, current: Schema, versions: Mapping[int, Schema]) -> list[str]:
    """Return what is wrong between the versions of one message, and between the last of them and `current`."""
    numbers = sorted(versions)
    if numbers != list(range(1, len(numbers) + 1)) or not numbers:
        return [f"{name}: history must hold 1.avsc, 2.avsc, … without a gap, has {numbers or 'nothing'}"]
    problems = []
    if versions[numbers[-1]] != current:
        problems.append(
            f"{name}: {name}.avsc differs from history/{name}/{numbers[-1]}.avsc;"
            f" a change that reached a topic is history/{name}/{numbers[-1] + 1}.avsc"
        )
    for older, newer in combinations(numbers, 2):
        problems += [
            f"{name}: version {older} → {newer}: {problem}"
            for problem in pair_problems(versions[older], versions[newer])
        ]
    return problems


def pair_problems(older: Schema, newer: Schema) -> list[str]:
    """Return why the two schemas may not stand in one history."""
    return [
        *_avro_problems(reader=newer, writer=older, who="today's reader on old records"),
        *_avro_problems(reader=older, writer=newer, who="an old reader on today's records"),
        *_silent_changes(older, newer, "", (named_types(older), named_types(newer))),
    ]


def _avro_problems(*, reader: Schema, writer: Schema, who: str) -> Iterator[str]:
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # avro annotates in part
    result = checker.get_compatibility(_parsed(reader), _parsed(writer))
    if result.compatibility is SchemaCompatibilityType.compatible:
        return
    kinds = ", ".join(sorted({kind.value.replace("_", " ") for kind in result.incompatibilities}))
    places = ", ".join(sorted({_field_at(reader, place) for place in result.locations - {"/"}}))
    details = "; ".join(sorted(result.messages))
    yield f"{who}: {kinds} at {places or 'the top'} ({details})"


def _parsed(schema: Schema) -> Any:
    return parse(json.dumps(schema))


def _field_at(schema: Schema, location: str) -> str:
    """Turn Avro's place of a difference (/fields/1/type/fields/0) into the field's dotted name (idea.underlying)."""
    node: Any = schema
    names = []
    for part in location.strip("/").split("/"):
        try:
            node = node[int(part)] if isinstance(node, list) else node[part]
        except (KeyError, IndexError, ValueError, TypeError):
            break
        if isinstance(node, dict) and "name" in node and part.isdigit() and "type" in node:
            names.append(str(node["name"]))
    return ".".join(names)


def _silent_changes(
    older: Any, newer: Any, path: str, known: tuple[Mapping[str, Schema], Mapping[str, Schema]]
) -> Iterator[str]:
    """Yield changes that Avro calls compatible and that would misread values or lose old messages."""
    older, newer = known[0].get(str(older), older), known[1].get(str(newer), newer)
    if isinstance(older, list) and isinstance(newer, list):
        for left in older:
            for right in newer:
                if _kind(left, known[0]) == _kind(right, known[1]):
                    yield from _silent_changes(left, right, path, known)
        return
    before, after = _as_dict(older), _as_dict(newer)
    if before["type"] != after["type"]:
        return  # Avro's own rules speak about types
    if [before.get(key) for key in _LOGICAL] != [after.get(key) for key in _LOGICAL]:
        yield f"{path}: {_logical(before)} became {_logical(after)}, bytes would be read as another value"
    removed = [symbol for symbol in before.get("symbols", ()) if symbol not in after.get("symbols", ())]
    if removed:
        yield f"{path}: {', '.join(removed)} was taken away, old records would be read as the default"
    yield from _silent_changes_inside(before, after, path, known)


def _silent_changes_inside(
    before: Schema, after: Schema, path: str, known: tuple[Mapping[str, Schema], Mapping[str, Schema]]
) -> Iterator[str]:
    for key in ("items", "values"):
        if key in before and key in after:
            yield from _silent_changes(before[key], after[key], path, known)
    then = {field["name"]: field["type"] for field in before.get("fields", ())}
    for field in after.get("fields", ()):
        if field["name"] in then:
            inner = f"{path}.{field['name']}".lstrip(".")
            yield from _silent_changes(then[field["name"]], field["type"], inner, known)


def _as_dict(schema: Any) -> Schema:
    if isinstance(schema, dict):
        return schema
    return {"type": "union" if isinstance(schema, list) else schema}


def _kind(schema: Any, known: Mapping[str, Schema]) -> Sequence[object]:
    described = _as_dict(known.get(str(schema), schema))
    return (described["type"], described.get("name"))


def _logical(schema: Schema) -> str:
    figures = [str(schema[key]) for key in _LOGICAL if key in schema]
    return f"{schema['type']}({', '.join(figures)})" if figures else str(schema["type"])
