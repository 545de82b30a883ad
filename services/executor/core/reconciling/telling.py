"""A difference in one line for a person, and a word by which he says which ones he has read."""

from collections.abc import Iterable

from kernel.domain.ids import derive_id
from services.executor.core.reconciling.books import CASH, Difference, event_key, order_key, position_key


def word_of(account_id: str, differences: Iterable[Difference]) -> str | None:
    """Return a word that stands for these differences with these figures and no others; None where there are none."""
    lines = sorted(f"{d.key} {d.expected.normalize():f} {d.found.normalize():f}" for d in differences)
    return derive_id("\n".join((account_id, *lines)), "drift")[:8] if lines else None


def told(difference: Difference) -> str:
    """Return what differs, with both figures."""
    expected, found = (f"{figure.normalize():f}" for figure in (difference.expected, difference.found))
    key = difference.key
    if key == CASH:
        return f"cash: the ledger expects {difference.expected:.2f} USD, the venue has {difference.found:.2f}"
    if key.startswith(order_key("")):
        name = key.removeprefix(order_key(""))
        return f"order {name}: the ledger has {expected} filled, the venue's fills add up to {found}"
    if key.startswith(event_key("")):
        return f"{key}: {expected} were taken from the figures, and no activity of the venue tells of them"
    return f"{key.removeprefix(position_key(''))}: the ledger expects {expected}, the venue has {found}"
