"""Whether the contracts hold: every release reads what every other wrote, and the models are what the schemas say.

Entry points: `check_contracts` (everything), `history_problems`. What two versions do to each other is evolution.py, what
a model and its schema do is model_schema.py.
1. The current schema of a message is the last of its history; versions are numbered 1, 2, … without a gap.
2. Any two versions of a message read each other's bytes (FULL_TRANSITIVE), whichever is older.
"""

from collections.abc import Mapping
from itertools import combinations

from kernel.contracts.evolution import pair_problems
from kernel.contracts.model_schema import model_problems
from kernel.contracts.resolution import Schema
from kernel.contracts.schema_store import SchemaStore, load_store
from kernel.contracts.topics import ALL_TOPICS


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
