"""`.env.example`, written from the settings: `python -m tests.architecture.env_example` rewrites it.

Every line is commented out, so that a copy of the file changes nothing until someone does.
"""

import importlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from kernel.runtime.settings import PROJECT_ROOT, ServiceSettings

FILE = PROJECT_ROOT / ".env.example"
#: What docker-compose.yml reads besides: variable → (default, meaning).
COMPOSE = {
    "WEBHOOK_PORT": ("8080", "Port of `POST /signals` on 127.0.0.1 of the host."),
    "KAFKA_PORT": ("9092", "Port of Kafka on 127.0.0.1 of the host."),
    "POSTGRES_PASSWORD": ("dispatch", "Password of the stack's own database, which no port leads to."),
    "CONFIG_FOLDER": ("./config", "Folder whose trading_params.json all stages read."),
    "SIMULATORS": ("1", "How many simulators run; 0 where the venue is Alpaca's paper host."),
    "SIGNALS_TAG": ("local", "Tag of the signals stage's image."),
    "SELECTOR_TAG": ("local", "Tag of the selector's image."),
    "SIZER_TAG": ("local", "Tag of the sizer's image."),
    "EXECUTOR_TAG": ("local", "Tag of the executor's image."),
    "SIMULATOR_TAG": ("local", "Tag of the simulator's image."),
    "OPERATOR_TAG": (
        "local",
        "Tag of the image of the operator's command, which also makes topics and tables.",
    ),
    "IMAGE_PREFIX": ("dispatch-", "What stands before each image's name; with a registry, `host/folder/`."),
    "BUILD_NETWORK": ("default", "Network of the build, where it needs the host's: `host`."),
}
_HEAD = (
    "# Every variable the stages read, with its default. Copy to .env, remove the # of what you change.\n"
    "# The strategy's numbers are not here: config/trading_params.json.\n"
)


def stages() -> list[str]:
    """Return the services that have settings."""
    return sorted(file.parent.name for file in (PROJECT_ROOT / "services").glob("*/settings.py"))


def settings_of(stage: str) -> type[ServiceSettings]:
    """Return the settings class of a service."""
    module = importlib.import_module(f"services.{stage}.settings")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, ServiceSettings) and value is not ServiceSettings
    )
    return found


def own_fields(model: type[ServiceSettings]) -> dict[str, FieldInfo]:
    """Return the fields a service adds to those every stage has."""
    return {n: f for n, f in model.model_fields.items() if n not in ServiceSettings.model_fields}


def text() -> str:
    """Return the file's content."""
    sections = [_HEAD, _section("Every stage", ServiceSettings.model_fields)]
    readers: dict[str, list[str]] = {}
    fields: dict[str, FieldInfo] = {}
    for stage in stages():
        for field in own_fields(settings_of(stage)).values():
            readers.setdefault(str(field.alias), []).append(stage)
            fields[str(field.alias)] = field
    groups: dict[str, dict[str, FieldInfo]] = {}
    for alias, names in readers.items():
        groups.setdefault(", ".join(names), {})[alias] = fields[alias]
    sections += [_section(names, group) for names, group in sorted(groups.items())]
    sections += [
        "# ---- docker-compose.yml ----\n" + "".join(_entry(n, *each) for n, each in COMPOSE.items())
    ]
    return "\n".join(sections)


def _section(title: str, fields: dict[str, FieldInfo]) -> str:
    return f"# ---- {title} ----\n" + "".join(_lines(fields))


def _lines(fields: dict[str, FieldInfo]) -> Iterator[str]:
    for field in fields.values():
        yield _entry(str(field.alias), default_of(field), str(field.description))


def _entry(name: str, default: str, meaning: str) -> str:
    return f"# {meaning}\n#{name}={default}\n"


def default_of(field: FieldInfo) -> str:
    """Return a default as it would be written into the environment."""
    value = field.default
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(plain, Path):
        plain = plain.relative_to(PROJECT_ROOT)
    return str(plain)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
