"""How long a story took, and where. Pure.

Entry points: `timing`, `signal_to_order`.
1. Two clocks, never mixed: the wall clock, at which a message was written to its topic (milliseconds, as its writer's
   machine tells them), and the market's, which the message carries (`occurred_at`); a simulated market may run faster.
2. A stage's time begins when its input was written and ends when its answer was: waiting in the topic is part of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from dispatch.stories.story import AT_VENUE, ENDED, Chapter, Story
from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Execution, Rejection, Selection, Signal, Ticket

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Span:
    """From one message of a story to another. `evidence_ms`: until what the decision saw was written, where it was."""

    name: str
    begin: Chapter
    end: Chapter
    evidence_ms: float | None = None

    @property
    def wall_ms(self) -> float:
        """By the wall clock."""
        return (self.end.written_at - self.begin.written_at) / _MS

    @property
    def market_ms(self) -> float:
        """By the market's clock."""
        return (self.end.message.meta.occurred_at - self.begin.message.meta.occurred_at) / _MS


@dataclass(frozen=True, slots=True)
class Timing:
    """The spans of a story in their order; `to_order` from the signal to the order the venue took, `whole` to the end."""

    spans: tuple[Span, ...]
    to_order: Span | None
    whole: Span | None


def timing(story: Story) -> Timing:
    """Return where the time of a story went."""
    marks = _marks(story)
    spans = tuple(
        Span(name, before, after, _until_evidence(story, before, after))
        for (_, before), (name, after) in pairwise(marks)
        if after is not before
    )
    whole = Span("whole", marks[0][1], marks[-1][1]) if spans else None
    return Timing(spans, signal_to_order(story), whole)


def signal_to_order(story: Story) -> Span | None:
    """Return the span from the signal to the order the venue took, or None where it did not come so far."""
    begin, taken = _of(story, Signal), _taken(story)
    return Span("signal to order", begin, taken) if begin and taken else None


def _marks(story: Story) -> list[tuple[str, Chapter]]:
    """Return the end of each one's work, by the name of who did it."""
    refused = None if story.reached_venue else _of(story, Rejection)
    marks = [
        ("signal", _of(story, Signal)),
        ("selector", _of(story, Selection)),
        ("sizer", _of(story, Ticket)),
        ("executor", _taken(story)),
        ("order at the venue", _ended(story) if story.reached_venue else None),
        (refused.message.meta.stage if refused else "", refused),
    ]
    return [(name, chapter) for name, chapter in marks if chapter is not None]


def _of(story: Story, kind: type[Message]) -> Chapter | None:
    return _earliest(chapter for chapter in story.chapters if isinstance(chapter.message, kind))


def _taken(story: Story) -> Chapter | None:
    return _earliest(
        c for c in story.chapters if isinstance(c.message, Execution) and c.message.status in AT_VENUE
    )


def _ended(story: Story) -> Chapter | None:
    return _earliest(
        c for c in story.chapters if isinstance(c.message, Execution) and c.message.status in ENDED
    )


def _earliest(chapters: Iterable[Chapter]) -> Chapter | None:
    return min(chapters, key=lambda chapter: chapter.written_at, default=None)


def _until_evidence(story: Story, begin: Chapter, end: Chapter) -> float | None:
    written = [
        c.written_at
        for c in story.chapters
        if isinstance(c.message, Evidence) and c.message.input_id == begin.message.meta.id
    ]
    within = [at for at in written if begin.written_at <= at <= end.written_at]
    return (max(within) - begin.written_at) / _MS if within else None
