"""The decisions of a trace as parts of its page: the score, the alternatives, the arithmetic of the size. Pure.

Entry point: `decision_sections`.
"""

from collections.abc import Iterator, Mapping

from dispatch.candidate_view import HEAD, cells, contract_name
from dispatch.html import Content, Html, badge, bar, code, facts, note, section, table, tag
from dispatch.stories.durations import market_clock
from dispatch.stories.sizes import SizeArithmetic
from dispatch.stories.story import Fate
from dispatch.stories.trace import Trace
from dispatch.stories.why import Shortlist, Why
from kernel.contracts.messages import Rejection, Selection, Ticket
from kernel.contracts.parts import AccountView
from kernel.domain.params import ScoringParams

#: Columns of figures, score first.
_FIGURES = (1, *range(3, len(HEAD)))


def decision_sections(trace: Trace) -> Iterator[Html]:
    """Yield one section a decision: the no that ended a story first, then in their order."""
    whys = {why.answer_id: why for why in trace.whys}
    messages = [step.chapter.message for step in trace.steps]
    if trace.story.fate is Fate.REJECTED:
        messages.sort(key=lambda message: not isinstance(message, Rejection))
    for message in messages:
        why = whys.get(message.meta.id)
        match message:
            case Selection():
                yield section("The contract", *_selection(message, why), aside=message.meta.stage)
            case Ticket():
                yield section("The size", *_ticket(message, why), aside=message.meta.stage)
            case Rejection():
                yield section("The no", *_rejection(message, why), aside=message.meta.stage)
            case _:
                pass


def _selection(m: Selection, why: Why | None) -> Iterator[Content]:
    leg = m.legs[0]
    name = contract_name(leg.occ_symbol)
    yield tag(
        "p", f"{name} (", code(leg.occ_symbol), f") with a quality score of {m.score.total:.1f} of 100."
    )
    yield _score(m, why.scoring if why else None)
    yield facts(
        ("quote", f"${leg.bid:.2f} × ${leg.ask:.2f}"),
        ("mid", f"${m.mid:.3f}"),
        ("underlying", f"${m.spot:.2f}"),
        ("days to expiration", m.days_to_expiration),
        ("open interest", "unknown" if leg.open_interest is None else f"{leg.open_interest:,}"),
        ("quoted, market time", market_clock(leg.quoted_at)),
        ("contracts looked at", m.candidates),
        ("of them qualified", m.qualified),
    )
    yield from _explained(why)
    yield _rejects(m.rejects)
    yield _account(m.account)


def _score(m: Selection, scoring: ScoringParams | None) -> Html:
    """Return the four parts as bars: each on a scale of its most points, or all of 100 where these are not known."""
    score, most = m.score, {} if scoring is None else scoring.model_dump()
    basis = m.volume_basis.value.replace("_", " ")
    parts: list[tuple[str, str, float]] = [
        ("spread", f"{m.spread_pct:.2f}% of the mid", score.spread),
        ("volume", f"{m.day_volume:,} ({basis})", score.volume),
        ("delta", f"{m.delta:.3f}", score.delta),
        ("distance", f"{m.distance_pct:.2f}% from spot", score.distance),
    ]
    rows = [_part(name, measured, points, most.get(f"{name}_points")) for name, measured, points in parts]
    rows.append(_part("total", "", score.total, 100.0))
    return table(("part", "measured", "points", "share"), rows, right=(2,), marked=(len(rows) - 1,))


def _part(name: str, measured: str, points: float, most: float | None) -> tuple[Content, ...]:
    told = f"{points:.1f}" if most is None else f"{points:.1f} / {most:g}"
    return name, measured, told, bar(points, most or 100.0)


def _ticket(m: Ticket, why: Why | None) -> Iterator[Content]:
    yield tag(
        "p",
        f"Buy {m.contracts} at ${m.limit_price:.2f} per share, never above ${m.price_ceiling:.2f};"
        f" ${m.total_risk_usd:,.2f} at risk.",
    )
    yield from _explained(why)
    yield facts(
        ("reserved at the ceiling", f"${m.reserved_usd:,.2f}"),
        ("in flight before", f"${m.in_flight_usd:,.2f}"),
        ("good until, market time", market_clock(m.expires_at)),
    )
    yield _account(m.account)


def _rejection(m: Rejection, why: Why | None) -> Iterator[Content]:
    yield tag("p", badge(m.code.value, "bad"), " ", m.message)
    yield from _explained(why)
    yield _rejects(m.rejects)
    yield (
        facts(*((name.replace("_", " "), value) for name, value in m.figures.items())) if m.figures else None
    )
    if m.account is not None:
        yield _account(m.account)


def _explained(why: Why | None) -> Iterator[Content]:
    if why is None:
        return
    for warning in why.warnings:
        yield note(warning, tone="warn")
    if why.size is not None:
        yield _size(why.size)
    for line in why.lines:
        yield tag("p", f"{line[:1].upper()}{line[1:]}.")
    if why.times:
        yield table(("market time", "what"), [(market_clock(at), name) for name, at in why.times])
    for shortlist in why.shortlists:
        yield _shortlist(shortlist)


def _shortlist(shortlist: Shortlist) -> Html:
    symbols = [c.contract.occ_symbol for c in shortlist.candidates]
    chosen = [i for i, symbol in enumerate(symbols) if symbol == shortlist.chosen]
    rows = [_verdict_first(cells(c, shortlist.chosen)) for c in shortlist.candidates]
    return table(_verdict_first(HEAD), rows, right=_FIGURES, caption=shortlist.title, marked=chosen)


def _verdict_first(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Put score and verdict beside the contract: on a phone the other figures are out of sight."""
    contract, *figures, score, verdict = cells
    return (contract, score, verdict, *figures)


def _size(size: SizeArithmetic) -> Html:
    binding = size.binding
    rows: list[tuple[Content, ...]] = [
        (
            bound.by.value.replace("_", " "),
            bound.formula,
            bound.contracts,
            "binds" if bound == binding else None,
        )
        for bound in size.bounds
    ]
    rows.append(("contracts", "the smallest of the three", binding.contracts, None))
    marked = (size.bounds.index(binding), len(rows) - 1)
    return table(("bound", "arithmetic", "contracts", ""), rows, right=(2,), marked=marked)


def _rejects(rejects: Mapping[str, int]) -> Html | None:
    if not rejects:
        return None
    most = max(rejects.values())
    rows = [
        (reason, count, bar(count, most)) for reason, count in sorted(rejects.items(), key=lambda r: -r[1])
    ]
    return table(
        ("reason", "contracts", ""),
        rows,
        right=(1,),
        caption="Contracts refused, by the first reason against each",
    )


def _account(account: AccountView) -> Html:
    return facts(
        ("account", account.account_id),
        ("tier", account.tier),
        ("equity", f"${account.equity_usd:,.2f}"),
        ("options buying power", f"${account.options_buying_power_usd:,.2f}"),
        ("risk per trade", f"{account.risk_pct.normalize():f}% = ${account.risk_budget_usd:,.2f}"),
    )
