"""`dispatch case record|run`: decisions kept in files, and taken again."""

import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from dispatch.cases.blessing import bless
from dispatch.cases.case import Case, load_case, save_case
from dispatch.cases.parameters import in_todays_form
from dispatch.cases.recording import Recorded, make_case, read_range
from dispatch.cases.running import run_case
from dispatch.commands.range_options import Offsets, Since, Trace, Until, span_of
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.plain import visible
from dispatch.replay.choosing import log_here, stages_named
from dispatch.replay.deciding import STAGES, replay_of
from dispatch.replay.report.telling import show, to_document
from dispatch.replay.results import StageResult
from dispatch.replay.source import Source
from dispatch.replay.span import Span
from dispatch.stories.parameters import known_params
from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Keep decisions in files; take them again."
)


@app.command("record")
def record(
    file: Annotated[Path, typer.Argument(help="The file to make.")],
    stage: Annotated[
        str, typer.Option("--stage", help=f"{', '.join(STAGES)}, or a chain of them: selector..sizer.")
    ],
    since: Since = None,
    until: Until = None,
    trace: Trace = None,
    offsets: Offsets = None,
    note: Annotated[str, typer.Option("--note", help="Why it is kept.")] = "",
    params: Annotated[
        Path | None, typer.Option("--params", help="The parameters of then, if no file here has them.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Pack a range of the log into one file: inputs, evidence, answers, schemas, parameters, revision."""
    if file.exists() and not force:
        raise ConfigError(f"{file} is there already; --force overwrites it")
    span = span_of(since, until, trace, offsets)
    case, recorded = asyncio.run(_record(log_here(os.environ), stages_named(stage), span, note, params))
    size = save_case(file, case)
    counts = ", ".join(f"{count} of the {name}" for name, count in recorded.counts.items())
    out.print(f"{file}: decisions: {counts}; {size / 1024:,.0f} KB", markup=False)
    if recorded.left_out:
        err.print(f"{recorded.left_out} inputs without evidence cannot be decided again and are left out")
    err.print("it holds the account's number, equity and buying power; no key and no password")


@app.command("run")
def run(
    files: Annotated[list[Path], typer.Argument(help="Cases.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter to change: selector.min_score=60; repeatable."),
    ] = None,
    blessing: Annotated[bool, typer.Option("--bless", help="Take today's answers as the truth.")] = False,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Differing inputs to show of a stage.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Decide cases again, from the files alone, and show what differs. Exit code 1 where anything does."""
    changes = settings or []
    if blessing and changes:
        raise ConfigError("--bless takes answers to the case's own parameters as the truth: leave out --set")
    only_results_speak()
    revision = ServiceSettings.from_env(os.environ).code_revision()
    present = load_params(ServiceSettings.from_env(os.environ).params_file) if blessing else None
    ran = [_run(file, changes, revision, present) for file in files]
    if as_json:
        write_json({"cases": [_document(each, changes) for each in ran]})
    else:
        for each in ran:
            _tell(each, limit)
    if blessing:
        for each in ran:
            _bless(each, revision)
        return
    sys.exit(1 if any(each.differs for each in ran) else 0)


@dataclass(frozen=True, slots=True)
class _Ran:
    """A case decided again: as it was kept, and as it was run."""

    file: Path
    kept: Case
    case: Case
    results: list[StageResult]

    @property
    def differs(self) -> bool:
        return any(result.differs for result in self.results)


async def _record(
    source: Source, names: list[str], span: Span, note: str, params_file: Path | None
) -> tuple[Case, Recorded]:
    params = known_params(given=params_file)
    revision = ServiceSettings.from_env(os.environ).code_revision()
    replays = {name: replay_of(name, params.files[0][1], revision) for name in names}
    recorded = await read_range(source, replays, span)
    in_force = _in_force(recorded, params_file)
    return await make_case(source, recorded, params=in_force, note=note, trace=span.trace), recorded


def _in_force(recorded: Recorded, given: Path | None) -> TradingParams:
    """Return the parameters that all of it was decided with; raises ConfigError."""
    wanted, *others = recorded.config_hashes
    if others:
        hashes = ", ".join(recorded.config_hashes)
        raise ConfigError(f"the range was decided with several parameters ({hashes}): record a range of one")
    found = known_params(given=given).in_force(wanted)
    if not found.exact:
        raise ConfigError(
            f"decided with parameters {wanted}, which no file here holds: name the file of that time with --params"
        )
    return found.params


def _run(file: Path, settings: Sequence[str], revision: str, present: TradingParams | None) -> _Ran:
    """Decide a case again. With `present` its parameters are first brought into the form that these have."""
    kept = load_case(file)
    case = kept
    if present is not None:
        parameters = in_todays_form(kept.parameters, present.model_dump(mode="json"))
        case = kept.model_copy(update={"parameters": parameters})
    results = asyncio.run(run_case(case, file, settings=settings, revision=revision))
    return _Ran(file, kept, case, results)


def _document(ran: _Ran, settings: Sequence[str]) -> dict[str, Any]:
    """Return a run as JSON, the same bytes whenever the same code runs it."""
    document = to_document(ran.results, settings)
    for stage in document["stages"]:
        del stage["seconds"]
    return {"file": str(ran.file), "note": ran.case.note, **document}


def _tell(ran: _Ran, limit: int) -> None:
    out.print(f"[bold]{'differs' if ran.differs else 'same'}[/bold]  ", end="")
    out.print(f"{ran.file}  {visible(ran.case.note)}".rstrip(), markup=False)
    if ran.differs:
        show(ran.results, out, limit)
    else:
        digests = ", ".join(f"{r.stage} {len(r.rows)} decisions {r.digest[:16]}" for r in ran.results)
        out.print(f"      {digests}", style="dim", markup=False)


def _bless(ran: _Ran, revision: str) -> None:
    try:
        blessed = bless(ran.case, ran.results, revision)
    except ConfigError as e:
        raise ConfigError(f"{ran.file}: {e}") from None
    if blessed.case != ran.kept:
        save_case(ran.file, blessed.case)
    err.print(f"{ran.file}: {blessed.changed} answers changed; review the diff", markup=False)
