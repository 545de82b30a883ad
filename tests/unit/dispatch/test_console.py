import os
import subprocess
import sys

_TABLE = """
from rich.table import Table
from dispatch.console import out
table = Table(*(f"column {n}" for n in range(10)))
table.add_row("SPY260717C00616000", *("1234567" for _ in range(9)))
out.print(table)
"""


def test_a_table_in_a_pipe_is_not_cut_at_the_terminals_width() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TABLE],
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SPY260717C00616000" in done.stdout
    assert "…" not in done.stdout
