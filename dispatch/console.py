"""What a person sees: results on standard output, progress and errors on standard error.

With `--json` a command writes one JSON document on standard output and nothing else.
"""

import logging
import sys
from typing import Any

import orjson
import structlog
from rich.console import Console

#: Where nobody sees a terminal's edge, no table is cut at one.
_PIPE_WIDTH = 160
#: Results; lines are never folded.
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
#: Progress, warnings, errors.
err = Console(stderr=True, soft_wrap=True, highlight=False)


def write_json(document: Any) -> None:
    """Write one JSON document on standard output."""
    sys.stdout.buffer.write(to_json(document))
    sys.stdout.flush()


def to_json(document: Any) -> bytes:
    """Return indented JSON; Decimals become numbers, times ISO 8601."""
    return orjson.dumps(document, default=_plain, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def only_results_speak() -> None:
    """Keep the stages' log lines off the terminal: a decision taken again is not news."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    return float(value) if hasattr(value, "as_tuple") else str(value)
