"""docker-compose.yml, read as Compose reads it: known keys only, every container confined and bounded, every part rollable.

Where docker has its compose plugin, `docker compose config` reads it too, and must come to the same.
"""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from typing import Annotated, Any, Literal

import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kernel.runtime.settings import PROJECT_ROOT
from tests.architecture.parts import PARTS, STAGES

FILE = PROJECT_ROOT / "docker-compose.yml"
SERVERS = {"kafka", "postgres"}
ONE_SHOTS = {"setup", "operator"}
#: What has no health of its own, and why.
WITHOUT_HEALTH = {"setup": "one shot", "operator": "one shot", "loopback": "it only sleeps"}
#: Whose file system is writable: Kafka's image writes its configuration beside its code.
WRITES_ITS_IMAGE = {"kafka"}
_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>(?:[^{}]|\$\{[^}]*\})*))?\}")
_PORT = re.compile(r"127\.0\.0\.1:\d+:\d+")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Build(_Strict):
    context: Literal["."]
    target: str
    network: str
    args: dict[str, str]


class Healthcheck(_Strict):
    test: Annotated[list[str], Field(min_length=2)]
    interval: str
    timeout: str
    retries: int
    start_period: str


class Limits(_Strict):
    cpus: Annotated[str, Field(pattern=r"^\d+\.\d+$")]
    memory: Annotated[str, Field(pattern=r"^\d+[MG]$")]
    pids: int


class Resources(_Strict):
    limits: Limits


class Deploy(_Strict):
    resources: Resources


class Needed(_Strict):
    condition: Literal["service_healthy", "service_completed_successfully"]


class Logging(_Strict):
    driver: Literal["json-file"]
    options: dict[Literal["max-size", "max-file"], str]


class EnvironmentFile(_Strict):
    path: str
    required: bool


class Service(_Strict):
    """The keys of the Compose Specification that the file uses; each is there for everyone or has a reason not to be."""

    image: str
    build: Build | None = None
    command: list[str] | None = None
    entrypoint: list[str] | None = None
    user: str | None = None
    restart: str
    read_only: bool = False
    tmpfs: list[str] = []
    cap_drop: list[str]
    cap_add: list[str] = []
    security_opt: list[str]
    logging: Logging
    deploy: Deploy
    ports: list[str] = []
    volumes: list[str] = []
    environment: dict[str, str | int] = {}
    env_file: list[EnvironmentFile] = []
    network_mode: str | None = None
    stop_grace_period: str | None = None
    stop_signal: str | None = None
    scale: int = 1
    profiles: list[str] = []
    depends_on: dict[str, Needed] = {}
    healthcheck: Healthcheck | None = None


class Composed(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    services: dict[str, Service]
    volumes: dict[str, None]


def read(environ: dict[str, str]) -> Composed:
    """Return the file with its variables replaced, its anchors merged, its extension fields left out."""
    document = interpolated(yaml.safe_load(FILE.read_text("utf-8")), environ)
    return Composed.model_validate({k: v for k, v in document.items() if not k.startswith("x-")})


def interpolated(value: Any, environ: dict[str, str]) -> Any:
    """Replace `${NAME}` and `${NAME:-default}` in every text, defaults inside defaults included."""
    if isinstance(value, dict):
        return {key: interpolated(inner, environ) for key, inner in value.items()}
    if isinstance(value, list):
        return [interpolated(inner, environ) for inner in value]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(
        lambda m: environ.get(m["name"]) or str(interpolated(m["default"] or "", environ)), value
    )


@pytest.fixture(scope="module")
def composed() -> Composed:
    return read({})


def test_it_holds_the_servers_the_parts_and_what_joins_them(composed: Composed) -> None:
    assert set(composed.services) == SERVERS | set(PARTS) | {"setup", "loopback"}


def test_an_unknown_key_is_noticed() -> None:
    service = read({}).services["selector"].model_dump(exclude_none=True)
    with pytest.raises(ValidationError, match="read_onli"):
        Service.model_validate({**service, "read_onli": True})


def test_every_container_is_confined(composed: Composed) -> None:
    for name, service in composed.services.items():
        assert service.cap_drop == ["ALL"], name
        assert service.security_opt == ["no-new-privileges:true"], name
        assert service.read_only is (name not in WRITES_ITS_IMAGE), name
        assert not service.cap_add or name == "postgres"
        assert service.logging.options.keys() == {"max-size", "max-file"}


def test_every_container_is_bounded(composed: Composed) -> None:
    for service in composed.services.values():
        limits = service.deploy.resources.limits
        assert 0 < float(limits.cpus) <= 2
        assert limits.pids <= 512
    total = sum(
        _mib(s.deploy.resources.limits.memory) for n, s in composed.services.items() if n != "operator"
    )
    assert total <= 5 * 1024


def test_every_container_is_started_again_unless_it_is_a_one_shot(composed: Composed) -> None:
    for name, service in composed.services.items():
        assert (service.restart == "unless-stopped") is (name not in ONE_SHOTS), name


def test_health_is_asked_of_everything_that_has_any(composed: Composed) -> None:
    assert {n for n, s in composed.services.items() if s.healthcheck is None} == set(WITHOUT_HEALTH)
    for stage in STAGES:
        port = composed.services[stage].environment["DISPATCH_HTTP_PORT"]
        health = composed.services[stage].healthcheck
        assert health is not None
        assert f"http://127.0.0.1:{port}/readyz" in health.test[-1]


def test_ports_are_published_on_loopback_alone(composed: Composed) -> None:
    published = {name: service.ports for name, service in composed.services.items() if service.ports}
    assert set(published) == {"kafka", "loopback"}
    assert all(_PORT.fullmatch(port) for ports in published.values() for port in ports)


def test_no_image_of_ours_runs_as_root(composed: Composed) -> None:
    dockerfile = (PROJECT_ROOT / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^USER (.+)$", dockerfile, re.MULTILINE) == ["10001"]
    assert composed.services["loopback"].user == "10001"
    assert not [n for n, s in composed.services.items() if s.user and n != "loopback"]


@pytest.mark.parametrize("part", PARTS)
def test_a_parts_image_is_its_own_target_and_its_tag_its_own_variable(part: str, composed: Composed) -> None:
    service = composed.services[part]
    assert service.image == f"dispatch-{part}:local"
    assert service.build is not None
    assert service.build.target == part
    rolled = read({f"{part.upper()}_TAG": "next", "IMAGE_PREFIX": "registry.example.com/dispatch/"}).services
    assert rolled[part].image == f"registry.example.com/dispatch/{part}:next"


@pytest.mark.parametrize("stage", STAGES)
def test_another_tag_of_one_stage_changes_nothing_else(stage: str, composed: Composed) -> None:
    rolled = read({f"{stage.upper()}_TAG": "next"})
    changed = {name for name in composed.services if rolled.services[name] != composed.services[name]}
    assert changed == {stage}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_shares_its_network_with_nothing_that_is_ever_rolled(stage: str, composed: Composed) -> None:
    owner = str(composed.services[stage].network_mode).removeprefix("service:")
    assert owner == "loopback"
    every_tag = {f"{part.upper()}_TAG": "next" for part in PARTS}
    assert read(every_tag).services[owner] == composed.services[owner]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_gets_the_time_it_needs_to_stop(stage: str, composed: Composed) -> None:
    assert composed.services[stage].stop_grace_period == "30s"


def test_on_paper_there_is_no_simulator_and_the_stages_talk_to_alpaca() -> None:
    paper = read({"SIMULATORS": "0", "APCA_API_BASE_URL": "https://paper-api.alpaca.markets"}).services
    assert paper["simulator"].scale == 0
    assert {paper[s].environment["APCA_API_BASE_URL"] for s in STAGES} == {"https://paper-api.alpaca.markets"}


def test_only_the_signals_stage_is_given_the_webhooks_token(composed: Composed) -> None:
    assert {n for n, s in composed.services.items() if "DISPATCH_WEBHOOK_TOKEN" in s.environment} == {
        "signals"
    }


def test_the_operators_command_starts_only_when_asked_for(composed: Composed) -> None:
    assert {n: s.profiles for n, s in composed.services.items() if s.profiles} == {"operator": ["tools"]}


def test_docker_compose_reads_the_same() -> None:
    if not _compose_is_here():
        pytest.skip("docker compose is not here; all other tests of this file hold for our own reading")
    theirs = _docker_config()
    ours = read({})
    assert theirs["services"].keys() == ours.services.keys()
    for name, service in ours.services.items():
        read_by_docker = theirs["services"][name]
        assert read_by_docker["image"] == service.image
        assert read_by_docker.get("read_only", False) == service.read_only
        assert read_by_docker.get("environment", {}) == {k: str(v) for k, v in service.environment.items()}
        limits = service.deploy.resources.limits
        assert (
            int(read_by_docker["deploy"]["resources"]["limits"]["memory"])
            == _mib(limits.memory) * 1024 * 1024
        )
        assert read_by_docker.get("depends_on", {}).keys() - {"loopback"} == service.depends_on.keys() - {
            "loopback"
        }


@cache
def _compose_is_here() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0


def _docker_config() -> Any:
    words = [
        "--file",
        str(FILE),
        "--env-file",
        os.devnull,
        "--profile",
        "tools",
        "config",
        "--format",
        "json",
    ]
    environment = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    done = subprocess.run(
        ["docker", "compose", *words], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def _mib(memory: str) -> int:
    return int(memory[:-1]) * (1024 if memory[-1] == "G" else 1)
