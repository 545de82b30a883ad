"""A difference in one line for a person."""

from services.executor.core.reconciling.books import CASH, Difference, event_key, order_key, position_key


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
