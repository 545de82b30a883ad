"""Who looks on while a stage decides again: a person stepping, a clock pacing, a writer of shadow topics.

1. An observer hears of the decisions in the order of the inputs, whatever order their evidence lies in; what comes
   before its turn is held till then.
2. Nothing is decided before every observer was asked about it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from dispatch.replay.history import Input
from dispatch.replay.results import Row
from kernel.contracts.messages import Evidence


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision just taken again."""

    given: Input
    evidence: Evidence | None
    row: Row


class Observer(Protocol):
    """Looks on at one or more stages, one after another."""

    @property
    def at_once(self) -> int | None:
        """How many may be decided before it hears of them; None: any number."""
        ...

    def begin(self, stage: str, inputs: Sequence[Input]) -> None:
        """Hear of the inputs to come; raises ConfigError when they are not what was asked for."""
        ...

    async def before(self, given: Input) -> None:
        """Return when `given` may be decided."""
        ...

    async def after(self, taken: Sequence[Taken]) -> bool:
        """Hear of the last decisions; returns whether the stage goes on."""
        ...


async def in_order(
    inputs: Sequence[Input], seen: AsyncIterator[tuple[str, Evidence | None]]
) -> AsyncIterator[tuple[str, Evidence | None]]:
    """Yield what `seen` yields (once per input) in the order of `inputs`."""
    early: dict[str, Evidence | None] = {}
    waiting = iter([given.id for given in inputs])
    awaited = next(waiting, None)
    async for input_id, evidence in seen:
        early[input_id] = evidence
        while awaited is not None and awaited in early:
            yield awaited, early.pop(awaited)
            awaited = next(waiting, None)
