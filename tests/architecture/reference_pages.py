"""The pages of docs/reference that are written from the code: `python -m tests.architecture.reference_pages` rewrites them.

test_docs.py fails when a page and the code differ.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from kernel.contracts.schema_store import load_store
from kernel.contracts.topics import ALL_TOPICS, CONSUMED_TOPICS, DEFAULT_PREFIX, SCHEMAS, Topic
from kernel.runtime.settings import PROJECT_ROOT, ServiceSettings
from kernel.stream.admin import TopicSettings
from kernel.stream.dead_letter import DeadLetter
from services.executor.core.gates import GATES
from services.executor.settings import ExecutorSettings
from services.selector.settings import SelectorSettings
from services.signals.settings import SignalsSettings
from services.sizer.settings import SizerSettings
from tests.architecture.env_example import COMPOSE

FOLDER = PROJECT_ROOT / "docs" / "reference"
STAGES = ("signals", "selector", "sizer", "executor")
_SETTINGS: Mapping[str, type[ServiceSettings]] = {
    "signals": SignalsSettings,
    "selector": SelectorSettings,
    "sizer": SizerSettings,
    "executor": ExecutorSettings,
}
#: What a message is keyed by, by the field that says so.
_KEYS = {"idea": "underlying", "input_id": "input id", "scope": "scope"}
_LOGICAL = {"decimal": "decimal, {scale} places", "timestamp-micros": "time, UTC, µs"}
_NOTICE = "<!-- Written by `python -m tests.architecture.reference_pages` from the code; do not edit. -->"


def settings_page() -> str:
    """Return every variable the stages read, with default and meaning."""
    common = set(ServiceSettings.model_fields)
    sections = [
        "# Settings",
        _NOTICE,
        (
            "A stage reads its settings from the environment when it starts; a wrong one is one line that names it, exit code 2.\n"
            "`.env.example` lists them all. The strategy's numbers are not here: [trading parameters](trading-parameters.md)."
        ),
        "## Every stage",
        _settings_table(ServiceSettings, common),
    ]
    for stage, model in _SETTINGS.items():
        own = set(model.model_fields) - common
        table = _settings_table(model, own) if own else "None of its own."
        sections += [f"## {stage.capitalize()}", table]
    composed = [(f"`{name}`", f"`{default}`", meaning) for name, (default, meaning) in COMPOSE.items()]
    sections += [_OTHER_SETTINGS, _table(("variable", "default", "meaning"), composed)]
    return "\n\n".join(sections) + "\n"


def messages_page() -> str:
    """Return the topics, the dead letters' headers, and every field of every message."""
    defaults = TopicSettings()
    store = load_store()
    records: dict[str, dict[str, Any]] = {}
    messages = [
        _message_section(topic, store.current_raw[topic.schema_name], records) for topic in ALL_TOPICS
    ]
    shared = [_record_section(record, records) for record in _growing(records)]
    sections = [
        "# Messages and topics",
        _NOTICE,
        (
            f"A topic's name on the broker is the prefix (`{DEFAULT_PREFIX}` unless `DISPATCH_TOPIC_PREFIX` says otherwise) and the"
            f" name below.\n`dispatch topics create` makes them with {defaults.partitions} partitions, kept for"
            f" {defaults.retention_days} days, dead letters for {defaults.dead_retention_days}; nothing else ever creates one.\n"
            "Of a list of words, the one in italics is what a reader takes a word for that it is too old to know.\n"
            "The contracts of record are the files in [`schemas/`](../../schemas); `dispatch topics cat TOPIC` shows messages, decoded."
        ),
        _topic_table() + "\n\n`dispatch signal` and `dispatch demo` write to `signals` too.",
        _dead_letters_section(),
        _schemas_section(),
        *messages,
        "# Shared records",
        *shared,
    ]
    return "\n\n".join(sections) + "\n"


def rejection_codes_page() -> str:
    """Return the page of rejection codes as it stands, with the catalogue of gates of this code in it."""
    before, begin, rest = (FOLDER / "rejection-codes.md").read_text("utf-8").partition(_GATES_BEGIN)
    _, end, after = rest.partition(_GATES_END)
    return f"{before}{begin}\n{_gates_table()}\n{end}{after}"


PAGES: Mapping[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "messages.md": messages_page,
    "rejection-codes.md": rejection_codes_page,
}


def write_all(folder: Path = FOLDER) -> None:
    """Write every page."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def sources(stage: str) -> str:
    """Return a service's code as one text."""
    files = sorted((PROJECT_ROOT / "services" / stage).rglob("*.py"))
    return "\n".join(file.read_text("utf-8") for file in files)


def _gates_table() -> str:
    rows = [
        (
            str(place),
            f"`{gate.code.value}`",
            gate.when,
            ", ".join(f"`{bound}`" for bound in gate.bounds) or "—",
            ", ".join(sorted(fact.value for fact in gate.needs)) or "—",
        )
        for place, gate in enumerate(GATES, 1)
    ]
    return _table(("asked", "code", "says no when", "bound", "on these facts"), rows)


def _settings_table(model: type[ServiceSettings], names: set[str]) -> str:
    rows = []
    for name, field in model.model_fields.items():
        if name in names:
            rows.append((f"`{field.alias}`", _default(field.default), field.description or ""))
    return _table(("variable", "default", "meaning"), rows)


def _default(value: object) -> str:
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(plain, Path):
        plain = plain.relative_to(PROJECT_ROOT)
    return "none" if plain == "" else f"`{plain}`"


def _topic_table() -> str:
    rows = []
    for topic in ALL_TOPICS:
        constant = topic.name.upper()
        writers = [
            s for s in STAGES if re.search(rf"(Emission\({constant},|return {constant}\b)", sources(s))
        ]
        readers = [s for s in STAGES if re.search(rf"consumes={constant}\b", sources(s))]
        key = next(name for field, name in _KEYS.items() if field in topic.model.model_fields)
        message = topic.model.__name__
        rows.append(
            (
                f"`{topic.name}`",
                f"[{message}](#{message.lower()})",
                key,
                ", ".join(writers) or "operator, executor",
                ", ".join(readers) or "—",
            )
        )
    return _table(("topic", "message", "key", "written by", "read by"), rows)


def _schemas_section() -> str:
    return (
        f"## Schemas\n`{SCHEMAS}` holds the schemas that messages are written with, so that a reader of another release can read"
        " them. Key: the\nfingerprint that messages begin with, as 16 hex digits. Value: JSON"
        ' `{"name": …, "schema": …}` with the message\'s name and its Avro\nschema. One partition, compacted, kept for ever.'
        " Every process that writes announces its schemas as it starts;\n`dispatch schemas announced` shows them."
        " [Change a message](../how-to/change-a-message.md)."
    )


def _dead_letters_section() -> str:
    letter = DeadLetter(topic="", partition=0, offset=0, stage="", error="", reason="")
    names = ", ".join(f"`{name}`" for name, _ in letter.headers())
    topics = ", ".join(f"`{topic.name}.dead`" for topic in CONSUMED_TOPICS)
    return (
        f"## Dead letters\n{topics} hold what a stage could not handle: key and value as they were, and why in the headers"
        f" {names}.\n[Look into dead letters](../how-to/look-into-dead-letters.md)."
    )


def _message_section(topic: Topic[Any], schema: dict[str, Any], records: dict[str, dict[str, Any]]) -> str:
    versions = ", ".join(str(n) for n in sorted(load_store().history_raw[topic.schema_name]))
    return (
        f"## {schema['name']}\n{schema['doc']} On `{topic.name}`, schema versions: {versions}.\n\n"
        + _field_table(schema, records)
    )


def _record_section(schema: dict[str, Any], records: dict[str, dict[str, Any]]) -> str:
    return f"## {schema['name']}\n{schema.get('doc', '')}\n\n" + _field_table(schema, records)


def _growing(records: dict[str, dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """Yield records in the order they were met, those met on the way included."""
    done: set[str] = set()
    while set(records) - done:
        name = next(n for n in records if n not in done)
        done.add(name)
        yield records[name]


def _field_table(schema: dict[str, Any], records: dict[str, dict[str, Any]]) -> str:
    rows = [(f"`{f['name']}`", _type(f["type"], records), f.get("doc", "")) for f in schema["fields"]]
    return _table(("field", "type", "meaning"), rows)


def _type(avro: Any, records: dict[str, dict[str, Any]]) -> str:
    if isinstance(avro, str):
        return _named(avro.rpartition(".")[2], records)
    if isinstance(avro, list):
        _null, inner = avro
        return f"{_type(inner, records)} or none"
    if "logicalType" in avro:
        return _LOGICAL[avro["logicalType"]].format(**avro)
    return _compound(avro, records)


def _compound(avro: dict[str, Any], records: dict[str, dict[str, Any]]) -> str:
    match avro["type"]:
        case "enum":
            default = avro.get("default")
            return " ∣ ".join(f"*{s}*" if s == default else s for s in avro["symbols"])
        case "record":
            records.setdefault(avro["name"], avro)
            return _named(avro["name"], records)
        case "array":
            return f"list of {_type(avro['items'], records)}"
        case "map":
            return f"map of {_type(avro['values'], records)} by name"
    raise ValueError(f"no words for the Avro type {avro}")


def _named(name: str, records: dict[str, dict[str, Any]]) -> str:
    return f"[{name}](#{name.lower()})" if name in records else name


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_GATES_BEGIN, _GATES_END = "<!-- gates -->", "<!-- end of gates -->"
_OTHER_SETTINGS = """## The simulator
Every option of `dispatch simulator` is also a `SIMULATOR_*` variable: [its README](../../simulator/README.md#start-it).

## The operator's command
| variable | default | meaning |
| --- | --- | --- |
| `DISPATCH_HOME` | `.dispatch` | where `dispatch up` and `dispatch demo` keep data, logs and state |

`KAFKA_BOOTSTRAP_SERVERS`, `DATABASE_URL` and `APCA_API_BASE_URL`, where set, name servers of yours: they are used, and the local
stack starts none of that kind.

## Tests
| variable | default | meaning |
| --- | --- | --- |
| `TEST_BACKEND` | `embedded` | where tests take Kafka and Postgres from: `embedded`, `containers` (a Docker daemon), `external` (those of the environment) |

## docker-compose.yml
Read from `.env`, beside the variables above and the simulator's."""


if __name__ == "__main__":
    write_all()
