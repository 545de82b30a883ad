"""`dispatch status` on a real Postgres, as in a container: no stack runs here, and Kafka is away."""

from pathlib import Path

import psycopg
import pytest

from dispatch import cli
from kernel.adapters.migrate import migrate

pytestmark = pytest.mark.integration


def test_switch_and_books_are_read_where_the_environment_says_and_kafka_is_away(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    with psycopg.connect(database_url) as database:  # a listener, and its only clean pass ten minutes ago
        database.execute(
            "INSERT INTO dispatch_listeners (account_id, epoch, stream_ready, stream_at, beat_at)"
            " VALUES ('PA1', 1, true, now() - interval '1 hour', now() + interval '1 hour')"
        )
        database.execute(
            "INSERT INTO dispatch_reconciliation (account_id, baseline_at, cash_usd, fills_since, pass_at, pass_epoch,"
            " pass_ms, clean_at, clean_epoch)"
            " VALUES ('PA1', now(), 0, now(), now(), 1, 40, now() - interval '10 minutes', 1)"
        )
    for name, value in {
        "DATABASE_URL": database_url,
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "DISPATCH_HOME": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.argv", ["dispatch", "status"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    told = capsys.readouterr().out
    assert ended.value.code == 1
    assert told.startswith("trading: ACTIVE")
    assert "lag: not known, Kafka at 127.0.0.1:1 did not answer" in told
    assert "books of PA1: no new order, RECONCILING, compared " in told
    assert ", clean 10 min ago, " in told
