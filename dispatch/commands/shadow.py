"""`dispatch shadow`: let another revision decide beside the live stage, and tell how far they agree."""

import asyncio
import os
import signal
import sys
from contextlib import nullcontext
from pathlib import Path

from dispatch.commands.shadow_options import (
    Anew,
    As,
    AsJson,
    Decisions,
    For,
    Html,
    Limit,
    MinAgreement,
    Patience,
    Port,
    Rev,
    Settings,
    Stage,
)
from dispatch.connection import connect, params_file_given, params_file_here
from dispatch.console import err, only_results_speak, out, write_json
from dispatch.html import save_page
from dispatch.replay.deciding import STAGES, replay_of
from dispatch.replay.elsewhere.revisions import code_of, this_code
from dispatch.replay.overrides import with_overrides
from dispatch.shadow.found import Found
from dispatch.shadow.html_report import shadow_page
from dispatch.shadow.join import Rules
from dispatch.shadow.naming import Names, name_of
from dispatch.shadow.run import Plan, Shadow
from dispatch.shadow.telling import show, to_document
from dispatch.shadow.watching import Watching
from dispatch.spans import length
from kernel.domain.errors import ConfigError, TradingError
from kernel.domain.params import TradingParams
from kernel.runtime.clock import SystemClock
from kernel.runtime.health import Health
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings
from kernel.runtime.web import WebServer, health_app


def shadow(
    stage: Stage,
    rev: Rev = None,
    settings: Settings = None,
    for_: For = None,
    decisions: Decisions = None,
    minimum_pct: MinAgreement = 100.0,
    patience: Patience = "2m",
    name: As = None,
    anew: Anew = False,
    port: Port = 0,
    html: Html = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """Let another revision decide what the live stage decides, on the same evidence, and order nothing.

    Runs until it is stopped or has seen enough, then reports. Exit code 1 where agreement is below the minimum.
    """
    own, changes = ServiceSettings.from_env(os.environ), tuple(settings or ())
    filed = _checked(stage, changes)
    connection = connect(os.environ)
    seconds = None if for_ is None else length(for_, "--for").total_seconds()
    rules = Rules(patience=length(patience, "--patience"))
    only_results_speak()
    with nullcontext(this_code(own.code_revision())) if rev is None else code_of(rev) as code:
        plan = Plan(
            names=Names(stage=stage, revision=name_of(code, name), live_prefix=connection.prefix),
            replay=replay_of(stage, filed, own.code_revision()),
            code=code,
            params=_params_given(),
            settings=changes,
            bootstrap_servers=connection.kafka,
            rules=rules,
            anew=anew,
            decisions=decisions,
            seconds=seconds,
        )
        found = asyncio.run(_run(plan, minimum_pct, own.http_host, port))
    _report(found, filed, html=html, as_json=as_json, limit=limit)
    sys.exit(0 if found.holds else 1)


def _checked(stage: str, changes: tuple[str, ...]) -> TradingParams:
    """Return the present parameters; raises ConfigError on a stage or a change that cannot be, before anything starts."""
    if stage not in STAGES:
        raise ConfigError(f"there is nothing to shadow of {stage!r}; stages: {', '.join(STAGES)}")
    filed = load_params(params_file_here(os.environ))
    with_overrides(filed, changes)
    return filed


def _params_given() -> str | None:
    """Return the parameters the live stages were given, for the other revision too; None where each takes its own."""
    file = params_file_given(os.environ)
    return None if file is None else file.read_text("utf-8")


async def _run(plan: Plan, minimum_pct: float, host: str, port: int) -> Found:
    """Run it beside its web server; raises what ended it before anything was compared."""
    stop, clock, health = asyncio.Event(), SystemClock(), Health()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    web = _web(health, host, port)
    err.print(f"metrics: http://{host}:{web.port}/metrics; stop with Ctrl-C", markup=False)
    serving = asyncio.create_task(web.serve(), name="web")
    since, failure = clock.now(), None
    with Watching(plan.names.stage, err) as watching:
        one = Shadow(plan, clock=clock, health=health, moved=watching.moved)
        try:
            await one.run(stop)
        except TradingError as e:
            if not one.tally.compared:
                raise
            failure = str(e)
        finally:
            web.stop()
            await asyncio.wait([serving])
    return one.found(minimum_pct, since, failure)


def _web(health: Health, host: str, port: int) -> WebServer:
    try:
        return WebServer(health_app(health, "dispatch shadow"), host, port)
    except OSError as e:
        raise ConfigError(f"--port: cannot listen on {host}:{port}: {e.strerror}") from e


def _report(found: Found, params: TradingParams, *, html: Path | None, as_json: bool, limit: int) -> None:
    if html is not None:
        save_page(html, shadow_page(found, params.selector.scoring))
        err.print(f"written: {html}", markup=False)
    if as_json:
        write_json(to_document(found))
    else:
        show(found, out, limit)
