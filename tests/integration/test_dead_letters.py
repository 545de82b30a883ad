"""Dead letters on a real Kafka: listed, shown, sent back; and what comes of one that is sent back twice."""

import asyncio
import contextlib
import copy
import io
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import fastavro
import psycopg
import pytest
from structlog.testing import capture_logs

from dispatch import cli
from kernel.adapters.decision_log import DecisionLog
from kernel.adapters.migrate import migrate
from kernel.adapters.postgres import Database
from kernel.contracts.codec import MARKER, Codec
from kernel.contracts.messages import Signal, Ticket
from kernel.contracts.origin import Origin
from kernel.contracts.schema_store import load_store, schema_fingerprint
from kernel.contracts.topics import SCHEMAS, SELECTIONS, SIGNALS, TICKETS, Topic
from kernel.domain.errors import UnprocessableError
from kernel.runtime.settings import ServiceSettings
from kernel.stream.admin import TopicSettings, create_topics, group_lag
from kernel.stream.dead_letter import DeadLetter, Place
from kernel.stream.process import Process, run_until
from kernel.stream.producer import MAX_MESSAGE_BYTES, KafkaPublisher
from kernel.stream.reader import LogReader, StoredRecord
from kernel.stream.requeue import Requeuer
from kernel.stream.stage import Emissions, Stage
from kernel.testing.builders import NOW, a_leg, a_selection, a_signal
from kernel.testing.clock import FixedClock
from services.executor.adapters.postgres_orders import PostgresOrders
from services.executor.core.orders import client_order_id_of
from services.executor.core.steps import Steps
from services.executor.stage import ExecutorStage
from services.sizer.adapters.postgres_budget import PostgresBudget
from services.sizer.stage import SizerStage
from tests.fakes.executor import FakeBroker, FakePause
from tests.fakes.executor_facts import facts_at
from tests.fakes.params import PARAMS
from tests.fakes.sizer import FakeAccountSource
from tests.fakes.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

DEADLINE_S = 90.0
CODEC = Codec()
SIGNAL = CODEC.encode(SIGNALS, a_signal())
SELECTION = a_selection(legs=(a_leg(occ_symbol="SPY260612C00520000"),))


class Unable:
    """A release that can handle nothing."""

    async def handle(self, message: Signal) -> Emissions:
        raise UnprocessableError(f"no way for {message.idea.underlying}")


@dataclass
class Desk:
    """An operator's command, and the topics of one test."""

    bootstrap: str
    prefix: str
    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    async def dispatch(self, *words: str, stdin: str | None = None) -> tuple[int, str, str]:
        """Run `dispatch topics dead …`; `stdin` is what a person types, None is no terminal. Returns code, out, err."""
        typed = io.StringIO(stdin or "")
        typed.isatty = lambda: stdin is not None  # type: ignore[method-assign]
        self.monkeypatch.setattr("sys.stdin", typed)
        self.monkeypatch.setattr("sys.argv", ["dispatch", "topics", "dead", *words])
        self.monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", self.bootstrap)
        self.monkeypatch.setenv("DISPATCH_TOPIC_PREFIX", self.prefix)
        self.capsys.readouterr()
        code = await asyncio.to_thread(_run)
        said = self.capsys.readouterr()
        return code, said.out, said.err

    async def rows(self, *words: str) -> dict[str, dict[str, Any]]:
        """Return `dispatch topics dead … --json` by address."""
        code, out, err = await self.dispatch(*words, "--json")
        assert code == 0, err
        return {row["address"]: row for row in json.loads(out)}

    async def bury(
        self,
        value: bytes | None,
        *,
        topic: Topic[Any] = SIGNALS,
        key: bytes | None = b"SPY",
        offset: int = 5,
        reason: str = "unknown schema fingerprint 00",
    ) -> None:
        """Write a dead letter as a stage does."""
        letter = DeadLetter(
            topic=topic.full_name(self.prefix),
            partition=0,
            offset=offset,
            stage="selector",
            error="UndecodableMessage",
            reason=reason,
        )
        async with KafkaPublisher(self.bootstrap, self.prefix, "test") as publisher:
            await publisher.publish_raw(topic.dead_name(self.prefix), key, value, letter.headers())

    async def records(self, topic: Topic[Any]) -> list[StoredRecord]:
        async with LogReader(self.bootstrap, [topic.full_name(self.prefix)]) as reader:
            return [record async for record in reader.to_the_end()]

    async def all_read(self, stage: str, topic: Topic[Any]) -> bool:
        return await group_lag(self.bootstrap, f"{self.prefix}{stage}", topic.full_name(self.prefix)) == 0

    @contextlib.asynccontextmanager
    async def process(
        self, name: str, consumes: Topic[Any], stage: Stage[Any]
    ) -> AsyncIterator[asyncio.Task[None]]:
        """Run a stage as its process does, for the length of the block."""
        environ = {"KAFKA_BOOTSTRAP_SERVERS": self.bootstrap, "DISPATCH_TOPIC_PREFIX": self.prefix}
        process = Process(
            name=name,
            settings=ServiceSettings.from_env(environ),
            publisher=KafkaPublisher(self.bootstrap, self.prefix, name),
            consumes=consumes,
            stage=stage,
        )
        stop = asyncio.Event()
        task = asyncio.create_task(run_until(process, stop))
        try:
            yield task
        finally:
            stop.set()
            await task


def _run() -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.fixture
async def desk(
    kafka_bootstrap: str,
    topic_prefix: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    await create_topics(kafka_bootstrap, TopicSettings(prefix=topic_prefix, partitions=3))
    with capture_logs():  # the stages of these tests share the command's standard output
        yield Desk(kafka_bootstrap, topic_prefix, capsys, monkeypatch)


def headers_of(record: StoredRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


async def test_where_nothing_died_that_is_said(desk: Desk) -> None:
    assert await desk.dispatch() == (0, "", "no dead letters\n")
    assert await desk.dispatch("signals", "--requeue") == (0, "", "no dead letters\n")
    assert await desk.rows() == {}


async def test_letters_are_listed_with_address_reason_key_and_signal(desk: Desk) -> None:
    await desk.bury(SIGNAL)
    await desk.bury(b"garbage", topic=TICKETS, key=None, reason="not a message")
    code, out, err = await desk.dispatch()
    assert code == 0
    signal, ticket = out.split("\ntickets:")
    assert signal.startswith("signals:")
    assert "selector: UndecodableMessage  key SPY  signal " + a_signal().meta.id in signal
    assert "it decodes today" in signal
    assert "no key\n    not a message" in ticket
    assert err == "dead letters: 2, to send back: 2\n"
    assert list(await desk.rows("--reason", "fingerprint")) == list(await desk.rows("signals"))
    assert await desk.rows("--since", "1h") == await desk.rows()


async def test_a_letter_is_shown_decoded_or_in_hex(desk: Desk) -> None:
    await desk.bury(SIGNAL)
    await desk.bury(b"garbage", topic=TICKETS)
    (signal,), (ticket,) = await desk.rows("signals"), await desk.rows("tickets")
    _, shown, _ = await desk.dispatch(signal)
    assert f"__streams.errors.topic = {desk.prefix}signals" in shown
    assert '"underlying": "SPY"' in shown
    _, shown, _ = await desk.dispatch(ticket)
    assert "7 bytes that cannot be decoded: not a single-object Avro message" in shown
    assert "67 61 72 62 61 67 65" in shown
    assert "|garbage|" in shown
    assert (await desk.rows(signal))[signal]["decoded"]["idea"]["underlying"] == "SPY"


async def test_a_letter_of_another_release_is_decoded_once_its_writer_said_how(desk: Desk) -> None:
    """As after an upgrade, or when the topic of schemas was away as the letter came."""
    raw = copy.deepcopy(load_store().current_raw["signal"])
    raw["fields"].append({"name": f"note_{desk.prefix[:-1]}", "type": "string", "default": ""})
    document = a_signal().model_dump() | {raw["fields"][-1]["name"]: "new"}
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(raw), document)
    fingerprint = schema_fingerprint(raw)
    await desk.bury(MARKER + fingerprint + body.getvalue())
    ((address, before),) = (await desk.rows()).items()
    assert (before["decodes"], before["signal_id"]) == (False, None)
    announced = json.dumps({"name": "signal", "schema": raw}).encode()
    async with KafkaPublisher(desk.bootstrap, desk.prefix, "test") as publisher:
        await publisher.publish_raw(desk.prefix + SCHEMAS, fingerprint.hex().encode(), announced)
    assert (await desk.rows(address))[address]["decoded"]["meta"]["id"] == a_signal().meta.id
    assert "it decodes today" in (await desk.dispatch())[1]


async def test_bytes_and_key_go_back_as_they_were_with_a_header_that_says_so(desk: Desk) -> None:
    await desk.bury(b"garbage", key=b"QQQ")
    await desk.bury(b"no key", key=None, offset=6)
    await desk.bury(None, key=b"IWM", offset=7)
    code, _, err = await desk.dispatch("--requeue", "--yes")
    assert (code, err.splitlines()[-1][:11]) == (0, "sent 3 back")
    back = {record.value: record for record in await desk.records(SIGNALS)}
    assert {value: record.key for value, record in back.items()} == {
        b"garbage": b"QQQ",
        b"no key": None,
        None: b"IWM",
    }
    letters = {row["hex"]: address for address, row in (await desk.rows()).items()}
    dead = f"{SIGNALS.dead_name(desk.prefix)}:"
    assert headers_of(back[b"garbage"]) == {
        "dispatch.requeued.from": letters[b"garbage".hex()].replace("signals:", dead),
        "dispatch.requeued.deaths": "1",
    }
    async with KafkaPublisher(desk.bootstrap, desk.prefix, "test") as publisher:
        await publisher.publish_raw(SIGNALS.full_name(desk.prefix), b"QQQ", b"by its key")
    partitions = {record.partition for record in await desk.records(SIGNALS) if record.key == b"QQQ"}
    assert len(partitions) == 1


async def test_a_letter_with_neither_key_nor_value_goes_back_empty(desk: Desk) -> None:
    """Only another client can write such a record; ours gives back the nearest it can."""
    letter = Place(SIGNALS.dead_name(desk.prefix), 0, 0)
    async with Requeuer(desk.bootstrap, desk.prefix, "test") as requeuer:
        await requeuer.send_back(letter, SIGNALS.full_name(desk.prefix), None, None, 1)
    (back,) = await desk.records(SIGNALS)
    assert (back.key, back.value) == (None, b"")


async def test_one_letter_or_those_of_a_reason_go_back_and_the_others_stay(desk: Desk) -> None:
    for offset, (value, reason) in enumerate(((b"a", "why"), (b"b", "why"), (b"c", "negative"))):
        await desk.bury(value, offset=offset, reason=reason)
    first, *_ = await desk.rows()
    await desk.dispatch(first, "--requeue", "--yes")
    assert [record.value for record in await desk.records(SIGNALS)] == [b"a"]
    await desk.dispatch("--reason", "NEGATIVE", "--requeue", "--yes")
    assert [record.value for record in await desk.records(SIGNALS)] == [b"a", b"c"]


async def test_what_went_back_is_shown_so_and_goes_again_only_when_asked(desk: Desk) -> None:
    await desk.bury(SIGNAL)
    (address,) = await desk.rows("--requeue", "--yes")
    (row,) = (await desk.rows()).values()
    (record,) = await desk.records(SIGNALS)
    (sent,) = row["requeued"]
    assert (sent["partition"], sent["offset"]) == (record.partition, record.offset)
    assert "sent back" in (await desk.dispatch())[1]

    code, _, err = await desk.dispatch(address, "--requeue", "--yes")
    assert (code, err) == (0, "1 went back before and stay here; --again sends them once more\n")
    assert len(await desk.records(SIGNALS)) == 1
    await desk.dispatch(address, "--requeue", "--yes", "--again")
    assert len(await desk.records(SIGNALS)) == 2


async def test_nothing_goes_back_without_a_yes(desk: Desk) -> None:
    await desk.bury(b"a", offset=1)
    await desk.bury(b"b", offset=2)
    code, _, err = await desk.dispatch("--requeue")
    assert code == 2
    assert "no terminal to ask on: add --yes to send back 2 letters (2 to signals)" in err
    code, _, err = await desk.dispatch("--requeue", stdin="n\n")
    assert code == 1
    assert "2 cannot be decoded today and would die again" in err
    assert "send back 2 letters (2 to signals)?" in err
    assert await desk.records(SIGNALS) == []
    code, _, err = await desk.dispatch("--requeue", stdin="y\n")
    assert (code, len(await desk.records(SIGNALS))) == (0, 2)


async def test_an_address_nobody_has_is_one_line_and_nothing_is_sent(desk: Desk) -> None:
    await desk.bury(b"a")
    (address,) = await desk.rows()
    code, out, err = await desk.dispatch(address, "signals:1/99", "--requeue", "--yes")
    assert (code, out) == (1, "")
    assert err == ("dispatch: there is no dead letter signals:1/99; list them with: dispatch topics dead\n")
    assert await desk.records(SIGNALS) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["signals:x"], "'signals:x' is no address of a dead letter; an example: signals:2/17"),
        (["executions"], "those that have: signals, selections, tickets"),
        (["--since", "soon"], "--since: 'soon' is no span; examples: 30m, 1h, 2d"),
    ],
)
async def test_what_is_typed_wrongly_is_one_line(desk: Desk, words: list[str], said: str) -> None:
    code, out, err = await desk.dispatch(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert said in err


async def test_a_letter_too_large_to_go_back_is_named_and_the_others_go(desk: Desk) -> None:
    """It just fitted; with the headers that say it came back it does not."""
    await desk.bury(b"x" * (MAX_MESSAGE_BYTES - 80), offset=1)
    await desk.bury(b"small", offset=2)
    code, _, err = await desk.dispatch("--requeue", "--yes")
    assert code == 1
    assert "could not be sent back: a message is too large" in err
    assert "sent 1 back" in err
    assert [record.value for record in await desk.records(SIGNALS)] == [b"small"]


async def test_a_letter_that_dies_again_shows_how_often_and_only_the_last_goes_back(desk: Desk) -> None:
    async with KafkaPublisher(desk.bootstrap, desk.prefix, "test") as publisher:
        await publisher.publish_raw(SIGNALS.full_name(desk.prefix), b"SPY", SIGNAL)
    async with desk.process("selector", SIGNALS, Unable()) as running:
        for deaths in (1, 2, 3):

            async def died(deaths: int = deaths) -> bool:
                return len(await desk.rows()) == deaths

            await eventually(died, running)
            if deaths < 3:
                await desk.dispatch("--requeue", "--yes")
    first, second, third = (await desk.rows()).values()
    assert [row["deaths"] for row in (first, second, third)] == [1, 2, 3]
    assert (first["died_again_as"], second["died_again_as"]) == (second["address"], third["address"])
    assert third["requeued"] == []
    assert [headers_of(r).get("dispatch.requeued.deaths") for r in await desk.records(SIGNALS)] == [
        None,
        "1",
        "2",
    ]
    assert "died 3 times" in (await desk.dispatch())[1]


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    await asyncio.to_thread(migrate, database_url)
    opened = Database(database_url)
    await opened.open()
    yield opened
    await opened.close()


def a_sizer(database: Database, clock: FixedClock) -> SizerStage:
    return SizerStage(
        account=FakeAccountSource(clock),
        budget=PostgresBudget(database, DecisionLog("sizer")),
        clock=clock,
        params=PARAMS.sizer,
        origin=Origin("sizer", "test", "test"),
    )


def an_executor(database: Database, clock: FixedClock, broker: FakeBroker) -> ExecutorStage:
    return ExecutorStage(
        broker=broker,
        orders=PostgresOrders(database, lambda: None),
        facts=facts_at(clock),
        clock=clock,
        pause=FakePause(),
        params=PARAMS,
        steps=Steps(Origin("executor", "test", "test")),
    )


async def test_a_letter_sent_back_twice_is_one_decision_and_one_order(
    desk: Desk, database: Database, database_url: str
) -> None:
    """Both records pass through sizer and executor as processes, on the real log and database."""
    await desk.bury(CODEC.encode(SELECTIONS, SELECTION), topic=SELECTIONS)
    clock = FixedClock(NOW)
    broker = FakeBroker(clock)

    async def through(times: int) -> bool:
        """Whether `times` records were sized and executed."""
        counts = [len(await desk.records(topic)) for topic in (SELECTIONS, TICKETS)]
        read = await desk.all_read("sizer", SELECTIONS) and await desk.all_read("executor", TICKETS)
        return counts == [times, times] and read

    async with (
        desk.process("sizer", SELECTIONS, a_sizer(database, clock)) as sizing,
        desk.process("executor", TICKETS, an_executor(database, clock, broker)) as executing,
    ):
        for times in (1, 2):
            code, _, err = await desk.dispatch("selections", "--requeue", "--yes", "--again")
            assert code == 0, err
            await eventually(lambda times=times: through(times), sizing, executing)  # type: ignore[misc]

    tickets: list[Ticket] = [CODEC.decode(TICKETS, r.value or b"") for r in await desk.records(TICKETS)]
    assert tickets[0] == tickets[1]
    order_id = client_order_id_of(tickets[0].meta.id)
    assert broker.accepted == Counter({order_id: 1})
    assert len(broker.posts) == 1
    with psycopg.connect(database_url) as connection:

        def column(query: str) -> list[Any]:
            return [row[0] for row in connection.execute(query.encode()).fetchall()]

        assert column("SELECT input_id FROM dispatch_decisions") == [SELECTION.meta.id]
        assert column("SELECT ticket_id FROM dispatch_reservations") == [tickets[0].meta.id]
        assert column("SELECT client_order_id FROM dispatch_orders") == [order_id]
        assert column("SELECT sequence FROM dispatch_executions ORDER BY sequence") == [1, 2]
