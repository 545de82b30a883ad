from contextlib import contextmanager

import pytest

from kernel.adapters.alpaca import VenueRefused


def test_a_refusal_passes_through_a_context_manager_as_it_is() -> None:
    """Transactions are such context managers; a frozen exception broke in them and hid the venue's answer."""

    @contextmanager
    def transaction():
        yield

    with pytest.raises(VenueRefused) as refused, transaction():
        raise VenueRefused(403, 40310000, "insufficient buying power")

    assert (refused.value.status, refused.value.code) == (403, 40310000)
    assert str(refused.value) == "the venue refused (403, code 40310000): insufficient buying power"
