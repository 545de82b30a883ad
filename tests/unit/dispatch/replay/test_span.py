from datetime import UTC, datetime, timedelta

import pytest

from dispatch.replay.span import Span, parse_moment, parse_offsets
from kernel.domain.errors import ConfigError

NOW = datetime(2026, 6, 5, 14, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-06-05T14:00:00Z", datetime(2026, 6, 5, 14, tzinfo=UTC)),
        ("2026-06-05T10:00:00-04:00", datetime(2026, 6, 5, 14, tzinfo=UTC)),
        ("90s", NOW - timedelta(seconds=90)),
        ("30m", NOW - timedelta(minutes=30)),
        ("2h", NOW - timedelta(hours=2)),
        ("1d", NOW - timedelta(days=1)),
    ],
)
def test_an_instant_is_written_out_or_counted_back(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW, "--from") == moment


@pytest.mark.parametrize("text", ["2026-06-05T14:00:00", "yesterday", "", "5", "999999999999d"])
def test_an_instant_without_a_zone_or_sense_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--from: .* is no instant with a zone .*30m"):
        parse_moment(text, NOW, "--from")


def test_offsets_are_given_by_partition() -> None:
    assert parse_offsets(["0:100-250", "3:7-7"]) == {0: (100, 250), 3: (7, 7)}


@pytest.mark.parametrize("text", ["100-250", "0:250-100", "0:a-b", "0:1", "-1:0-1"])
def test_offsets_that_are_no_range_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="PARTITION:FIRST-LAST"):
        parse_offsets([text])


def test_an_open_span_holds_everything() -> None:
    assert Span() == Span(since=None, until=None, trace=None, offsets={})
