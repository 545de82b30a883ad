import random
from datetime import date, timedelta
from decimal import Decimal

from kernel.testing.builders import NOW, an_idea
from services.selector.core.decision import Gathered, decide
from services.selector.core.evidence import COLUMNS_ENCODING, from_items, to_items
from tests.fakes.chains import (
    TODAY,
    Row,
    a_calendar,
    a_chain,
    a_question,
    an_account_at_the_venue,
    same_chain,
)
from tests.fakes.params import PARAMS


def gathered_from(*rows: Row, spot: str | None = "520.1234", **account: str) -> Gathered:
    return Gathered(
        question=a_question(),
        chain=a_chain(*rows, spot=spot),
        account=an_account_at_the_venue(**account),
        calendar=a_calendar(early=frozenset({date(2026, 7, 2)})),
    )


def test_what_was_gathered_is_read_back_exactly() -> None:
    gathered = gathered_from(
        Row(),
        Row(strike="525.5", bid=None, ask=None, quoted_at=None, delta=None, open_interest=None),
        Row(strike="530", day_volume=None, trade_size=3, trade_date=TODAY, delta=0.1 + 0.2),
        Row(strike="535", previous_volume=4, tradable=False, unreadable=True),
        equity="1234.567891",
        blocked_by=("account_blocked", "status ONBOARDING"),
    )
    again = from_items(to_items(gathered))
    assert again is not None
    assert same_chain(again.chain, gathered.chain)
    assert again.account == gathered.account
    assert again.question == gathered.question
    assert again.calendar.sessions == gathered.calendar.sessions
    assert again.calendar.covers_to == gathered.calendar.covers_to


def test_an_unknown_underlyings_empty_chain_is_read_back() -> None:
    gathered = gathered_from(spot=None)
    again = from_items(to_items(gathered))
    assert again is not None
    assert same_chain(again.chain, gathered.chain)


def test_a_decision_without_a_look_outside_has_no_items() -> None:
    assert from_items(()) is None


def test_the_same_decision_is_taken_again_from_the_evidence() -> None:
    gathered = gathered_from(Row(), Row(strike="525", day_volume=10), Row(strike="530", delta=0.31))
    again = from_items(to_items(gathered))
    assert again is not None
    assert decide(an_idea(), again, PARAMS, NOW) == decide(an_idea(), gathered, PARAMS, NOW)


def test_items_say_what_they_are_and_of_when() -> None:
    items = to_items(gathered_from(Row()))
    assert [i.name for i in items] == ["question", "chain", "account", "calendar"]
    chain = items[1]
    assert chain.encoding == COLUMNS_ENCODING == "columns+binary+zlib"
    assert chain.observed_at == NOW


def test_the_evidence_of_2000_contracts_stays_under_100_kb() -> None:
    chance = random.Random(7)
    rows = [
        Row(
            strike=str(Decimal(300) + i // 5),
            expiration=date(2026, 6, 12) + timedelta(days=7 * (i % 5)),
            bid=f"{chance.uniform(0, 90):.2f}",
            ask=f"{chance.uniform(0, 90):.2f}",
            quoted_at=NOW - timedelta(microseconds=chance.randrange(10**9)),
            day_volume=chance.randrange(5000),
            previous_volume=chance.randrange(5000),
            trade_size=chance.randrange(100),
            trade_date=TODAY,
            delta=chance.random(),  # with all its digits: the worst a venue can send
            open_interest=chance.randrange(20_000),
        )
        for i in range(2000)
    ]
    items = to_items(gathered_from(*rows))
    assert sum(len(item.body) for item in items) < 100_000
