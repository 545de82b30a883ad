"""What an executor needs to trade with a running simulator: its settings, the account, tickets the venue would fill."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from kernel.adapters.migrate import migrate
from kernel.contracts.messages import Ticket
from kernel.contracts.parts import AccountView
from kernel.testing.builders import a_leg, a_ticket, an_account, an_idea
from services.executor.settings import ExecutorSettings
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel
from tests.fakes.market import NEXT_FRIDAY, FakeMarket, spy

CALL = spy(520, NEXT_FRIDAY)


@contextmanager
def quoted_venue(market: FakeMarket, **settings: Any) -> Iterator[VenueThread]:
    """Yield a venue that fills against the quotes: 2.40 x 2.60, so a limit of 2.50 rests until a test moves them."""
    defaults = {"latency_ms": (1.0, 5.0), "fill_model": FillModel.NBBO}
    with VenueThread(market, VenueSettings(**(defaults | settings))) as running:
        yield running


def settings_at(
    venue: VenueThread, database_url: str, params_file: Path, **environment: str
) -> ExecutorSettings:
    """Return the settings of an executor at this venue, and make its tables. It sweeps all the time."""
    migrate(database_url)
    return ExecutorSettings.from_env(
        {
            "DATABASE_URL": database_url,
            "APCA_API_BASE_URL": venue.url,
            "APCA_API_DATA_URL": venue.url,
            "DISPATCH_EXECUTOR_SWEEP_S": "0.2",
            "DISPATCH_PARAMS_FILE": str(params_file),
            **environment,
        }
    )


def account_at(venue: VenueThread) -> AccountView:
    """Return the account behind the venue's keys: the executor sends no ticket of another one."""
    return an_account(account_id="PA" + venue.desk.account.account_id.replace("-", "")[:10].upper())


def ticket_for(venue: VenueThread, cause: str = "signal-1", life_s: float = 300, **values: Any) -> Ticket:
    """Return a ticket for four SPY calls at 2.50, good from the venue's present on."""
    end = venue.desk.clock.now() + timedelta(seconds=life_s)
    defaults: dict[str, Any] = {
        "account": account_at(venue),
        "legs": (a_leg(occ_symbol=CALL),),
        "idea": an_idea(expires_at=end),
        "expires_at": end,
    }
    return a_ticket(cause, **(defaults | values))
