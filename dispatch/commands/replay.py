"""`dispatch replay`: decide again, and show what differs."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from dispatch.commands.range_options import Offsets, Since, Trace, Until, span_of
from dispatch.commands.replay_options import Break, Halt, Html, Into, Rev, Speed, Step, Workers
from dispatch.connection import params_file_given, params_file_here
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.html import save_page
from dispatch.replay.choosing import log_here, stages_named
from dispatch.replay.debug.debugging import Debugging, ask_at_terminal
from dispatch.replay.debug.stepping import Stepper
from dispatch.replay.deciding import STAGES, replay_of
from dispatch.replay.elsewhere.revisions import code_of
from dispatch.replay.elsewhere.versus import Against
from dispatch.replay.observing import Observer
from dispatch.replay.overrides import with_overrides
from dispatch.replay.playing import Players, There, play
from dispatch.replay.report.asked import Asked
from dispatch.replay.report.html_report import replay_page
from dispatch.replay.report.step_view import show_decision
from dispatch.replay.report.telling import show, to_document
from dispatch.replay.results import StageResult
from dispatch.replay.shadow_topics import into_topics
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.runtime.clock import SystemClock
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings


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
    rev: Rev = None,
    workers: Workers = 1,
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
    changes, revision = settings or [], ServiceSettings.from_env(os.environ).code_revision()
    filed = load_params(params_file_here(os.environ))
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
    with _there(rev, changes, os.environ) as there:
        players = Players(
            replays=replays,
            params=params,
            revision=revision,
            workers=workers or os.cpu_count() or 1,
            there=there,
        )
        results, against = asyncio.run(_run(source, players, span, observers, into))
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
            against=against,
        )
        save_page(html, replay_page(results, asked))
        err.print(f"written: {html}", markup=False)
    if as_json:
        write_json(to_document(results, changes, against))
    else:
        show(results, out, limit, against)
    sys.exit(1 if any(result.differs for result in results) else 0)


async def _run(
    source: Source, players: Players, span: Span, observers: Sequence[Observer], into: str | None
) -> tuple[list[StageResult], Against | None]:
    """Replay; without `into` nothing is made that could write."""
    with Progress(console=err, transient=True, disable=any(isinstance(o, Stepper) for o in observers)) as bar:
        tasks: dict[str, TaskID] = {}

        def progress(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=total)
            bar.update(tasks[name], completed=done, total=total)

        if into is None:
            return await play(source, players, span, progress, observers)
        async with into_topics(source, into) as writer:
            results = await play(source, players, span, progress, [*observers, writer])
    err.print(f"written: {writer.written} messages to the topics of {into}", markup=False)
    return results


@contextmanager
def _there(rev: str | None, changes: Sequence[str], environ: Mapping[str, str]) -> Iterator[There | None]:
    """Lay out the other revision's code for as long as it is asked."""
    if rev is None:
        yield None
        return
    given = params_file_given(environ)
    params = None if given is None else given.read_text("utf-8")
    with code_of(rev) as code:
        yield There(code=code, params=params, settings=tuple(changes))


def _say_if_never(observers: Sequence[Observer]) -> None:
    if any(isinstance(each, Stepper) and not each.halted for each in observers):
        err.print("--break was never true in this range", markup=False)
