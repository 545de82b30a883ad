"""What words on a command line name: which stages, and which log.

Entry points: `stages_named`, `log_here`.
"""

from collections.abc import Mapping

from dispatch.connection import connect, last_demo_archive, running_stack
from dispatch.console import err
from dispatch.replay.deciding import STAGES
from dispatch.replay.source import ArchiveSource, KafkaSource, Source
from dispatch.stack.errors import StackError
from kernel.domain.errors import ConfigError

_CHAIN = ".."


def stages_named(text: str) -> list[str]:
    """Return the stages from the first to the last that `text` names: `selector`, `selector..sizer`."""
    first, _, last = text.partition(_CHAIN)
    names = list(STAGES)
    for name in (first, last or first):
        if name not in names:
            raise ConfigError(f"there is nothing to replay of {name!r}; stages: {', '.join(names)}")
    begin, end = names.index(first), names.index(last or first)
    if begin > end:
        raise ConfigError(f"{text!r}: a chain runs in the order {' → '.join(names)}")
    return names[begin : end + 1]


def log_here(environ: Mapping[str, str]) -> Source:
    """Return the running stack's topics, or the last demo's messages; raises StackError when there are none."""
    if "KAFKA_BOOTSTRAP_SERVERS" in environ or running_stack(environ) is not None:
        connection = connect(environ)
        return KafkaSource(connection.kafka, connection.prefix)
    saved = last_demo_archive(environ)
    if not saved.exists():
        raise StackError(
            "there is nothing to replay: run `dispatch demo`, or start a stack with `dispatch up`"
        )
    err.print(f"no stack runs; these are the last demo's messages ({saved})", markup=False)
    return ArchiveSource(saved)
