"""The processes of ours in a stack: the venue and the stages. How each is started, and when it counts as ready."""

import http.client
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder, StackOptions, StageName
from dispatch.stack.parts import Part, ended_because
from dispatch.stack.processes import ChildProcess, ProcessSpec
from dispatch.stack.waiting import LOOPBACK, free_ports, wait_until
from kernel.domain.ids import derive_id
from kernel.runtime.settings import PROJECT_ROOT

# Reading a recorded day and computing its Greeks takes the venue some seconds; the rest is room for a slow machine.
VENUE_DEADLINE_S = 120.0
STAGE_DEADLINE_S = 60.0


def start_venue(options: StackOptions, folder: RunFolder) -> Part:
    """Start the simulator; it writes the port it chose into a file once it listens."""
    folder.venue.mkdir(parents=True, exist_ok=True)
    _ready_file(folder).unlink(missing_ok=True)
    environment = {
        **options.venue_environment(),
        "SIMULATOR_HOST": LOOPBACK,
        "SIMULATOR_PORT": "0",
        "SIMULATOR_JOURNAL": str(folder.venue / "journal.jsonl"),
        "SIMULATOR_STATE": str(_state_file(options, folder)),
        "SIMULATOR_READY_FILE": str(_ready_file(folder)),
    }
    return Part(
        child=ChildProcess.start(_python("venue", "simulator", environment, folder)), may_restart=False
    )


def await_venue(part: Part, folder: RunFolder) -> str:
    """Return the venue's base URL once it listens; raises StackError."""
    wait_until(lambda: _ready_file(folder).exists() or not part.child.running, VENUE_DEADLINE_S)
    if not part.child.running:
        raise StackError(f"{ended_because(part.child)} (log: {part.child.spec.log_path})")
    if not _ready_file(folder).exists():
        raise StackError(
            f"the venue was not ready within {VENUE_DEADLINE_S:.0f} s (log: {part.child.spec.log_path})"
        )
    part.port = int(json.loads(_ready_file(folder).read_text())["port"])
    part.state = "ready"
    return f"http://{LOOPBACK}:{part.port}"


def start_stages(options: StackOptions, folder: RunFolder, environment: Mapping[str, str]) -> list[Part]:
    """Start every process of every stage, each with a port of its own for health and metrics."""
    names = [
        (stage, f"{stage}-{number}" if number > 1 else stage)
        for stage in options.stages
        for number in range(1, options.workers.get(stage, 1) + 1)
    ]
    chosen = {"signals": options.signals_port}
    return [
        start_stage(stage, name, chosen.get(name) or port, folder, environment)
        for (stage, name), port in zip(names, free_ports(len(names)), strict=True)
    ]


def start_stage(
    stage: StageName, name: str, port: int, folder: RunFolder, environment: Mapping[str, str]
) -> Part:
    """Start one process of a stage."""
    own = {**environment, "DISPATCH_HTTP_HOST": LOOPBACK, "DISPATCH_HTTP_PORT": str(port)}
    child = ChildProcess.start(_python(name, f"services.{stage}", own, folder))
    return Part(child=child, port=port, probe=lambda _child: readiness(port)[0])


def await_stage(part: Part) -> None:
    """Return once the stage says it is ready; raises StackError with what it said last."""
    assert part.port is not None
    port = part.port
    wait_until(lambda: not part.child.running or readiness(port)[0], STAGE_DEADLINE_S)
    if not part.child.running:
        raise StackError(f"{ended_because(part.child)} (log: {part.child.spec.log_path})")
    ready, said = readiness(port)
    if not ready:
        waited = f"{part.name} was not ready within {STAGE_DEADLINE_S:.0f} s"
        raise StackError(f"{waited}; it says: {said or 'nothing'} (log: {part.child.spec.log_path})")
    part.state = "ready"


def readiness(port: int) -> tuple[bool, str]:
    """Ask a stage's /readyz: whether it is ready, and what it answered."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException):
        return False, ""
    finally:
        connection.close()


def _python(name: str, module: str, environment: Mapping[str, str], folder: RunFolder) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        command=[sys.executable, "-m", module],
        environment={**environment, "PYTHONUNBUFFERED": "1"},
        log_path=folder.log(name),
        folder=PROJECT_ROOT,
    )


def _state_file(options: StackOptions, folder: RunFolder) -> Path:
    """Return where the venue keeps its accounts: each market has its own, so that another one begins afresh."""
    named = "|".join(str(part) for part in (options.market, options.symbol, options.date, options.seed))
    return folder.venue / f"state-{derive_id(named, 'venue')[:12]}.sqlite"


def _ready_file(folder: RunFolder) -> Path:
    return folder.venue / "ready.json"
