"""`dispatch trace`: one signal's whole story, and why it went so."""

from pathlib import Path
from typing import Annotated

import typer

from dispatch.console import err, out, write_json
from dispatch.html import save_page
from dispatch.stories.parameters import known_params
from dispatch.stories.reading import read_stories
from dispatch.stories.story import Story
from dispatch.stories.trace import DEFAULT_TOP, trace_of
from dispatch.stories.trace_json import trace_json
from dispatch.stories.trace_page import trace_page
from dispatch.stories.trace_text import show_trace
from kernel.domain.errors import ConfigError, TradingError


class UnknownSignal(TradingError):
    """No message carries that id."""


def trace(
    signal_id: Annotated[str, typer.Argument(help="The signal's id, or its first characters.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page that opens offline, besides.")
    ] = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="How many alternatives to a decision to show.")
    ] = DEFAULT_TOP,
    params: Annotated[
        Path | None,
        typer.Option(
            "--params", metavar="FILE", help="Trading parameters of that time, where they have changed."
        ),
    ] = None,
) -> None:
    """Tell one signal's whole story, from the running stack or from the last demo."""
    story = _find(read_stories(evidence=True).stories, signal_id)
    told = trace_of(story, known_params(given=params), top=top)
    if html is not None:
        save_page(html, trace_page(told))
        err.print(f"written: {html}", markup=False)
    if as_json:
        write_json(trace_json(told))
    else:
        show_trace(told, out)


def _find(stories: dict[str, Story], signal_id: str) -> Story:
    found = [story for key, story in stories.items() if key.startswith(signal_id)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownSignal(
            f"no message of signal {signal_id!r} is in the topics (or they were made fresh since)"
        )
    raise ConfigError(f"{len(found)} signals begin with {signal_id!r}; give more of the id")
