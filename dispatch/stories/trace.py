"""Everything there is to tell of one signal, put together once and shown as text, JSON or HTML. Pure.

Entry points: `trace_of`, `Trace`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dispatch.stories.origins import StageOrigin, oddities, origins
from dispatch.stories.parameters import KnownParams
from dispatch.stories.story import Story
from dispatch.stories.telling import Step, in_order, tell
from dispatch.stories.timing import Timing, timing
from dispatch.stories.why import Why
from dispatch.stories.why_contract import why_contract
from dispatch.stories.why_size import why_late, why_size
from kernel.contracts.messages import Rejection, Selection, Ticket
from kernel.domain.params import ScoringParams

DEFAULT_TOP = 5


@dataclass(frozen=True, slots=True)
class Trace:
    """One signal's story with all that explains it; `oddities` are lines to read before anything else."""

    story: Story
    steps: tuple[Step, ...]
    timing: Timing
    origins: tuple[StageOrigin, ...]
    oddities: tuple[str, ...]
    whys: tuple[Why, ...]


def trace_of(story: Story, params: KnownParams, *, top: int = DEFAULT_TOP) -> Trace:
    """Return what there is to tell of `story`, with at most `top` alternatives to a decision."""
    of_stages = origins(story)
    return Trace(
        story=story,
        steps=tuple(tell(story, _scoring(story, params))),
        timing=timing(story),
        origins=tuple(of_stages),
        oddities=tuple(oddities(of_stages)),
        whys=tuple(_whys(story, params, top)),
    )


def _scoring(story: Story, params: KnownParams) -> ScoringParams | None:
    """Return the points the selection was scored with, where they are known."""
    if story.selection is None:
        return None
    in_force = params.in_force(story.selection.meta.config_hash)
    return in_force.params.selector.scoring if in_force.exact else None


def _whys(story: Story, params: KnownParams, top: int) -> Iterator[Why]:
    for chapter in in_order(story):
        message = chapter.message
        in_force = params.in_force(message.meta.config_hash)
        match message:
            case Selection():
                yield why_contract(story, message, in_force, top)
            case Ticket():
                yield why_size(message, in_force)
            case Rejection():
                late = why_late(story, message)
                if late is not None:
                    yield late
                elif story.selection is None:
                    yield why_contract(story, message, in_force, top)
                elif story.ticket is None:
                    yield why_size(message, in_force)
            case _:
                pass
