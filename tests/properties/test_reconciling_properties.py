"""Whatever an account goes through and whenever it is read, its activities explain it; and nothing else does."""

from collections.abc import Sequence
from decimal import Decimal

from hypothesis import assume, given
from hypothesis import strategies as st

from services.executor.core.reconciling.activities import Activity
from services.executor.core.reconciling.books import CASH, Orders, Outcome, position_key
from tests.fakes.statement import CALL, PUT, a_fill, a_ledger, a_movement, a_venue, an_own, moved, passed

_PRICES = st.decimals("0.01", "99.99", places=2)


@st.composite
def activities(draw: st.DrawFn) -> list[Activity]:
    """Fills of ours and of others, fees and transfers, in the order they happened in."""
    count = draw(st.integers(0, 8))
    return [draw(st.one_of(_fills(n), _cash(n))) for n in range(count)]


def _fills(number: int) -> st.SearchStrategy[Activity]:
    return st.builds(
        lambda quantity, price, symbol, ours: a_fill(
            quantity, str(price), symbol=symbol, ours=ours, name=f"fill-{number}"
        ),
        st.integers(-5, 5).filter(bool),
        _PRICES,
        st.sampled_from([CALL, PUT, "SPY"]),
        st.sampled_from([None, "order-1"]),
    )


def _cash(number: int) -> st.SearchStrategy[Activity]:
    return st.builds(
        lambda kind, amount: a_movement(kind, name=f"cash-{number}", net_amount=str(amount)),
        st.sampled_from(["JNLC", "FEE", "INT"]),
        st.decimals("-50", "50", places=2),
    )


def account_after(taken: Sequence[Activity]) -> tuple[dict[str, int], Decimal]:
    """What an account that began with two calls and $1,000 has after these activities."""
    positions, cash_usd = {CALL: 2}, Decimal(1000)
    for activity in taken:
        cash_usd += activity.cash_usd
        if activity.symbol and activity.quantity:
            positions[activity.symbol] = positions.get(activity.symbol, 0) + int(activity.quantity)
    return {symbol: quantity for symbol, quantity in positions.items() if quantity}, cash_usd


def a_pass(
    happened: Sequence[Activity], listed: int, positions_at: int, cash_at: int, *, off: int = 0
) -> Outcome:
    """A pass whose first listing ended after `listed`, and that read positions and cash later on."""
    positions = account_after(happened[:positions_at])[0]
    positions[PUT] = positions.get(PUT, 0) + off
    cash_usd = account_after(happened[:cash_at])[1]
    ours = sum(abs(int(a.quantity)) for a in happened if a.client_order_id)
    venue = a_venue(
        {symbol: quantity for symbol, quantity in positions.items() if quantity},
        str(cash_usd),
        before=happened[:listed],
        between=happened[listed:],
    )
    return passed(a_ledger({CALL: 2}), venue, Orders(late=an_own(ours)))


@given(activities(), st.data())
def test_an_account_read_while_it_moves_is_clean_and_the_books_follow_it(
    happened: list[Activity], data: st.DataObject
) -> None:
    listed = data.draw(st.integers(0, len(happened)))
    later = st.integers(listed, len(happened))
    outcome = a_pass(happened, listed, data.draw(later), data.draw(later))

    assert outcome.is_clean
    positions, cash_usd = moved(outcome.events)
    positions[CALL] = positions.get(CALL, 0) + 2
    ended = {symbol: quantity for symbol, quantity in positions.items() if quantity}
    assert (ended, 1000 + cash_usd) == account_after(happened)


@given(activities())
def test_a_pass_over_what_was_taken_finds_nothing_more(happened: list[Activity]) -> None:
    a_pass(happened, len(happened), len(happened), len(happened))
    positions, cash_usd = account_after(happened)
    again = passed(a_ledger(positions, str(cash_usd)), a_venue(positions, str(cash_usd)))
    assert again == passed(a_ledger(), a_venue())


@given(activities(), st.integers(-30, 30).filter(bool), st.data())
def test_a_position_the_account_never_had_is_never_explained(
    happened: list[Activity], off: int, data: st.DataObject
) -> None:
    listed = data.draw(st.integers(0, len(happened)))
    passed_through = {account_after(happened[:n])[0].get(PUT, 0) for n in range(listed, len(happened) + 1)}
    found = account_after(happened)[0].get(PUT, 0) + off
    assume(found not in passed_through)
    outcome = a_pass(happened, listed, len(happened), len(happened), off=off)
    assert [suspect.difference.key for suspect in outcome.suspects] == [position_key(PUT)]


@given(activities(), st.decimals("0.01", "5000", places=2), st.data())
def test_cash_the_account_never_had_is_never_explained(
    happened: list[Activity], off: Decimal, data: st.DataObject
) -> None:
    listed = data.draw(st.integers(0, len(happened)))
    positions, cash_usd = account_after(happened)
    assume(all(account_after(happened[:n])[1] != cash_usd + off for n in range(listed, len(happened) + 1)))
    venue = a_venue(positions, str(cash_usd + off), before=happened[:listed], between=happened[listed:])
    outcome = passed(a_ledger({CALL: 2}), venue)
    assert CASH in [suspect.difference.key for suspect in outcome.suspects]
