"""`.env.example` and the settings say the same."""

import re

import pytest
from pydantic.fields import FieldInfo

from kernel.runtime.settings import PROJECT_ROOT, ServiceSettings
from tests.architecture.env_example import COMPOSE, FILE, default_of, own_fields, settings_of, stages, text

ENTRY = re.compile(r"^# (?P<meaning>.+)\n#(?P<name>[A-Z_]+)=(?P<default>.*)$", re.MULTILINE)


def every_field() -> list[tuple[str, FieldInfo]]:
    """Return (service, field) of everything that can be set."""
    common = [("every stage", field) for field in ServiceSettings.model_fields.values()]
    return common + [(s, field) for s in stages() for field in own_fields(settings_of(s)).values()]


def test_every_service_has_settings() -> None:
    services = {path.parent.name for path in (PROJECT_ROOT / "services").glob("*/__main__.py")}
    assert set(stages()) == services


@pytest.mark.parametrize(
    ("service", "field"), [pytest.param(s, f, id=f"{s}-{f.alias}") for s, f in every_field()]
)
def test_every_variable_stands_there_with_its_default_and_meaning(service: str, field: FieldInfo) -> None:
    entries = {m["name"]: (m["meaning"], m["default"]) for m in ENTRY.finditer(FILE.read_text("utf-8"))}
    assert field.alias is not None, "a setting has the name of its variable as alias"
    assert entries[field.alias] == (field.description, default_of(field)), (
        "run: python -m tests.architecture.env_example; two services that share a variable describe it alike"
    )


def test_nothing_else_stands_there() -> None:
    named = re.findall(r"^#?\s?([A-Z][A-Z0-9_]+)=", FILE.read_text("utf-8"), re.MULTILINE)
    assert sorted(named) == sorted({str(field.alias) for _, field in every_field()} | set(COMPOSE))


def test_every_variable_of_the_compose_file_stands_there_with_its_default() -> None:
    composed = (PROJECT_ROOT / "docker-compose.yml").read_text("utf-8")
    used = dict(re.findall(r"\$\{(\w+):-([^${}]*)\}", composed))
    named = {str(field.alias) for _, field in every_field()}
    assert set(COMPOSE) <= set(used)
    assert {n for n in used if not n.startswith("SIMULATOR_")} - named <= set(COMPOSE)
    assert {name: used[name] for name in COMPOSE} == {name: default for name, (default, _) in COMPOSE.items()}


def test_the_file_is_what_the_settings_say() -> None:
    assert FILE.read_text("utf-8") == text(), "run: python -m tests.architecture.env_example"


def test_a_copy_of_it_changes_nothing() -> None:
    assert [line for line in FILE.read_text("utf-8").splitlines() if line and not line.startswith("#")] == []
