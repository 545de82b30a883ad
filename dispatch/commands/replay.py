"""`dispatch replay`: decide again, and show what differs."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import Progress

from dispatch.commands.range_options import Offsets, Since, Trace, Until, span_of
from dispatch.commands.replay_options import Break, Halt, Html, Into, Speed, Step
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.html import save_page
from dispatch.replay.asked import Asked
from dispatch.replay.choosing import log_here, stages_named
from dispatch.replay.debugging import Debugging, ask_at_terminal
from dispatch.replay.deciding import STAGES, LocalDecider, replay_of
from dispatch.replay.html_report import replay_page
from dispatch.replay.observing import Observer
from dispatch.replay.overrides import with_overrides
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played
from dispatch.replay.run import replay as run_replay
from dispatch.replay.shadow_topics import into_topics
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from dispatch.replay.step_view import show_decision
from dispatch.replay.stepping import Stepper
from dispatch.replay.telling import show, to_document
from kernel.runtime.clock import SystemClock
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings
from kernel.stream.replaying import Replay


def replay(
    stage: Annotated[str, typer.Argument(help=f"{', '.join(STAGES)}, or a chain of them: selector..sizer.")],
    since: Since = None,
    until: Until = None,
    trace: Trace = None,
    offsets: Offsets = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter to change: selector.min_score=60; repeatable."),
    ] = None,
    speed: Speed = 0.0,
    step: Step = False,
    halt: Halt = None,
    condition: Break = None,
    into: Into = None,
    html: Html = None,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Differing inputs to show.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Decide again what was decided, from the log alone, and show what differs. Exit code 1 where anything does."""
    span = span_of(since, until, trace, offsets)
    changes, own = settings or [], ServiceSettings.from_env(os.environ)
    filed, revision = load_params(own.params_file), own.code_revision()
    params = with_overrides(filed, changes)
    replays = {name: replay_of(name, params, revision) for name in stages_named(stage)}
    debugging = Debugging(speed=speed, step=step, until=halt, condition=condition)
    observers = debugging.observers(
        replays,
        now=SystemClock().now(),
        ask=ask_at_terminal if sys.stdin.isatty() else None,
        show=partial(show_decision, err if as_json else out),
    )
    only_results_speak()
    source = log_here(os.environ)
    results = asyncio.run(_run(source, replays, span, observers, into))
    _say_if_never(observers)
    if html is not None:
        asked = Asked(
            stages=list(replays),
            span=span,
            log=source.name,
            filed=filed,
            params=params,
            revision=revision,
            at=SystemClock().now(),
        )
        save_page(html, replay_page(results, asked))
        err.print(f"written: {html}", markup=False)
    if as_json:
        write_json(to_document(results, changes))
    else:
        show(results, out, limit)
    sys.exit(1 if any(result.differs for result in results) else 0)


async def _run(
    source: Source,
    replays: Mapping[str, Replay[Any]],
    span: Span,
    observers: Sequence[Observer],
    into: str | None,
) -> list[StageResult]:
    """Replay; without `into` nothing is made that could write."""
    stages = [Played(name, each, LocalDecider(each)) for name, each in replays.items()]
    with Progress(console=err, transient=True, disable=any(isinstance(o, Stepper) for o in observers)) as bar:
        tasks = {name: bar.add_task(name, total=None) for name in replays}

        def progress(name: str, done: int, total: int) -> None:
            bar.update(tasks[name], completed=done, total=total)

        if into is None:
            return await run_replay(source, stages, span, progress, observers)
        async with into_topics(source, into) as writer:
            results = await run_replay(source, stages, span, progress, [*observers, writer])
    err.print(f"written: {writer.written} messages to the topics of {into}", markup=False)
    return results


def _say_if_never(observers: Sequence[Observer]) -> None:
    if any(isinstance(each, Stepper) and not each.halted for each in observers):
        err.print("--break was never true in this range", markup=False)
