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
    return "\n".join(sections)


def _section(title: str, fields: dict[str, FieldInfo]) -> str:
    return f"# ---- {title} ----\n" + "".join(_lines(fields))


def _lines(fields: dict[str, FieldInfo]) -> Iterator[str]:
    for field in fields.values():
        yield f"# {field.description}\n#{field.alias}={default_of(field)}\n"


def default_of(field: FieldInfo) -> str:
    """Return a default as it would be written into the environment."""
    value = field.default
    plain = value.get_secret_value() if isinstance(value, SecretStr) else value
    if isinstance(plain, Path):
        plain = plain.relative_to(PROJECT_ROOT)
    return str(plain)


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
