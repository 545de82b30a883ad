"""A replay has one module that can write to a log, and it is entered only by `--into`."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITERS = ("kernel.stream.producer", "kernel.stream.requeue", "kernel.stream.process", "kernel.stream.worker")


def test_only_the_shadow_topics_of_a_replay_can_be_written_to() -> None:
    replaying = [*(ROOT / "dispatch" / "replay").rglob("*.py"), ROOT / "dispatch" / "commands" / "replay.py"]
    assert len(replaying) > 10
    assert [path.stem for path in replaying if _imported(path) & set(WRITERS)] == ["into"]


def test_the_command_makes_a_writer_only_where_a_prefix_is_given() -> None:
    command = ast.parse((ROOT / "dispatch" / "commands" / "replay.py").read_text("utf-8"))
    uses = [n for n in ast.walk(command) if isinstance(n, ast.Name) and n.id == "into_topics"]
    (use,) = uses
    asked = [
        node
        for node in ast.walk(command)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "into is None" and node.lineno < use.lineno
    ]
    assert [type(node.body[-1]) for node in asked] == [ast.Return]


def _imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found
