"""The word by which a person says which drift he has read."""

from decimal import Decimal

from services.executor.core.reconciling.books import Difference
from services.executor.core.reconciling.telling import word_of

CASH = Difference(key="cash", expected=Decimal(1000), found=Decimal(990))
POSITION = Difference(key="position:SPY", expected=Decimal(1), found=Decimal(2))


def test_the_same_differences_have_the_same_word_however_they_are_written() -> None:
    same = Difference(key="cash", expected=Decimal("1E+3"), found=Decimal("990.00"))
    assert word_of("PA1", [CASH, POSITION]) == word_of("PA1", [POSITION, same])


def test_other_differences_figures_or_accounts_have_another() -> None:
    other = Difference(key="cash", expected=Decimal(1000), found=Decimal(989))
    words = [
        word_of("PA1", [CASH]),
        word_of("PA1", [other]),
        word_of("PA1", [CASH, POSITION]),
        word_of("PA2", [CASH]),
    ]
    assert len(set(words)) == 4


def test_no_drift_has_no_word() -> None:
    assert word_of("PA1", []) is None
