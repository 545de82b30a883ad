"""Structured logs: one JSON object a line on standard error, each with the story's correlation id.

Use `get_logger()` everywhere; bind `correlation_id` through `story(...)` so that one grep tells one signal's life.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import structlog

Logger = structlog.stdlib.BoundLogger

#: Libraries that log every request or record at INFO; their warnings are kept.
_CHATTY = ("aiokafka", "faust", "mode", "uvicorn.access", "httpx", "urllib3", "alembic", "websockets")


def setup_logging(level: str, stage: str) -> None:
    """Send structlog's and the standard library's records to standard error as JSON lines."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.contextvars.bind_contextvars(stage=stage)


def get_logger(name: str = "dispatch") -> Logger:
    """Return a logger; key-value pairs go in as keyword arguments."""
    return cast("Logger", structlog.get_logger(name))


@contextmanager
def story(correlation_id: str, **values: str) -> Iterator[None]:
    """Bind a signal's id to every line logged inside."""
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id, **values):
        yield
