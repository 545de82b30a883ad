"""The simulator's account as a ticket names it: the executor sends no ticket of another account."""

from kernel.contracts.parts import AccountView
from kernel.testing.builders import an_account
from simulator.server import VenueThread


def account_at(venue: VenueThread) -> AccountView:
    """Return the account behind the venue's keys."""
    return an_account(account_id="PA" + venue.desk.account.account_id.replace("-", "")[:10].upper())
