"""Finds the stack a command talks to: servers the environment names, else the stack that runs here."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatch.stack.errors import StackError
from dispatch.stack.options import RunFolder, default_run_folder
from dispatch.stack.state import StackState, read_state
from kernel.domain.errors import ConfigError
from kernel.runtime.settings import ServiceSettings

#: The variable that names a file of trading parameters.
PARAMS_FILE = "DISPATCH_PARAMS_FILE"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where Kafka, Postgres and the venue are, as settings; `environment` holds the same as variables."""

    settings: ServiceSettings
    environment: Mapping[str, str]

    @property
    def kafka(self) -> str:
        """Bootstrap servers."""
        return self.settings.kafka_bootstrap_servers

    @property
    def prefix(self) -> str:
        """Topic prefix."""
        return self.settings.topic_prefix

    @property
    def database_url(self) -> str:
        """Postgres, with its password."""
        return self.settings.database_url.get_secret_value()

    @property
    def venue_url(self) -> str:
        """Trading API of the venue."""
        return self.settings.apca_api_base_url.rstrip("/")


def demo_folder(environ: Mapping[str, str] = os.environ) -> RunFolder:
    """Return the demo's run folder, apart from that of `dispatch up`."""
    return RunFolder(default_run_folder(environ).path / "demo")


def demo_params_file(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a demo keeps its trading parameters: it widens limits, for it sends more than a person would."""
    folder = demo_folder(environ).path
    return folder.with_name(f"{folder.name}-params.json")


def params_file_here(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the trading parameters to decide with: those that were given, else those of this code."""
    return params_file_given(environ) or ServiceSettings.from_env(environ).params_file


def params_file_given(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the file the environment names, else the one that who would be read was given instead of its revision's own.

    That is the running stack, else the last demo, which widened the parameters. None: each revision takes
    the file that it brings.
    """
    if PARAMS_FILE in environ:
        return ServiceSettings.from_env(environ).params_file
    if "KAFKA_BOOTSTRAP_SERVERS" in environ:
        return None
    state, demo = running_stack(environ), demo_params_file(environ)
    if state is None:
        return demo if demo.exists() else None
    given = ServiceSettings.from_env({**environ, **state.environment}).params_file
    return None if given.resolve() == ServiceSettings.from_env({}).params_file.resolve() else given


def running_stack(environ: Mapping[str, str] = os.environ) -> StackState | None:
    """Return the state of the stack of this folder, or of a demo kept running, or None."""
    return read_state(default_run_folder(environ)) or read_state(demo_folder(environ))


def connect(environ: Mapping[str, str] = os.environ) -> Connection:
    """Return where to connect; raises StackError when nothing runs and nothing is named."""
    if "KAFKA_BOOTSTRAP_SERVERS" in environ:
        return connection_from(environ)
    state = running_stack(environ)
    if state is None or not state.environment:
        raise StackError(no_stack(environ, "KAFKA_BOOTSTRAP_SERVERS and DATABASE_URL"))
    return connection_from({**environ, **state.environment})


def database_here(environ: Mapping[str, str] = os.environ) -> tuple[str, ServiceSettings]:
    """Return the database's URL and the settings that go with it; nothing but Postgres need be named, or run."""
    state = None if "DATABASE_URL" in environ else running_stack(environ)
    found = {**environ, **({} if state is None else state.environment)}
    if "DATABASE_URL" not in found:
        missing = no_stack(environ, "DATABASE_URL")
        raise StackError(missing if state is None else "the stack that starts here has no database yet")
    settings = ServiceSettings.from_env(found)
    return settings.database_url.get_secret_value(), settings


def no_stack(environ: Mapping[str, str], servers: str) -> str:
    """Return what to do where nothing runs, and which folder was looked into: `servers` are variables to set instead."""
    folder = default_run_folder(environ).path
    return (
        f"no stack runs here: start one with `dispatch up`, or set {servers}"
        f" (looked into {folder}; DISPATCH_HOME names the folder of another stack)"
    )


def connection_from(environment: Mapping[str, str]) -> Connection:
    """Return the connection that variables describe; raises ConfigError on values that cannot be."""
    settings = ServiceSettings.from_env(environment)
    for server in settings.kafka_bootstrap_servers.split(","):
        _, colon, port = server.rpartition(":")
        if colon and not port.isdecimal():
            raise ConfigError(f"KAFKA_BOOTSTRAP_SERVERS: {server!r} is not host:port")
    return Connection(settings, environment)


def last_demo_archive(environ: Mapping[str, str] = os.environ) -> Path:
    """Return where the last demo's messages are kept, whether there are any or not."""
    return demo_folder(environ).path / "messages.jsonl"
