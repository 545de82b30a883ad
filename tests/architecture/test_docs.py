"""The documentation says what the code does: pages are generated from it or compared with it, commands and links exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dispatch.cli import app
from kernel.contracts.messages import RejectionCode
from kernel.contracts.schema_store import load_store
from kernel.runtime.settings import PROJECT_ROOT
from services.selector.core.validation import ContractReason
from tests.architecture import markdown
from tests.architecture.reference_pages import FOLDER, PAGES, STAGES, sources

_DOCUMENTS = [pytest.param(file, id=str(file.relative_to(PROJECT_ROOT))) for file in markdown.documents()]
_ADR = PROJECT_ROOT / "docs" / "adr"


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text("utf-8")
    assert written == PAGES[name](), "run: python -m tests.architecture.reference_pages"


def test_every_symbol_of_every_message_stands_on_its_page() -> None:
    """Those that a reader falls back to as well: HALTED, and an order whose fate is UNKNOWN, are states like others."""
    rows = [row for row in markdown.table_rows((FOLDER / "messages.md").read_text("utf-8")) if len(row) == 3]
    told = [set(re.findall(r"[A-Za-z_]+", kind)) for _field, kind, _meaning in rows]
    for name, schema in load_store().current_raw.items():
        for symbols in _enums(schema):
            assert any(symbols <= words for words in told), (name, symbols)


def _enums(avro: Any) -> Iterator[set[str]]:
    """Yield the symbols of every enum inside a schema."""
    if isinstance(avro, dict):
        if avro.get("type") == "enum":
            yield set(avro["symbols"])
        for inner in avro.values():
            yield from _enums(inner)
    elif isinstance(avro, list):
        for inner in avro:
            yield from _enums(inner)


def test_every_trading_parameter_is_described_with_the_value_in_the_file() -> None:
    document = json.loads(
        (PROJECT_ROOT / "config" / "trading_params.json").read_text("utf-8"), parse_int=str, parse_float=str
    )
    del document["version"]
    rows = markdown.table_rows((FOLDER / "trading-parameters.md").read_text("utf-8"))
    described = {row[0].strip("`"): row[1] for row in rows if "." in row[0]}
    assert described == dict(_scalars("", document))
    assert set(_inner_rows(document)) <= set(rows)


def _scalars(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the parameters that stand alone; tables of the file are rows of a table in the page."""
    if isinstance(value, str):
        yield path, value
    elif value == []:
        yield path, "[]"
    elif isinstance(value, dict) and path not in {"selector.strategies", "signals.expiry_s"}:
        for key, inner in value.items():
            yield from _scalars(f"{path}.{key}".lstrip("."), inner)


def _inner_rows(document: Any) -> Iterator[tuple[str, ...]]:
    columns = list(document["sizer"]["tiers"][0])
    yield tuple(columns)
    for tier in document["sizer"]["tiers"]:
        yield tuple(tier.get(column, "") for column in columns)
    for anchor in document["sizer"]["smooth_anchors"]:
        yield tuple(anchor.values())
    for name, windows in document["selector"]["strategies"].items():
        yield ("strategy", *windows)
        yield (name, *windows.values())
    yield from document["signals"]["expiry_s"].items()


def test_every_rejection_code_is_described_with_the_stages_that_say_it() -> None:
    rows = markdown.table_rows((FOLDER / "rejection-codes.md").read_text("utf-8"))
    described = {row[0].strip("`"): row[1] for row in rows if len(row) == 4 and row[0] != "code"}
    said_by = {
        code.value: ", ".join(s for s in STAGES if re.search(rf"RejectionCode\.{code.name}\b", sources(s)))
        for code in RejectionCode
    }
    assert described == {code: stages or "nobody" for code, stages in said_by.items()}


def test_every_reason_against_a_contract_is_described_in_the_order_of_the_checks() -> None:
    rows = markdown.table_rows((FOLDER / "rejection-codes.md").read_text("utf-8"))
    described = [row[0].strip("`") for row in rows if len(row) == 3 and row[0] != "reason"]
    assert described == [reason.value for reason in ContractReason]


def test_every_variable_of_the_compose_file_is_described() -> None:
    composed = (PROJECT_ROOT / "docker-compose.yml").read_text("utf-8")
    variables = set(re.findall(r"\$\{(\w+)", composed))
    simulator = {v for v in variables if v.startswith("SIMULATOR_")}
    rows = markdown.table_rows((FOLDER / "settings.md").read_text("utf-8"))
    assert variables - simulator <= {row[0].strip("`") for row in rows}


@pytest.mark.parametrize("file", _DOCUMENTS)
def test_links_lead_somewhere(file: Path) -> None:
    for link in markdown.links(file.read_text("utf-8")):
        path, _, anchor = link.partition("#")
        target = (file.parent / path).resolve() if path else file
        assert target.exists(), link
        if anchor:
            assert anchor in markdown.anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("file", _DOCUMENTS)
def test_commands_exist_with_the_options_they_are_shown_with(file: Path) -> None:
    for words in markdown.commands(file.read_text("utf-8"), "dispatch"):
        command, rest = _find(words)
        options = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        shown = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
        assert shown <= options, f"dispatch {' '.join(words)}"


def _find(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words call, and the words after its name."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while hasattr(command, "get_command") and rest and not rest[0].startswith("-"):
        for name in rest[0].split("|"):  # `explain score|size|chain` names three
            found = command.get_command(None, name)
            assert found is not None, f"dispatch {' '.join(words)}"
        command, rest = found, rest[1:]
    return command, rest


@pytest.mark.parametrize("file", _DOCUMENTS)
def test_make_targets_exist(file: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for words in markdown.commands(file.read_text("utf-8"), "make"):
        assert {word for word in words if re.fullmatch(r"[a-z-]+", word)} <= targets, words


def test_decisions_are_numbered_complete_and_listed() -> None:
    pages = sorted(_ADR.glob("[0-9]*.md"))
    index = (_ADR / "README.md").read_text("utf-8")
    numbers = [int(page.name[:4]) for page in pages]
    assert numbers == list(range(1, len(pages) + 1))
    for number, page in zip(numbers, pages, strict=True):
        text = page.read_text("utf-8")
        assert text.startswith(f"# {number}. ")
        assert re.search(r"^Status: (accepted|superseded by .+)$", text, re.MULTILINE)
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        assert f"({page.name})" in index
