"""`dispatch trace` and `dispatch report`: look back."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from dispatch.console import out, write_json
from dispatch.stories.health_report import health_report
from dispatch.stories.reading import read_stories
from dispatch.stories.story import Story
from dispatch.stories.telling import Step, market_clock, tell
from kernel.contracts.messages import Evidence
from kernel.domain.errors import ConfigError, TradingError
from kernel.runtime.clock import SystemClock

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_SPAN = re.compile(r"^(?P<count>\d+)(?P<unit>[smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class UnknownSignal(TradingError):
    """No message carries that id."""


def trace(
    signal_id: Annotated[str, typer.Argument(help="The signal's id, or its first characters.")],
    as_json: AsJson = False,
) -> None:
    """Tell one signal's whole story, from the running stack or from the last demo."""
    story = _find(read_stories(evidence=True).stories, signal_id)
    steps = tell(story)
    if as_json:
        write_json(
            {"signal_id": story.signal_id, "fate": story.fate.value, "steps": [_step_json(s) for s in steps]}
        )
        return
    out.print(f"[bold]{story.signal_id}[/bold]  {story.fate.value}")
    for step in steps:
        meta = step.chapter.message.meta
        when = market_clock(meta.occurred_at)
        out.print(f"\n{when}  +{step.after_ms:.0f} ms  [bold]{step.headline}[/bold]")
        for line in step.lines:
            out.print(f"    {line}", markup=False)
        chapter = step.chapter
        out.print(
            f"    topic {chapter.topic}, partition {chapter.partition}, offset {chapter.offset};"
            f" {meta.stage} revision {meta.revision}, parameters {meta.config_hash}",
            style="dim",
            markup=False,
        )


def report(
    since: Annotated[
        str, typer.Option("--since", help="How far back by the wall clock: 30m, 1h, 2d.")
    ] = "1h",
    as_json: AsJson = False,
) -> None:
    """Tell whether the strategy is healthy."""
    begin = _back(SystemClock().now(), since)
    figures = health_report(read_stories(since=begin).signals())
    if as_json:
        write_json(figures)
        return
    out.print(
        f"{figures['signals']} signals, {figures['orders']} orders, {figures['fills']} filled in the last {since}"
    )
    out.print(
        f"scores above 60: {_pct(figures['score_above_60_pct'])}; spreads under 5%: {_pct(figures['spread_below_5_pct'])}"
    )
    for tier, size in figures["sizes"].items():
        out.print(
            f"{tier}: {size['tickets']} tickets of at most {size['contracts_max']} contracts (cap {size['contracts_cap']}),"
            f" risk at most ${size['risk_usd_max']:,.0f} = {size['risk_pct_max']}% (allowed {size['risk_pct_allowed']:g}%)"
        )
    for code, count in figures["rejections"].items():
        out.print(f"  {count:>5} x {code}")
    out.print(f"refused for want of money: {figures['rejected_for_want_of_money']}")
    out.print(f"contracts too expensive, in refusals: {figures['contracts_too_expensive']}")
    slippage, taken = figures["slippage_usd_per_share"], figures["signal_to_order_ms"]
    out.print(f"slippage against the mid: {'-' if slippage is None else f'{_usd(slippage)} per share'}")
    out.print(f"signal to acknowledged order, median: {'-' if taken is None else f'{taken:.0f} ms'}")


def _find(stories: dict[str, Story], signal_id: str) -> Story:
    found = [story for key, story in stories.items() if key.startswith(signal_id)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UnknownSignal(
            f"no message of signal {signal_id!r} is in the topics (or they were made fresh since)"
        )
    raise ConfigError(f"{len(found)} signals begin with {signal_id!r}; give more of the id")


def _step_json(step: Step) -> dict[str, Any]:
    message = step.chapter.message
    document = message.model_dump(
        mode="json", exclude={"items": {"__all__": {"body"}}} if isinstance(message, Evidence) else None
    )
    return {
        "topic": step.chapter.topic,
        "partition": step.chapter.partition,
        "offset": step.chapter.offset,
        "written_at": step.chapter.written_at.isoformat(),
        "after_ms": step.after_ms,
        "headline": step.headline,
        "lines": list(step.lines),
        "message": document,
    }


def _back(now: datetime, text: str) -> datetime:
    match = _SPAN.match(text)
    if match is None:
        raise ConfigError(f"--since: {text!r} is no span; examples: 30m, 1h, 2d")
    try:
        return now - timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
    except OverflowError:
        raise ConfigError(f"--since: {text} is before the calendar begins") from None


def _usd(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):.4f}"


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:g}%"
