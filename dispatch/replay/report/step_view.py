"""One decision of a replay with its arithmetic, as `dispatch trace` tells it.

Entry points: `show_decision`, `told`.
"""

from rich.console import Console

from dispatch.plain import visible
from dispatch.replay.observing import Taken
from dispatch.replay.report.telling import difference_lines
from dispatch.replay.results import DIFFERENT
from dispatch.stories.story import Chapter, Story
from dispatch.stories.telling import tell
from kernel.contracts.base import Message


def show_decision(console: Console, taken: Taken, number: int, total: int) -> None:
    """Print the input, what was seen, the answer now and, where it differs, the answer then."""
    row, given = taken.row, taken.given
    place = "" if given.record is None else f", partition {row.partition}, offset {row.offset}"
    console.print(f"\n{number} of {total}  {row.underlying}  {row.status.value}", style="bold", markup=False)
    console.print(f"  signal {given.message.meta.correlation_id}{place}", style="dim", markup=False)
    _show(console, "given", given.message)
    if taken.evidence is not None:
        _show(console, "saw", taken.evidence)
    for emission in row.replayed:
        _show(console, "now", emission.message)
    if row.note is not None:
        console.print(f"  now    {visible(row.note)}", style="yellow", markup=False)
    if row.status in DIFFERENT:
        for emission in row.recorded:
            _show(console, "then", emission.message)
        if not row.recorded:
            console.print("  then   nothing")
    for line in difference_lines(row.differences):
        console.print(f"         {line}", style="yellow", markup=False)


def told(message: Message) -> tuple[str, tuple[str, ...]]:
    """Return a message's headline and the lines of its arithmetic, as a story tells them."""
    chapter = Chapter("", message, 0, 0, message.meta.occurred_at)
    (step,) = tell(Story(message.meta.correlation_id, [chapter]))
    return step.headline, step.lines


def _show(console: Console, name: str, message: Message) -> None:
    headline, lines = told(message)
    console.print(f"  {name:<5}  {headline}", markup=False)
    for line in lines:
        console.print(f"         {line}", markup=False)
