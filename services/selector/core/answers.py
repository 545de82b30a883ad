"""A decision as the messages and log lines that tell it."""

from collections.abc import Callable
from datetime import datetime

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, EvidenceItem, Rejection, Selection, Signal
from kernel.contracts.parts import Leg, Side, Structure
from kernel.domain.options import OptionSymbol
from services.selector.core.decision import Decision
from services.selector.core.ranking import RankedContract
from services.selector.core.selection import Refused, Selected


def evidence_message(meta: Meta, signal: Signal, items: tuple[EvidenceItem, ...], now: datetime) -> Evidence:
    """Return what the decision on `signal` saw; `now` is the instant it decided at."""
    return Evidence(meta=meta, input_id=signal.meta.id, decided_at=now, items=items)


def answer_message(sign: Callable[[str], Meta], signal: Signal, decision: Decision) -> Selection | Rejection:
    """Return the answer to `signal`; `sign` gives the meta of a step."""
    outcome = decision.outcome
    if isinstance(outcome, Selected):
        return _selection(sign("selection"), signal, outcome, decision)
    return _rejection(sign("rejection"), signal, outcome, decision)


def selection_lines(selection: Selection) -> tuple[str, str, str]:
    """Return the three lines people grep for. Rounded for the eye alone."""
    strike = OptionSymbol.parse(selection.legs[0].occ_symbol).strike
    return (
        f"Selected contract with quality score: {selection.score.total:.1f}/100",
        (
            f"Strike: ${float(strike)}, Spread: {selection.spread_pct:.1f}%,"
            f" Volume: {selection.day_volume}, Delta: {selection.delta:.2f}"
        ),
        f"Tier: {selection.account.tier}",
    )


def _selection(meta: Meta, signal: Signal, chosen: Selected, decision: Decision) -> Selection:
    assert decision.account is not None
    assert decision.observed_at is not None
    contract = chosen.contract
    assert contract.spread_pct is not None
    assert contract.delta is not None
    return Selection(
        meta=meta,
        idea=signal.idea,
        structure=Structure.SINGLE,
        legs=(_bought(contract),),
        mid=contract.mid,
        spot=chosen.spot,
        score=chosen.score,
        spread_pct=contract.spread_pct,
        delta=contract.delta,
        distance_pct=contract.distance_pct,
        day_volume=contract.volume,
        volume_basis=contract.volume_basis,
        days_to_expiration=contract.days_to_expiration,
        candidates=chosen.candidates,
        qualified=chosen.qualified,
        rejects=chosen.rejects,
        account=decision.account,
        observed_at=decision.observed_at,
    )


def _rejection(meta: Meta, signal: Signal, refused: Refused, decision: Decision) -> Rejection:
    return Rejection(
        meta=meta,
        idea=signal.idea,
        code=refused.code,
        message=refused.message,
        figures=refused.figures,
        rejects=refused.rejects,
        account=decision.account,
        observed_at=decision.observed_at,
    )


def _bought(contract: RankedContract) -> Leg:
    assert contract.quoted_at is not None
    return Leg(
        occ_symbol=contract.occ_symbol,
        side=Side.BUY,
        ratio=1,
        bid=contract.bid,
        ask=contract.ask,
        quoted_at=contract.quoted_at,
        delta=contract.delta,
        open_interest=contract.open_interest,
    )
