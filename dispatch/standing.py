"""How everything stands: the switch, each process, each stage's lag, the books. What is away hides nothing of the rest.

1. Asked are the servers that `halt` and the other commands talk to: those of the environment, else those of the stack here.
2. Each part of the answer is there, or one line that says why it is not.
"""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dispatch.connection import connect, database_here, no_stack, running_stack
from dispatch.lag import consumer_lags
from dispatch.reconciling import BookLine, books_here, reconcile_s_here
from dispatch.stack.errors import StackError
from dispatch.stack.state import PartStatus, part_statuses
from dispatch.switch import standing_switch
from kernel.domain.control import Switch
from kernel.domain.errors import TransientError

_SERVERS = ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS")


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What `dispatch status` tells. `phase`: of the stack that runs here; None where other servers were asked.

    `lags`: records behind by stage. `troubles`: what could not be asked, by its name, and why.
    """

    phase: str | None
    parts: Sequence[PartStatus]
    switch: Switch | None
    lags: Mapping[str, int]
    books: Sequence[BookLine]
    troubles: Mapping[str, str]


def status_here(environ: Mapping[str, str] = os.environ) -> Status:
    """Ask everything once; raises StackError where no stack runs and no server is named."""
    state = running_stack(environ)
    if state is None and not any(name in environ for name in _SERVERS):
        raise StackError(no_stack(environ, " and ".join(_SERVERS)))
    troubles: dict[str, str] = {}
    switch: Switch | None = None
    lags: Mapping[str, int] = {}
    books: Sequence[BookLine] = ()
    try:
        url, _ = database_here(environ)
        switch = asyncio.run(standing_switch(url))
        books = books_here(url, reconcile_s_here(environ))
    except (StackError, TransientError) as e:
        troubles["books" if switch else "trading"] = str(e)
    try:
        connection = connect(environ)
        lags = consumer_lags(connection.kafka, connection.prefix)
    except (StackError, TransientError) as e:
        troubles["lag"] = str(e)
    return Status(
        phase=None if state is None else state.phase,
        parts=() if state is None else part_statuses(state),
        switch=switch,
        lags=lags,
        books=books,
        troubles=troubles,
    )
