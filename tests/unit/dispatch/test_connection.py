"""Which parameters a look back decides with."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from dispatch.connection import demo_params_file, params_file_given, params_file_here
from kernel.runtime.settings import PROJECT_ROOT

FILED = PROJECT_ROOT / "config" / "trading_params.json"


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    return {"DISPATCH_HOME": str(tmp_path)}


def test_the_files_own_where_no_demo_had_to_widen_them(home: dict[str, str]) -> None:
    assert params_file_here(home) == FILED


def test_the_last_demos_where_it_had_to(home: dict[str, str]) -> None:
    widened = demo_params_file(home)
    widened.write_text("{}")
    assert params_file_here(home) == widened


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"DISPATCH_PARAMS_FILE": "/some/params.json"}, Path("/some/params.json")),
        ({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"}, FILED),
    ],
)
def test_what_the_environment_names_counts_before_a_demo(
    home: dict[str, str], named: dict[str, str], expected: Path
) -> None:
    demo_params_file(home).write_text("{}")
    assert params_file_here({**home, **named}) == expected


def test_where_no_file_was_given_each_revision_takes_its_own(home: dict[str, str]) -> None:
    assert params_file_given(home) is None
    assert params_file_given({**home, "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9092"}) is None


def test_the_file_that_is_named_counts_as_given_even_if_it_is_this_codes_own(home: dict[str, str]) -> None:
    assert params_file_given({**home, "DISPATCH_PARAMS_FILE": str(FILED)}) == FILED


@pytest.mark.parametrize(
    ("file", "given"), [("/some/params.json", Path("/some/params.json")), (str(FILED), None)]
)
def test_a_running_stacks_file_was_given_unless_it_is_this_codes_own(
    home: dict[str, str], monkeypatch: pytest.MonkeyPatch, file: str, given: Path | None
) -> None:
    state = SimpleNamespace(environment={"DISPATCH_PARAMS_FILE": file})
    monkeypatch.setattr("dispatch.connection.running_stack", lambda _: state)
    assert params_file_given(home) == given
    assert params_file_here(home) == Path(file)
