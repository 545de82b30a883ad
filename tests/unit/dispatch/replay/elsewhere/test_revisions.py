import sys
from pathlib import Path

import pytest

from dispatch.replay.elsewhere.revisions import Code, code_of
from kernel.domain.errors import ConfigError


def refusal(revision: str, repository: Path) -> str:
    with pytest.raises(ConfigError) as caught, code_of(revision, repository):
        pass
    return str(caught.value)


@pytest.mark.parametrize("revision", ["no-such-branch", "--output=x", ""])
def test_what_git_does_not_know_is_told_in_one_line(tmp_path: Path, revision: str) -> None:
    said = refusal(revision, tmp_path)
    assert f"git knows no revision {revision!r}" in said
    assert "\n" not in said


def test_a_folder_that_is_not_there_or_holds_something_else_is_refused(tmp_path: Path) -> None:
    assert "there is no folder" in refusal(f"{tmp_path}/missing", tmp_path)
    assert "has no dispatch/replay/elsewhere/worker.py" in refusal(f"{tmp_path}/", tmp_path)


def test_a_file_that_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"no zip")
    assert "is no wheel that can be read" in refusal(f"{tmp_path}/a.whl", tmp_path)
    assert "is no wheel that can be read" in refusal("missing.whl", tmp_path)


def test_an_environment_runs_its_own_python(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    (tmp_path / "pyvenv.cfg").touch()
    with code_of(f"{tmp_path}/", tmp_path) as code:
        assert code.python == tmp_path / "bin" / "python"
        assert code.path is None
        assert code.holds(tmp_path / "lib" / "python3.13" / "site-packages")


def test_code_is_held_by_its_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    code = Code(label="x", python=Path(sys.executable), path=folder, folder=folder)
    assert code.holds(folder)
    assert code.holds(folder / "inside")
    assert not code.holds(tmp_path)
    assert not code.holds(tmp_path / "code-2")
