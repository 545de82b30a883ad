"""`dispatch report`: is the strategy healthy."""

from typing import Annotated

import typer

from dispatch.console import out, write_json
from dispatch.spans import back
from dispatch.stories.health_report import health_report
from dispatch.stories.reading import read_stories
from kernel.runtime.clock import SystemClock

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]


def report(
    since: Annotated[
        str, typer.Option("--since", help="How far back by the wall clock: 30m, 1h, 2d.")
    ] = "1h",
    as_json: AsJson = False,
) -> None:
    """Tell whether the strategy is healthy."""
    begin = back(SystemClock().now(), since)
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


def _usd(value: float) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):.4f}"


def _pct(value: float | None) -> str:
    return "-" if value is None else f"{value:g}%"
