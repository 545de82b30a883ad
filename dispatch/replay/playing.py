"""Plays a replay with whoever is to decide: this code here, this code in several processes, another revision.

Entry point: `play`.
1. Against another revision both replay the same inputs, each by itself from the first stage of a chain to the last; then
   the two are compared. Rows hold this code's answer as what was recorded, the other's as what was replayed.
2. A changed default is part of a revision: each takes the parameters of its own file. Where a file was given (the
   variable `DISPATCH_PARAMS_FILE`, the running stack's, the last demo's), both take that. What `--set` changes is changed
   for both.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from dispatch.replay.deciding import Decider, LocalDecider
from dispatch.replay.elsewhere.remote import Errand, Introduction, RemoteDecider
from dispatch.replay.elsewhere.revisions import Code, this_code
from dispatch.replay.elsewhere.versus import Against, versus
from dispatch.replay.observing import Observer
from dispatch.replay.results import StageResult
from dispatch.replay.run import Played, Progress, replay
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from kernel.domain.params import TradingParams
from kernel.stream.replaying import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """Another revision: `params` is the text of a parameter file, None for its own; `settings` change it."""

    code: Code
    params: str | None
    settings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Players:
    """Who decides: the stages of this code on `params`, in so many processes (1: in this one), and maybe another's.

    `deciders`, by stage, decide for this code where it is not simply its stages.
    """

    replays: Mapping[str, Replay[Any]]
    params: TradingParams
    revision: str
    workers: int = 1
    deciders: Mapping[str, Decider] = field(default_factory=dict)
    there: There | None = None


async def play(
    source: Source, players: Players, span: Span, progress: Progress, observers: Sequence[Observer] = ()
) -> tuple[list[StageResult], Against | None]:
    """Return the results, and who was compared if there was another revision; `observers` then look on that one.

    Raises WorkerFailed, and TransientError when the log cannot be read.
    """
    if players.there is None:
        async with _here(players) as stages:
            return await replay(source, stages, span, progress, observers), None
    async with _there(players, players.there) as (others, introduction):  # first: it may say that it cannot
        async with _here(players) as stages:
            ours = await replay(source, stages, span, progress)
        theirs = await replay(source, others, span, _told_apart(progress, players.there), observers)
    label = players.there.code.label
    here = Introduction(players.revision, players.params.config_hash)
    return versus(ours, theirs), Against(label=label, here=here, there=introduction)


@asynccontextmanager
async def _here(players: Players) -> AsyncIterator[list[Played]]:
    if players.workers == 1:
        yield [
            Played(name, each, players.deciders.get(name) or LocalDecider(each))
            for name, each in players.replays.items()
        ]
        return
    code, params = this_code(players.revision), players.params.model_dump_json()
    async with AsyncExitStack() as opened:
        stages: list[Played] = []
        for name, each in players.replays.items():
            decider = RemoteDecider(code, Errand(stage=name, params=params), each, workers=players.workers)
            stages.append(Played(name, each, await opened.enter_async_context(decider)))
        yield stages


@asynccontextmanager
async def _there(players: Players, there: There) -> AsyncIterator[tuple[list[Played], Introduction]]:
    async with AsyncExitStack() as opened:
        stages: list[Played] = []
        introduction = Introduction("", "")
        for name, each in players.replays.items():
            errand = Errand(stage=name, params=there.params, settings=there.settings)
            decider = RemoteDecider(there.code, errand, each, workers=players.workers)
            stages.append(Played(name, each, await opened.enter_async_context(decider)))
            introduction = decider.introduction
        yield stages, introduction


def _told_apart(progress: Progress, there: There) -> Progress:
    return lambda name, done, total: progress(f"{name} of {there.code.label}", done, total)
