"""The market's hours and a contract's last day."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from kernel.contracts.messages import RejectionCode, Ticket
from kernel.domain.calendar import TradingCalendar
from kernel.testing.builders import NOW, an_idea
from services.executor.core.gates import check
from tests.fakes.executor_facts import LIMITS, a_quote, long_lived, some_facts
from tests.fakes.executor_sessions import a_session, weekdays

TODAY = date(2026, 6, 5)
#: The close of TODAY's session, 16:00 in New York.
CLOSE = datetime(2026, 6, 5, 20, tzinfo=UTC)
NEXT_WEEK = "SPY260612C00520000"
EXPIRES_TODAY = "SPY260605C00520000"


def code(ticket: Ticket | None = None, now: datetime = NOW, **facts: Any) -> RejectionCode | None:
    """The answer of the gates to a ticket that is good but for what the test says."""
    whole = some_facts(now=now, quote=a_quote(quoted_at=now), **facts)
    refusal = check(ticket or long_lived(), whole, LIMITS)
    return refusal.code if refusal else None


def test_a_good_ticket_passes() -> None:
    assert code() is None


# The market's hours


@pytest.mark.parametrize(
    ("now", "is_open"),
    [
        (datetime(2026, 6, 5, 13, 30, tzinfo=UTC), True),
        (datetime(2026, 6, 5, 13, 29, 59, tzinfo=UTC), False),
        (CLOSE - timedelta(seconds=1), True),
        (CLOSE, False),
        (datetime(2026, 6, 6, 15, tzinfo=UTC), False),
    ],
)
def test_orders_go_out_only_while_the_session_runs(now: datetime, *, is_open: bool) -> None:
    end = now + timedelta(microseconds=1)
    ticket = long_lived(expires_at=end, idea=an_idea(expires_at=end))

    assert code(ticket, now=now) is (None if is_open else RejectionCode.MARKET_CLOSED)


def test_a_half_day_ends_early() -> None:
    half_day = TradingCalendar([a_session(TODAY, closes=time(13)), *weekdays(TODAY).sessions[1:]])
    one_o_clock = datetime(2026, 6, 5, 17, tzinfo=UTC)

    assert code(now=one_o_clock, calendar=half_day) is RejectionCode.MARKET_CLOSED


def test_a_day_the_calendar_does_not_know_is_closed() -> None:
    assert code(calendar=TradingCalendar([])) is RejectionCode.MARKET_CLOSED


# The day of expiration


@pytest.mark.parametrize(
    ("minutes_to_close", "answer"),
    [(60.01, None), (60, RejectionCode.EXPIRY_DAY_CUTOFF), (1, RejectionCode.EXPIRY_DAY_CUTOFF)],
)
def test_a_contract_that_expires_today_is_not_opened_in_its_last_hour(
    minutes_to_close: float, answer: RejectionCode | None
) -> None:
    now = CLOSE - timedelta(minutes=minutes_to_close)

    assert code(long_lived(EXPIRES_TODAY), now=now) is answer
    assert code(long_lived(NEXT_WEEK), now=now) is None


def test_a_saturdays_contract_has_its_last_session_on_friday() -> None:
    """Until 2015 monthly options expired on Saturdays."""
    saturday = long_lived("SPY260606C00520000")

    assert code(saturday, now=CLOSE - timedelta(minutes=30)) is RejectionCode.EXPIRY_DAY_CUTOFF
    assert code(saturday, now=CLOSE - timedelta(minutes=90)) is None


def test_a_contract_that_expires_before_the_next_session_has_its_last_one_today() -> None:
    monday_off = TradingCalendar([s for s in weekdays(TODAY).sessions if s.day != date(2026, 6, 8)])
    monday = long_lived("SPY260608C00520000")

    assert code(monday, now=CLOSE - timedelta(minutes=30), calendar=monday_off) is (
        RejectionCode.EXPIRY_DAY_CUTOFF
    )


def test_a_contract_of_the_past_is_not_opened() -> None:
    assert code(long_lived("SPY260604C00520000")) is RejectionCode.EXPIRY_DAY_CUTOFF


def test_a_contract_whose_name_cannot_be_read_is_not_opened() -> None:
    assert code(long_lived("GARBAGE")) is RejectionCode.EXPIRY_DAY_CUTOFF


def test_a_calendar_without_a_later_session_counts_as_the_last_day() -> None:
    only_today = TradingCalendar([a_session(TODAY)])

    assert code(now=CLOSE - timedelta(minutes=30), calendar=only_today) is RejectionCode.EXPIRY_DAY_CUTOFF
