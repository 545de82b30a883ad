"""What explains the venue's figures, scenario by scenario, and what nothing explains."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from services.executor.core.reconciling.activities import Kind
from services.executor.core.reconciling.books import (
    CASH,
    Expected,
    LedgerView,
    Orders,
    Outcome,
    VenueView,
)
from services.executor.core.reconciling.comparing import baseline
from tests.fakes.statement import (
    CALL,
    PUT,
    a_fill,
    a_ledger,
    a_movement,
    a_venue,
    an_own,
    moved,
    passed,
)

EVENING = datetime(2026, 6, 12, 21, 0, tzinfo=UTC)


def kinds(outcome: Outcome) -> list[Kind]:
    return [event.kind for event in outcome.events]


def keys(outcome: Outcome) -> list[str]:
    return [suspect.difference.key for suspect in outcome.suspects]


def twice(ledger: LedgerView, venue: VenueView) -> Outcome:
    """The second of two passes over the same figures."""
    first = passed(ledger, venue)
    assert not first.events, "figures that were read once explain nothing"
    later = replace(ledger, suspects=first.suspects, read_at=ledger.read_at + timedelta(seconds=2))
    return passed(later, venue)


def test_books_that_agree_are_clean() -> None:
    outcome = passed(a_ledger({CALL: 2}), a_venue({CALL: 2}))
    assert outcome.is_clean
    assert not outcome.events


def test_a_fill_while_nobody_listened_is_explained_by_its_activity() -> None:
    fill = a_fill(4, ours="order-1")
    outcome = passed(a_ledger(), a_venue({CALL: 4}, "0", before=[fill]), Orders(late=an_own(4)))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.FILL]
    assert moved(outcome.events) == ({CALL: 4}, Decimal(-1000))


def test_a_partial_fill_while_nobody_listened_is_explained_too() -> None:
    outcome = passed(
        a_ledger(),
        a_venue({CALL: 1}, "750", before=[a_fill(1, ours="order-1")]),
        Orders(late=an_own(1)),
    )
    assert outcome.is_clean


def test_an_order_whose_fills_the_ledger_does_not_have_is_a_difference() -> None:
    outcome = passed(
        a_ledger(), a_venue({CALL: 4}, "0", before=[a_fill(4, ours="order-1")]), Orders(late=an_own(3))
    )
    assert keys(outcome) == ["order:order-1"]
    assert outcome.suspects[0].difference.amount == 1


def test_a_fill_of_the_ledger_that_the_venue_never_had_is_a_difference() -> None:
    outcome = passed(a_ledger({CALL: 4}), a_venue({CALL: 4}), Orders(early=an_own(5, taken=4)))
    assert keys(outcome) == ["order:order-1"]


def test_a_fill_the_ledger_learnt_of_between_the_two_readings_is_none() -> None:
    late = a_fill(1, ours="order-1", name="fill-2")
    outcome = passed(
        a_ledger({CALL: 4}, "1000"),
        a_venue({CALL: 4}, "1000", between=[late]),
        Orders(early=an_own(4, taken=4), late=an_own(5, taken=4)),
    )
    assert outcome.is_clean


@pytest.mark.parametrize("contracts", [0, 1, 3])
def test_figures_read_in_the_middle_of_fills_agree_if_the_account_passed_through_them(contracts: int) -> None:
    fills = [a_fill(1, ours="order-1"), a_fill(2, ours="order-1", name="fill-2")]
    venue = a_venue({CALL: contracts} if contracts else {}, "750", between=fills)
    assert passed(a_ledger(), venue, Orders(late=an_own(3))).is_clean


def test_figures_the_account_never_passed_through_do_not() -> None:
    fills = [a_fill(1, ours="order-1"), a_fill(2, ours="order-1", name="fill-2")]
    outcome = passed(a_ledger(), a_venue({CALL: 2}, "250", between=fills), Orders(late=an_own(3)))
    assert keys(outcome) == [f"position:{CALL}"]


@pytest.mark.parametrize(
    ("held", "quantity", "left", "cash_usd"),
    [({}, 2, {CALL: 2}, "500"), ({CALL: 4}, -4, {}, "2000"), ({CALL: 4}, -1, {CALL: 3}, "1250")],
    ids=["opened", "closed", "closed in part"],
)
def test_a_position_opened_or_closed_by_hand_is_explained_by_the_foreign_order(
    held: dict[str, int], quantity: int, left: dict[str, int], cash_usd: str
) -> None:
    outcome = passed(a_ledger(held), a_venue(left, cash_usd, before=[a_fill(quantity)]))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.FOREIGN_FILL]


@pytest.mark.parametrize(
    ("type_", "kind", "amount"),
    [
        ("JNLC", Kind.CASH_TRANSFER, "500"),
        ("CSW", Kind.CASH_TRANSFER, "-500"),
        ("FEE", Kind.FEE, "-0.07"),
        ("INT", Kind.INCOME, "1.23"),
        ("XYZ", Kind.OTHER_ACTIVITY, "3"),
    ],
)
def test_cash_that_moves_with_an_activity_is_explained(type_: str, kind: Kind, amount: str) -> None:
    venue = a_venue(
        {CALL: 1}, str(Decimal(1000) + Decimal(amount)), before=[a_movement(type_, net_amount=amount)]
    )
    outcome = passed(a_ledger({CALL: 1}), venue)
    assert outcome.is_clean
    assert kinds(outcome) == [kind]


def test_a_dividends_quantity_is_what_was_held_and_moves_nothing() -> None:
    dividend = a_movement("DIV", symbol="SPY", qty="100", net_amount="151.00")
    assert passed(a_ledger({"SPY": 100}), a_venue({"SPY": 100}, "1151", before=[dividend])).is_clean


def test_a_cancelled_activity_moves_nothing() -> None:
    undone = a_movement("JNLC", net_amount="500", status="canceled")
    assert passed(a_ledger(), a_venue(before=[undone])).is_clean


def test_a_cent_that_no_activity_explains_is_a_difference() -> None:
    outcome = passed(a_ledger(), a_venue(cash_usd="999.99"))
    assert keys(outcome) == [CASH]
    assert outcome.suspects[0].difference.amount == Decimal("-0.01")


@pytest.mark.parametrize(("cash_usd", "agrees"), [("976.87", True), ("976.88", False), ("976.86", False)])
def test_a_fraction_of_a_share_agrees_with_cash_in_cents(cash_usd: str, agrees: bool) -> None:
    """Bought by hand for 23.12962961715: the venue has 976.87 left."""
    share = replace(
        a_fill(1, "187.35", symbol="AAPL"),
        quantity=Decimal("0.123456789"),
        cash_usd=-Decimal("0.123456789") * Decimal("187.35"),
    )
    venue = replace(a_venue({}, cash_usd, before=[share]), positions={"AAPL": Decimal("0.123456789")})
    assert passed(a_ledger(), venue).is_clean == agrees


def test_a_position_that_no_activity_explains_is_a_difference() -> None:
    assert keys(passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))) == [f"position:{CALL}"]
    assert keys(passed(a_ledger({CALL: 2}), a_venue({}))) == [f"position:{CALL}"]


def test_an_expired_contract_that_is_gone_is_explained_until_its_activity_comes() -> None:
    outcome = twice(a_ledger({CALL: 2}), a_venue({}, now=EVENING))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.EXPIRY_PENDING]
    assert moved(outcome.events) == ({CALL: -2}, Decimal(0))


def test_the_same_expiry_seen_twice_is_the_same_event() -> None:
    first, second = (
        twice(a_ledger({CALL: 2}), a_venue({}, now=EVENING + timedelta(minutes=n))) for n in (0, 7)
    )
    assert [e.id for e in first.events] == [e.id for e in second.events]


def test_the_activity_of_an_expiry_that_was_taken_moves_nothing_again() -> None:
    pending = twice(a_ledger({CALL: 2}), a_venue({}, now=EVENING))
    told = a_movement("OPEXP", day="2026-06-12", symbol=CALL, qty="-2", net_amount="0")
    outcome = passed(a_ledger(expected=waiting(pending)), a_venue(before=[told], now=EVENING))
    assert outcome.is_clean
    assert moved(outcome.events) == ({}, Decimal(0))
    assert [(e.kind, e.confirms, e.expects) for e in outcome.events] == [
        (Kind.EXPIRY, pending.events[0].id, Decimal(2))
    ]


def test_an_expiry_told_in_two_parts_is_confirmed_by_both() -> None:
    pending = twice(a_ledger({CALL: 2}), a_venue({}, now=EVENING))
    parts = [
        a_movement("OPEXP", name=f"part-{n}", day="2026-06-12", symbol=CALL, qty="-1", net_amount="0")
        for n in range(2)
    ]
    outcome = passed(a_ledger(expected=waiting(pending)), a_venue(before=parts, now=EVENING))
    assert outcome.is_clean
    assert moved(outcome.events) == ({}, Decimal(0))


def test_an_expiry_confirms_what_was_read_off_the_figures_before_what_was_accepted() -> None:
    """What was accepted waits for ever; what was read off the figures becomes drift if nothing confirms it."""
    accepted = replace(a_wait(EVENING), event_id="accepted", kind=Kind.ACCEPTED)
    told = a_movement("OPEXP", day="2026-06-12", symbol=CALL, qty="-2", net_amount="0")
    outcome = passed(a_ledger(expected=[accepted, a_wait(EVENING)]), a_venue(before=[told], now=EVENING))
    assert [event.confirms for event in outcome.events] == ["event-1"]


def test_an_expiry_told_at_once_needs_no_synthetic_event() -> None:
    told = a_movement("OPEXP", day="2026-06-12", symbol=CALL, qty="-2", net_amount="0")
    outcome = passed(a_ledger({CALL: 2}), a_venue(before=[told], now=EVENING))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.EXPIRY]


@pytest.mark.parametrize("minute", [-1, 0])
def test_a_contract_may_have_expired_from_the_close_of_its_last_day_on(minute: int) -> None:
    close = datetime(2026, 6, 12, 20, 0, tzinfo=UTC)
    outcome = twice(a_ledger({CALL: 2}), a_venue({}, now=close + timedelta(minutes=minute)))
    assert outcome.is_clean == (minute == 0)


@pytest.mark.parametrize("hour", [18, 21])
def test_a_sale_on_the_last_day_that_is_listed_a_moment_later_is_no_expiry(hour: int) -> None:
    now = datetime(2026, 6, 12, hour, 30, tzinfo=UTC)
    first = passed(a_ledger({CALL: 2}), a_venue({}, "1500", now=now))
    assert not first.events
    later = a_ledger({CALL: 2}, after=first, passes_later=1)
    second = passed(later, a_venue({}, "1500", before=[a_fill(-2)], now=now))
    assert second.is_clean
    assert kinds(second) == [Kind.FOREIGN_FILL]


def test_contracts_that_are_gone_while_cash_moved_otherwise_are_not_explained() -> None:
    outcome = twice(a_ledger({CALL: 2}), a_venue({}, "1500", now=EVENING))
    assert not outcome.events
    assert set(keys(outcome)) == {CASH, f"position:{CALL}"}


def test_contracts_that_are_gone_are_not_explained_before_their_shares_stood_too() -> None:
    """Without the shares they would be taken for expired."""
    first = passed(a_ledger({CALL: 1, PUT: 1}), a_venue({"SPY": 7}, "1000", now=EVENING))
    later = a_ledger({CALL: 1, PUT: 1}, after=first, passes_later=1)
    assert not passed(later, a_venue({"SPY": 8}, "1000", now=EVENING)).events


def test_a_contract_that_is_gone_before_its_last_day_is_a_difference() -> None:
    assert keys(twice(a_ledger({CALL: 2}), a_venue({}))) == [f"position:{CALL}"]


@pytest.mark.parametrize(
    ("symbol", "held", "shares", "cash_usd", "kind"),
    [
        (CALL, 1, 100, "-51000", Kind.EXERCISE_PENDING),
        (PUT, 1, -100, "53000", Kind.EXERCISE_PENDING),
        (CALL, -1, -100, "53000", Kind.ASSIGNMENT_PENDING),
        (PUT, -1, 100, "-51000", Kind.ASSIGNMENT_PENDING),
    ],
    ids=["call exercised", "put exercised", "short call assigned", "short put assigned"],
)
def test_contracts_that_became_shares_at_their_strike_are_explained(
    symbol: str, held: int, shares: int, cash_usd: str, kind: Kind
) -> None:
    outcome = twice(a_ledger({symbol: held}), a_venue({"SPY": shares}, cash_usd))
    assert outcome.is_clean
    assert set(kinds(outcome)) == {kind}
    assert moved(outcome.events) == ({symbol: -held, "SPY": shares}, Decimal(cash_usd) - 1000)


def test_the_activities_of_an_exercise_that_was_taken_move_nothing_again() -> None:
    pending = twice(a_ledger({CALL: 1}), a_venue({"SPY": 100}, "-51000"))
    told = [
        a_movement("OPEXC", name="a", symbol=CALL, qty="-1", net_amount="0"),
        a_movement("OPTRD", name="b", symbol="SPY", qty="100", net_amount="-52000", price="520"),
    ]
    outcome = passed(
        a_ledger({"SPY": 100}, "-51000", expected=waiting(pending)),
        a_venue({"SPY": 100}, "-51000", before=told),
    )
    assert outcome.is_clean
    assert moved(outcome.events) == ({}, Decimal(0))


def test_shares_at_another_price_than_the_strike_are_not_explained() -> None:
    outcome = twice(a_ledger({CALL: 1}), a_venue({"SPY": 100}, "-50999"))
    assert not outcome.events
    assert {CASH, "position:SPY", f"position:{CALL}"} == set(keys(outcome))


def test_of_several_contracts_those_in_the_money_are_exercised_and_the_rest_expires() -> None:
    low, high = "SPY260612C00500000", "SPY260612C00540000"
    outcome = twice(
        a_ledger({low: 1, CALL: 1, high: 3, PUT: 1}), a_venue({"SPY": 200}, "-101000", now=EVENING)
    )
    assert outcome.is_clean
    exercised = {e.symbol for e in outcome.events if e.kind is Kind.EXERCISE_PENDING}
    assert exercised == {low, CALL, "SPY"}
    assert {e.symbol for e in outcome.events if e.kind is Kind.EXPIRY_PENDING} == {high, PUT}


def test_shares_that_cancel_out_are_told_apart_by_cash() -> None:
    high_put = "SPY260612P00540000"
    outcome = twice(a_ledger({CALL: 1, high_put: 1}), a_venue({}, "3000", now=EVENING))
    assert outcome.is_clean
    assert {e.kind for e in outcome.events} == {Kind.EXERCISE_PENDING}


def test_an_expected_activity_that_never_comes_is_a_difference_in_the_end() -> None:
    expected = [a_wait(EVENING)]
    soon = passed(a_ledger(expected=expected), a_venue(now=EVENING + timedelta(days=4)))
    late = passed(a_ledger(expected=expected), a_venue(now=EVENING + timedelta(days=4, seconds=1)))
    assert soon.is_clean
    assert keys(late) == ["expected:event-1"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({CALL: 3}, {"SPY1260612C00520000": 3}),
        ({CALL: 3}, {"SPY260612C00260000": 6}),
        ({"SPY260612C00030000": 20}, {"SPY260612C00600000": 1}),
    ],
    ids=["a digit behind the root", "split two for one", "reverse split"],
)
def test_a_contract_adjusted_for_a_split_is_explained(old: dict[str, int], new: dict[str, int]) -> None:
    outcome = twice(a_ledger(old), a_venue(new))
    assert outcome.is_clean
    assert set(kinds(outcome)) == {Kind.CONTRACT_ADJUSTED}
    assert moved(outcome.events)[0] == {**{s: -q for s, q in old.items()}, **new}


@pytest.mark.parametrize(
    "new",
    [
        {"SPY1260612C00520000": 2},
        {"SPY260612C00260000": 3},
        {"SPY260619C00520000": 3},
        {"QQQ260612C00520000": 3},
    ],
)
def test_another_contract_in_its_place_is_not(new: dict[str, int]) -> None:
    assert len(twice(a_ledger({CALL: 3}), a_venue(new)).suspects) == 2


def test_activities_of_a_corporate_action_explain_themselves() -> None:
    rows = [
        a_movement("OPCA", name="a", symbol=CALL, qty="-3"),
        a_movement("OPCA", name="b", symbol="SPY1260612C00520000", qty="3"),
    ]
    assert passed(a_ledger({CALL: 3}), a_venue({"SPY1260612C00520000": 3}, before=rows)).is_clean


def test_the_baseline_takes_the_venues_figures_as_they_are() -> None:
    fill = a_fill(2)
    first = baseline(a_venue({CALL: 2}, "500", before=[fill]))
    assert first is not None
    assert (first.positions, first.cash_usd) == ({CALL: 2}, 500)
    assert [(e.id, e.kind, e.quantity) for e in first.events] == [("fill-1", Kind.BEFORE_BASELINE, 0)]


def test_there_is_no_baseline_while_fills_come_in() -> None:
    assert baseline(a_venue({CALL: 2}, "500", between=[a_fill(2)])) is None


def test_an_activity_of_the_baselines_day_is_not_taken_twice() -> None:
    """The contract expired, then the books began; its activity comes the next day."""
    ledger = a_ledger({}, baseline_at=EVENING)
    told = a_movement("OPEXP", day="2026-06-12", symbol=CALL, qty="-2", net_amount="0")
    outcome = passed(ledger, a_venue(before=[told], now=EVENING + timedelta(days=1)))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.BEFORE_BASELINE]


def test_an_activity_of_the_baselines_day_counts_where_the_figures_need_it() -> None:
    ledger = a_ledger({CALL: 2}, baseline_at=EVENING - timedelta(hours=4))
    told = a_movement("OPEXP", day="2026-06-12", symbol=CALL, qty="-2", net_amount="0")
    outcome = passed(ledger, a_venue(before=[told], now=EVENING + timedelta(days=1)))
    assert outcome.is_clean
    assert kinds(outcome) == [Kind.EXPIRY]


def test_a_difference_is_drift_only_in_the_second_pass_it_stands_in() -> None:
    first = passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))
    second = passed(a_ledger({CALL: 2}, after=first, passes_later=1), a_venue({CALL: 3}))
    assert (len(first.drift), len(second.drift)) == (0, 1)


def test_a_difference_that_changes_is_a_new_one() -> None:
    first = passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))
    second = passed(a_ledger({CALL: 2}, after=first, passes_later=1), a_venue({CALL: 4}))
    assert not second.drift


def test_a_difference_in_what_moves_is_believed_after_four_passes() -> None:
    outcome = passed(a_ledger({}), a_venue({CALL: 1}))
    believed = []
    for n in range(1, 5):
        outcome = passed(
            a_ledger({CALL: n - 1}, after=outcome, passes_later=n),
            a_venue({CALL: n + 1}, str(1000 - 250), before=[a_fill(1, name=f"fill-{n}")]),
        )
        believed.append(bool(outcome.drift))
    assert believed == [False, False, True, True]


def test_two_readings_in_one_second_are_one() -> None:
    first = passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))
    assert not passed(a_ledger({CALL: 2}, after=first), a_venue({CALL: 3})).drift


def test_drift_stays_when_its_figure_changes_and_goes_when_it_is_explained() -> None:
    outcome = passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))
    outcome = passed(a_ledger({CALL: 2}, after=outcome, passes_later=1), a_venue({CALL: 3}))
    outcome = passed(a_ledger({CALL: 2}, after=outcome, passes_later=2), a_venue({CALL: 5}))
    assert len(outcome.drift) == 1
    explained = a_venue({CALL: 5}, "250", before=[a_fill(3)])
    assert passed(a_ledger({CALL: 2}, after=outcome, passes_later=3), explained).is_clean


def test_drift_stays_when_something_moves_what_it_is_about() -> None:
    outcome = passed(a_ledger({CALL: 2}), a_venue({CALL: 3}))
    outcome = passed(a_ledger({CALL: 2}, after=outcome, passes_later=1), a_venue({CALL: 3}))
    moving = a_venue({CALL: 4}, "750", before=[a_fill(1)])
    assert passed(a_ledger({CALL: 2}, after=outcome, passes_later=2), moving).drift


def a_wait(since: datetime) -> Expected:
    return Expected(
        event_id="event-1",
        kind=Kind.EXPIRY_PENDING,
        symbol=CALL,
        quantity=Decimal(-2),
        cash_usd=Decimal(0),
        since=since,
    )


def waiting(outcome: Outcome) -> list[Expected]:
    """What the books wait for after an outcome was written."""
    return [
        Expected(
            event_id=event.id,
            kind=event.kind,
            symbol=event.symbol or "",
            quantity=event.expects,
            cash_usd=event.expects_usd,
            since=event.at,
        )
        for event in outcome.events
        if event.expects
    ]
