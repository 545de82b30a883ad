from datetime import UTC, datetime, timedelta

from kernel.domain.clock import MARKET_ZONE, microseconds, moment


def test_an_instant_turns_into_microseconds_and_back_exactly() -> None:
    for at in (
        datetime(2026, 6, 5, 14, 30, 0, 123_457, tzinfo=UTC),
        datetime(2014, 6, 6, 9, 30, tzinfo=MARKET_ZONE),
    ):
        assert moment(microseconds(at)) == at
        assert moment(microseconds(at)).utcoffset() == timedelta(0)
