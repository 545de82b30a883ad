"""`dispatch replay`: decide again, and show what differs."""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, TaskID

from dispatch.commands.range_options import Offsets, Since, Trace, Until, span_of
from dispatch.commands.replay_options import Break, Halt, Html, Into, Params, Rev, Speed, Step, Workers
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.html import save_page
from dispatch.replay.choosing import log_here, stages_named
from dispatch.replay.debug.debugging import Debugging, ask_at_terminal
from dispatch.replay.debug.stepping import Stepper
from dispatch.replay.deciding import STAGES, Decider, replay_of
from dispatch.replay.elsewhere.revisions import code_of
from dispatch.replay.elsewhere.versus import Against
from dispatch.replay.into import into_topics
from dispatch.replay.observing import Observer
from dispatch.replay.parameters import ChosenParams, DeciderOfThen, chosen_params
from dispatch.replay.playing import Players, There, play
from dispatch.replay.report.asked import Asked
from dispatch.replay.report.html_report import replay_page
from dispatch.replay.report.step_view import show_decision
from dispatch.replay.report.telling import show, to_document
from dispatch.replay.results import StageResult
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from dispatch.stories.parameters import known_params
from kernel.domain.errors import ConfigError
from kernel.runtime.clock import SystemClock
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
    params: Params = None,
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
    revision = ServiceSettings.from_env(os.environ).code_revision()
    chosen = chosen_params(params, settings or (), os.environ)
    replays = {name: replay_of(name, chosen.params, revision) for name in stages_named(stage)}
    deciders = _deciders_of_then(chosen, replays, revision, alone=rev is None and workers == 1)
    debugging = Debugging(speed=speed, step=step, until=halt, condition=condition)
    observers = _observers(debugging, replays, err if as_json else out)
    only_results_speak()
    source = log_here(os.environ)
    with _there(rev, chosen) as there:
        players = Players(
            replays=replays,
            params=chosen.params,
            revision=revision,
            workers=workers or os.cpu_count() or 1,
            deciders=deciders,
            there=there,
        )
        results, against = asyncio.run(_run(source, players, span, observers, into))
    _say_if_never(observers)
    asked = Asked(
        stages=list(replays),
        span=span,
        log=source.name,
        filed=chosen.filed,
        params=chosen.params,
        revision=revision,
        at=SystemClock().now(),
        against=against,
        of_then=chosen.of_then,
    )
    _report(results, asked, chosen.settings, html=html, as_json=as_json, limit=limit)
    sys.exit(1 if any(result.differs for result in results) else 0)


def _observers(debugging: Debugging, replays: Mapping[str, Replay[Any]], shown_on: Console) -> list[Observer]:
    ask = ask_at_terminal if sys.stdin.isatty() else None
    show_each = partial(show_decision, shown_on)
    return debugging.observers(replays, now=SystemClock().now(), ask=ask, show=show_each)


def _deciders_of_then(
    chosen: ChosenParams, replays: Mapping[str, Replay[Any]], revision: str, *, alone: bool
) -> dict[str, Decider]:
    """Return, for `--params then`, who decides each stage; nobody for other parameters."""
    if not chosen.of_then:
        return {}
    if not alone:
        raise ConfigError(
            "--params then decides in this process, with this code: leave out --rev and --workers"
        )
    known = known_params()
    return {
        name: DeciderOfThen(known, chosen.settings, partial(replay_of, name, revision=revision))
        for name in replays
    }


def _report(
    results: Sequence[StageResult],
    asked: Asked,
    settings: Sequence[str],
    *,
    html: Path | None,
    as_json: bool,
    limit: int,
) -> None:
    if html is not None:
        save_page(html, replay_page(results, asked))
        err.print(f"written: {html}", markup=False)
    if as_json:
        write_json(to_document(results, settings, asked.against, asked.deciding))
    else:
        show(results, out, limit, asked.against, asked.deciding)


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
def _there(rev: str | None, chosen: ChosenParams) -> Iterator[There | None]:
    """Lay out the other revision's code for as long as it is asked."""
    if rev is None:
        yield None
        return
    params = None if chosen.given is None else chosen.given.read_text("utf-8")
    with code_of(rev) as code:
        yield There(code=code, params=params, settings=chosen.settings)


def _say_if_never(observers: Sequence[Observer]) -> None:
    if any(isinstance(each, Stepper) and each.waited_in_vain for each in observers):
        err.print("--break was never true in this range", markup=False)
