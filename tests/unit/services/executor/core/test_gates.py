from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from kernel.contracts.messages import RejectionCode, Ticket
from kernel.contracts.parts import Action, Side
from kernel.domain.calendar import TradingCalendar
from kernel.testing.builders import NOW, a_leg, a_ticket, an_idea
from services.executor.core.gates import Facts, Limits, check
from tests.fakes.executor import a_session, weekdays

LIMITS = Limits(expiry_day_cutoff_min=60, clock_skew_s_max=2.0)
TODAY = date(2026, 6, 5)
#: The close of TODAY's session, 16:00 in New York.
CLOSE = datetime(2026, 6, 5, 20, tzinfo=UTC)
NEXT_WEEK = "SPY260612C00520000"
EXPIRES_TODAY = "SPY260605C00520000"


def code(
    ticket: Ticket | None = None, now: datetime = NOW, skew_s: float | None = None, **facts: Any
) -> RejectionCode | None:
    """The answer of the gates to a ticket that is good but for what the test says."""
    ticket = ticket or long_lived()
    defaults = {"now": now, "calendar": weekdays(TODAY), "clock_skew_s": skew_s}
    refusal = check(ticket, Facts(**(defaults | facts)), LIMITS)
    return refusal.code if refusal else None


def long_lived(symbol: str = NEXT_WEEK, **values: Any) -> Ticket:
    """A ticket that lives the whole day."""
    end = NOW + timedelta(days=1)
    defaults = {"legs": (a_leg(occ_symbol=symbol),), "idea": an_idea(expires_at=end), "expires_at": end}
    return a_ticket(**(defaults | values))


def test_a_good_ticket_passes() -> None:
    assert code() is None


# The ticket's life


@pytest.mark.parametrize("late", ["ticket", "idea"])
def test_a_ticket_is_expired_from_its_very_expiry_on(late: str) -> None:
    end, later = NOW + timedelta(minutes=1), NOW + timedelta(days=1)
    ticket = long_lived(
        expires_at=end if late == "ticket" else later,
        idea=an_idea(expires_at=end if late == "idea" else later),
    )

    assert code(ticket, now=end - timedelta(microseconds=1)) is None
    assert code(ticket, now=end) is RejectionCode.TICKET_EXPIRED


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


# Bounds of the ticket


@pytest.mark.parametrize(("limit", "answer"), [("2.51", None), ("2.52", RejectionCode.LIMIT_ABOVE_CEILING)])
def test_the_limit_may_reach_the_ceiling_and_not_pass_it(limit: str, answer: RejectionCode | None) -> None:
    assert code(long_lived(limit_price=Decimal(limit), price_ceiling=Decimal("2.51"))) is answer


@pytest.mark.parametrize("field", ["limit_price", "price_ceiling"])
@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-1"])
def test_a_price_that_is_none_fails_closed(field: str, value: str) -> None:
    """The contract refuses such a ticket on the wire; the gate does not rely on it."""
    ticket = long_lived().model_copy(update={field: Decimal(value)})

    assert code(ticket) is RejectionCode.LIMIT_ABOVE_CEILING


@pytest.mark.parametrize(
    ("contracts", "answer"),
    [(10, None), (11, RejectionCode.CONTRACTS_ABOVE_MAXIMUM), (0, RejectionCode.CONTRACTS_ABOVE_MAXIMUM)],
)
def test_contracts_may_reach_the_maximum_and_not_pass_it(
    contracts: int, answer: RejectionCode | None
) -> None:
    assert code(long_lived().model_copy(update={"contracts": contracts})) is answer


@pytest.mark.parametrize(
    "values",
    [
        {"legs": (a_leg(occ_symbol=NEXT_WEEK), a_leg(occ_symbol=NEXT_WEEK))},
        {"legs": (a_leg(occ_symbol=NEXT_WEEK, side=Side.SELL),)},
        {"legs": (a_leg(occ_symbol=NEXT_WEEK, ratio=2),)},
        {"action": Action.SELL_TO_CLOSE},
    ],
)
def test_only_an_order_that_buys_one_option_to_open_is_sent(values: dict[str, Any]) -> None:
    assert code(long_lived(**values)) is RejectionCode.STRUCTURE_NOT_AVAILABLE


# The clocks


@pytest.mark.parametrize(
    ("skew_s", "answer"),
    [
        (None, None),
        (2.0, None),
        (-2.0, None),
        (2.001, RejectionCode.CLOCK_SKEW),
        (-2.001, RejectionCode.CLOCK_SKEW),
        (float("nan"), RejectionCode.CLOCK_SKEW),
        (float("inf"), RejectionCode.CLOCK_SKEW),
    ],
)
def test_a_clock_two_seconds_off_is_the_last_that_passes(
    skew_s: float | None, answer: RejectionCode | None
) -> None:
    assert code(skew_s=skew_s) is answer


def test_every_no_says_its_figures() -> None:
    refusal = check(
        long_lived(limit_price=Decimal("2.60"), price_ceiling=Decimal("2.51")),
        Facts(now=NOW, calendar=weekdays(TODAY), clock_skew_s=None),
        LIMITS,
    )

    assert refusal is not None
    assert refusal.figures == {"limit_price": "2.60", "price_ceiling": "2.51"}
    assert refusal.message == "the limit 2.60 is not within the ceiling 2.51"
