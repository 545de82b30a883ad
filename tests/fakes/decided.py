"""Stories whose answers were really decided: the cores' own decisions with the evidence they were taken on."""

from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from kernel.contracts.messages import Selection
from kernel.contracts.origin import Origin
from kernel.contracts.parts import TradeIdea
from kernel.contracts.topics import EVIDENCE, REJECTIONS, SELECTIONS, SIGNALS, TICKETS
from kernel.domain.account import Account, AccountReading
from kernel.domain.params import TradingParams
from kernel.stream.stage import Emission
from kernel.testing.builders import NOW, a_signal, an_idea
from services.selector.core.answers import answer_message, evidence_message
from services.selector.core.decision import Gathered, decide
from services.selector.core.evidence import to_items
from services.sizer.core.facts import Facts, Reservation
from services.sizer.core.outputs import rejection_of, ticket_of
from services.sizer.core.sizing import Refused, size
from tests.fakes.chains import Row, a_calendar, a_chain, a_question, an_account_at_the_venue
from tests.fakes.params import PARAMS


def decided(
    cause: str,
    *rows: Row,
    idea: TradeIdea | None = None,
    params: TradingParams = PARAMS,
    account: Account | None = None,
    now: datetime = NOW,
    revision: str = "rev-a",
) -> list[Emission[Any]]:
    """Return a signal, what the selector saw on it, and its answer."""
    signal = a_signal(cause, idea=idea or an_idea())
    gathered = Gathered(
        question=a_question(),
        chain=a_chain(*rows),
        account=account or an_account_at_the_venue(),
        calendar=a_calendar(),
    )
    origin = Origin("selector", revision, params.config_hash)
    sign = partial(origin.meta, signal.meta, now=now)
    answer = answer_message(sign, signal, decide(signal.idea, gathered, params, now))
    seen = evidence_message(sign("evidence"), signal, to_items(gathered), now)
    topic: Any = SELECTIONS if isinstance(answer, Selection) else REJECTIONS
    return [Emission(SIGNALS, signal), Emission(EVIDENCE, seen), Emission(topic, answer)]


def sized(
    story: list[Emission[Any]],
    *,
    equity: str,
    buying_power: str | None = None,
    in_flight: str = "0",
    params: TradingParams = PARAMS,
) -> list[Emission[Any]]:
    """Return `story`, which ends in a selection, with the sizer's answer to it."""
    selection = story[-1].message
    account = Account(
        account_id="PA0000000001",
        equity_usd=Decimal(equity),
        options_buying_power_usd=Decimal(buying_power or equity),
        observed_at=NOW,
    )
    facts = Facts(
        reservations=(_reservation(in_flight),) if in_flight != "0" else (),
        reservations_at=NOW,
        reading=AccountReading(account, b"{}"),
        now=NOW,
    )
    meta = Origin("sizer", "rev-a", params.config_hash).meta(selection.meta, "answer", NOW)
    outcome = size(selection, account, facts.in_flight_usd, params.sizer, NOW)
    if isinstance(outcome, Refused):
        return [*story, Emission(REJECTIONS, rejection_of(meta, selection, outcome, facts))]
    return [*story, Emission(TICKETS, ticket_of(meta, selection, outcome, account))]


def _reservation(amount_usd: str) -> Reservation:
    return Reservation(
        ticket_id="ticket",
        account_id="PA0000000001",
        signal_id="signal",
        underlying="SPY",
        occ_symbol="SPY260612C00520000",
        reserved_usd=Decimal(amount_usd),
        risk_usd=Decimal(amount_usd),
        expires_at=NOW,
    )
