"""When to look for an order that may or may not be at the venue."""


def lookup_pauses_s(attempts: int, settle_s: float) -> list[float]:
    """Return the seconds to wait before each look-up: the first at once, then doubling, `settle_s` in all.

    An order that is merely late is found early; "not there" is said at least twice, the settling time apart:
    `attempts` are two or more (see ExecutorParams).
    """
    gaps = attempts - 1
    unit_s = settle_s / (2**gaps - 1)
    return [0.0, *(unit_s * 2**n for n in range(gaps))]


def send_again_pause_s(refusals: int) -> float:
    """Return the seconds to wait after the venue's rate limit turned the order away for the n-th time."""
    return min(2.0 ** (refusals - 1), _LONGEST_S)


_LONGEST_S = 8.0
