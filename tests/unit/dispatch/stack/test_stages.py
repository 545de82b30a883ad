import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch.stack import stages
from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder, StackOptions
from dispatch.stack.parts import Part
from dispatch.stack.processes import ChildProcess, ProcessSpec
from dispatch.stack.waiting import free_ports

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[2]))
        self.end_headers()
        self.wfile.write(b"no broker" if sys.argv[2] == "503" else b"fine")
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


@pytest.fixture
def part(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Part]:
    """A process that answers /readyz with the status given, or crashes if that is 0."""
    status: int = request.param
    (port,) = free_ports(1)
    code = SERVER if status else "exit('KAFKA_BOOTSTRAP_SERVERS: no such host')"
    command = [sys.executable, "-c", code, str(port), str(status)]
    spec = ProcessSpec(name="sizer", command=command, log_path=tmp_path / "log")
    part = Part(child=ChildProcess.start(spec), port=port)
    yield part
    part.child.kill()


@pytest.mark.parametrize("part", [200], indirect=True)
def test_a_stage_is_ready_when_it_says_so(part: Part) -> None:
    stages.await_stage(part)
    assert part.state == "ready"


@pytest.mark.parametrize("part", [503], indirect=True)
def test_a_stage_that_does_not_become_ready_is_quoted(part: Part, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "STAGE_DEADLINE_S", 1.0)
    with pytest.raises(StackError, match=r"sizer was not ready within 1 s; it says: no broker \(log: "):
        stages.await_stage(part)


@pytest.mark.parametrize("part", [0], indirect=True)
def test_a_stage_that_crashes_at_start_is_quoted_without_waiting(part: Part) -> None:
    with pytest.raises(
        StackError, match="sizer ended with exit code 1: KAFKA_BOOTSTRAP_SERVERS: no such host"
    ):
        stages.await_stage(part)


def test_every_worker_of_a_stage_has_its_own_name_port_and_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ProcessSpec] = []

    def start(spec: ProcessSpec) -> ChildProcess:
        asked.append(spec)
        return ChildProcess(spec, None)  # type: ignore[arg-type]

    monkeypatch.setattr(ChildProcess, "start", start)
    options = StackOptions(
        run_folder=tmp_path,
        stages=("signals", "selector", "sizer"),
        workers={"selector": 2},
        signals_port=8080,
    )
    parts = stages.start_stages(options, RunFolder(tmp_path), {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    assert [spec.name for spec in asked] == ["signals", "selector", "selector-2", "sizer"]
    assert [list(spec.command)[-1] for spec in asked] == [
        "services.signals",
        *["services.selector"] * 2,
        "services.sizer",
    ]
    assert len({part.port for part in parts}) == 4
    assert parts[0].port == 8080
    assert [spec.environment["DISPATCH_HTTP_PORT"] for spec in asked] == [str(part.port) for part in parts]
    assert {spec.environment["KAFKA_BOOTSTRAP_SERVERS"] for spec in asked} == {"127.0.0.1:1"}
    assert len({spec.log_path for spec in asked}) == 4


def test_the_venue_of_a_run_folder_has_been_met_before_unless_its_market_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments: list[dict[str, str]] = []

    def start(spec: ProcessSpec) -> None:
        environments.append(dict(spec.environment))

    monkeypatch.setattr(ChildProcess, "start", start)
    for chosen in ({}, {"equity": 5000, "speed": 10}, {"seed": 4}, {"market": "lean:/data"}):
        options = StackOptions(run_folder=tmp_path, **chosen)
        stages.start_venue(options, RunFolder(tmp_path))
    files = [Path(environment["SIMULATOR_STATE"]) for environment in environments]
    assert files[0] == files[1]
    assert len(set(files)) == 3
    assert {file.parent for file in files} == {tmp_path / "venue"}
