"""Tells a story: each message, each decision with its arithmetic, the time between them. Pure.

Entry points: `tell`, `summary`, `in_order`.
1. What came from outside cannot steer a terminal: it is shown, not obeyed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from dispatch.candidate_view import contract_name
from dispatch.plain import visible
from dispatch.stories.durations import market_clock
from dispatch.stories.story import Chapter, Fate, Story
from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Execution, Rejection, Selection, Signal, Ticket
from kernel.contracts.parts import AccountView
from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.params import ScoringParams

#: Messages of one signal in the order of its life, for those written in the same millisecond.
_ORDER: tuple[type[Message], ...] = (Signal, Evidence, Selection, Ticket, Execution, Rejection)
_Teller = Callable[[Any], tuple[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a story. `after_ms`: real time since the step before."""

    chapter: Chapter
    headline: str
    lines: tuple[str, ...]
    after_ms: float


def tell(story: Story, scoring: ScoringParams | None = None) -> list[Step]:
    """Return the story's steps, oldest first. `scoring`: the points the selection was scored with, where known."""
    tellers: dict[type[Message], _Teller] = {**_TELLERS, Selection: partial(_selection, scoring=scoring)}
    steps: list[Step] = []
    before: datetime | None = None
    for chapter in in_order(story):
        after_ms = (chapter.written_at - before).total_seconds() * 1000 if before else 0.0
        headline, lines = tellers[type(chapter.message)](chapter.message)
        steps.append(Step(chapter, visible(headline), tuple(map(visible, lines)), after_ms))
        before = chapter.written_at
    return steps


def summary(story: Story) -> str:
    """Return the end of a story in one sentence."""
    steps, no, selection = story.executions, story.rejection, story.selection
    fate = story.fate
    if fate is Fate.REJECTED and no is not None:
        return visible(f"No order: the {no.meta.stage} said {no.code.value}: {no.message}")
    if not steps:
        return "No order yet: no stage has answered its last message"
    last, name = steps[-1], contract_name(steps[-1].legs[0].occ_symbol)
    if last.average_fill_price is not None:
        money = f"at ${last.average_fill_price:.2f} per share, ${last.notional_usd:,.2f}"
        return f"Bought {last.filled_contracts} of {last.contracts} {name} {money}"
    ended = f", nothing filled: {last.reason or 'no reason given'}" if fate is Fate.ENDED_UNFILLED else ""
    score = "" if selection is None else f" (score {selection.score.total:.1f})"
    return visible(
        f"Order for {last.contracts} {name} at ${last.limit_price:.2f}{score} is {last.status.value}{ended}"
    )


def in_order(story: Story) -> list[Chapter]:
    """Return a story's messages by the time they were written, then by their place in its life."""
    return sorted(story.chapters, key=_place)


def _place(chapter: Chapter) -> tuple[datetime, int, int]:
    sequence = chapter.message.sequence if isinstance(chapter.message, Execution) else 0
    return chapter.written_at, _ORDER.index(type(chapter.message)), sequence


def _signal(m: Any) -> tuple[str, list[str]]:
    idea = m.idea
    prices = {
        "reference": idea.reference_price,
        "stop": idea.stop_price,
        "target": idea.target_price,
        "ATR": idea.atr,
    }
    on_underlying = ", ".join(f"{name} ${value:.2f}" for name, value in prices.items() if value is not None)
    return (
        f"signal: {idea.underlying} {idea.direction.value} {idea.strategy.value}",
        [
            f"from {m.source.value}, setup {m.setup}, good until {market_clock(idea.expires_at)}",
            *([f"on the underlying: {on_underlying}"] if on_underlying else []),
        ],
    )


def _evidence(m: Any) -> tuple[str, list[str]]:
    parts = ", ".join(f"{item.name} {len(item.body):,} B" for item in m.items)
    return f"evidence of the {m.meta.stage}: {parts or 'nothing had to be asked for'}", []


def _selection(m: Any, scoring: ScoringParams | None = None) -> tuple[str, list[str]]:
    leg, score = m.legs[0], m.score
    most = {} if scoring is None else scoring.model_dump()
    of = {
        part: f" of {most[f'{part}_points']:g}" if most else ""
        for part in ("spread", "volume", "delta", "distance")
    }
    return (
        f"selected {leg.occ_symbol} with quality score {score.total:.1f}/100",
        [
            (
                f"spread {m.spread_pct:.2f}% -> {score.spread:.1f}{of['spread']}, volume {m.day_volume}"
                f" ({m.volume_basis.value}) -> {score.volume:.1f}{of['volume']}, delta {m.delta:.2f} ->"
                f" {score.delta:.1f}{of['delta']}, distance {m.distance_pct:.2f}% -> {score.distance:.1f}{of['distance']}"
            ),
            (
                f"quote ${leg.bid:.2f} x ${leg.ask:.2f}, mid ${m.mid:.3f}, spot ${m.spot:.2f}, {m.days_to_expiration} days,"
                f" open interest {leg.open_interest if leg.open_interest is not None else 'unknown'}"
            ),
            f"{m.qualified} of {m.candidates} candidates qualified; refused: {_counts(m.rejects)}",
            _account(m.account),
        ],
    )


def _ticket(m: Any) -> tuple[str, list[str]]:
    account: AccountView = m.account
    available = account.options_buying_power_usd - m.in_flight_usd
    per_risk, per_cost = m.max_loss_per_contract_usd, m.price_ceiling * CONTRACT_MULTIPLIER
    return (
        f"ticket: buy {m.contracts} at ${m.limit_price:.2f}, never above ${m.price_ceiling:.2f}",
        [
            _account(account, m.in_flight_usd),
            (
                f"min(floor({account.risk_budget_usd:.2f} / {per_risk:.2f}) = {_floor(account.risk_budget_usd, per_risk)},"
                f" cap {m.max_contracts}, floor({available:.2f} / {per_cost:.2f}) = {_floor(available, per_cost)})"
                f" = {m.contracts}, bound by {m.bound_by.value}"
            ),
            (
                f"at risk ${m.total_risk_usd:.2f}; reserved ${m.reserved_usd:.2f}, in flight before ${m.in_flight_usd:.2f};"
                f" expires {market_clock(m.expires_at)}"
            ),
        ],
    )


def _execution(m: Any) -> tuple[str, list[str]]:
    price = (
        f" at ${m.average_fill_price:.2f}"
        if m.average_fill_price is not None
        else f", limit ${m.limit_price:.2f}"
    )
    lines = [
        f"order {m.client_order_id} (venue {m.venue_order_id or 'has not answered'}), notional ${m.notional_usd:.2f}"
    ]
    if (m.attempt or 1) > 1 or m.slippage_usd is not None:
        slippage = "" if m.slippage_usd is None else f", slippage ${m.slippage_usd:.2f}"
        lines.append(f"attempt {m.attempt or 1} at ${m.limit_price:.2f}{slippage}")
    return (
        f"order {m.status.value}: {m.filled_contracts} of {m.contracts} filled{price}",
        [*lines, *([f"reason: {m.reason}"] if m.reason else [])],
    )


def _rejection(m: Any) -> tuple[str, list[str]]:
    figures = ", ".join(f"{name} {value}" for name, value in m.figures.items())
    lines = [m.message, *([figures] if figures else [])]
    if m.rejects:
        lines.append(f"contracts refused: {_counts(m.rejects)}")
    if m.account is not None:
        lines.append(_account(m.account))
    return f"refused by the {m.meta.stage}: {m.code.value}", lines


_TELLERS: Mapping[type[Message], _Teller] = {
    Signal: _signal,
    Evidence: _evidence,
    Selection: _selection,
    Ticket: _ticket,
    Execution: _execution,
    Rejection: _rejection,
}


def _account(account: AccountView, in_flight_usd: Decimal = Decimal(0)) -> str:
    less = f" less ${in_flight_usd:,.2f} in flight" if in_flight_usd else ""
    return (
        f"account {account.account_id}: tier {account.tier}, equity ${account.equity_usd:,.2f}, options buying power"
        f" ${account.options_buying_power_usd:,.2f}{less}, {account.risk_pct.normalize():f}% ="
        f" ${account.risk_budget_usd:,.2f} per trade"
    )


def _counts(counts: Mapping[str, int]) -> str:
    return (
        ", ".join(f"{count} {code}" for code, count in sorted(counts.items(), key=lambda i: -i[1])) or "none"
    )


def _floor(amount: Decimal, per: Decimal) -> int:
    return max(0, int(amount // per))
