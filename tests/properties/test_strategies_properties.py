"""What holds for every market: the numbered invariants of the opening range, the trend pullback and their evidence."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import Phase, assume, find, given, settings
from hypothesis import strategies as st

from kernel.contracts.origin import Origin
from kernel.domain.options import Direction, Strategy
from kernel.testing.builders import a_meta, a_signal
from services.signals.core.bars import DailyBar, MinuteBar, Prices
from services.signals.core.build import signal_from_setup
from services.signals.core.evidence import Scan, evidence_of_setup, scan_in
from services.signals.core.opening_range import opening_range_breakout
from services.signals.core.scanning import detect
from services.signals.core.setups import NoSetup, Setup
from services.signals.core.trend_pullback import sessions_needed, trend_pullback
from services.signals.replay import SignalsReplay
from tests.fakes.params import PARAMS as ALL_PARAMS
from tests.fakes.signals_market import DAY, OPENS_AT, PARAMS, SESSION, a_view

P = TypeVar("P", bound=Prices)

#: Small averages and long lives, so that a few bars hold many setups; the rules are the same.
SMALL = PARAMS.model_copy(
    update={
        "expiry_s": dict.fromkeys(Strategy, 1800.0),
        "opening_range_min": 5,
        "atr_bars": 3,
        "pullback_fast_ema": 3,
        "pullback_slow_ema": 6,
        "pullback_depth_atr_max": 2.0,
    }
)
#: Mirrors lie around this price: p becomes 2 × 500 − p, and all prices stay well above zero.
CENTRE = Decimal(500)
CENT = Decimal("0.01")
#: A bar by its step from the last close, its reach above and below, and its volume; in cents and shares.
shapes = st.tuples(st.integers(-150, 150), st.integers(0, 100), st.integers(0, 100), st.integers(0, 5000))


def walk(shapes_drawn: Sequence[tuple[int, int, int, int]], start: Decimal) -> list[dict[str, Any]]:
    """Return bars that each open where the one before closed."""
    bars, close = [], start
    for step, above, below, volume in shapes_drawn:
        opened, close = close, close + step * CENT
        high, low = max(opened, close) + above * CENT, min(opened, close) - below * CENT
        bars.append({"open": opened, "high": high, "low": low, "close": close, "volume": volume})
    return bars


@st.composite
def sessions_minutes(draw: st.DrawFn) -> tuple[MinuteBar, ...]:
    """Return up to 40 minutes of a random walk; some are left out, as feeds do."""
    at_least = draw(st.sampled_from((40, 20, 0)))
    bars = enumerate(walk(draw(st.lists(shapes, min_size=at_least, max_size=40)), CENTRE))
    missing = draw(st.sets(st.integers(0, 39), max_size=5))
    return tuple(
        MinuteBar(starts_at=OPENS_AT + timedelta(minutes=n), **bar) for n, bar in bars if n not in missing
    )


@st.composite
def histories(draw: st.DrawFn) -> tuple[DailyBar, ...]:
    """Return up to 26 sessions, a drift and then up to four against it, that close at the centre."""
    drift, against = draw(st.integers(-150, 150)), draw(st.integers(0, 4))
    at_least = draw(st.sampled_from((22, 12, 0)))
    drawn = draw(st.lists(shapes, min_size=at_least, max_size=22))
    drawn += draw(st.lists(shapes, min_size=against, max_size=against))
    turn = len(drawn) - against
    drifting = [
        (step // 3 + (drift if n < turn else -drift), above, below, volume)
        for n, (step, above, below, volume) in enumerate(drawn)
    ]
    total = sum(shape[0] for shape in drifting) * CENT
    bars = walk(drifting, CENTRE - total)
    return tuple(DailyBar(day=DAY - timedelta(days=len(bars) - n), **bar) for n, bar in enumerate(bars))


looks = st.one_of(st.integers(20 * 60, 40 * 60), st.integers(0, 60 * 60)).map(
    lambda seconds: OPENS_AT + timedelta(seconds=seconds)
)
directions = st.sampled_from(Direction)


def mirrored(bars: Sequence[P]) -> tuple[P, ...]:
    def flip(price: Decimal) -> Decimal:
        return 2 * CENTRE - price

    return tuple(
        replace(bar, open=flip(bar.open), high=flip(bar.low), low=flip(bar.high), close=flip(bar.close))
        for bar in bars
    )


def other(direction: Direction) -> Direction:
    return Direction.BEARISH if direction is Direction.BULLISH else Direction.BULLISH


@given(sessions_minutes(), histories(), directions, looks)
def test_long_and_short_are_one_rule_mirrored(minute_bars, history, direction, now) -> None:
    for detector in (opening_range_breakout, trend_pullback):
        seen = detector(a_view(minute_bars, history), direction, SMALL, now)
        flipped = detector(a_view(mirrored(minute_bars), mirrored(history)), other(direction), SMALL, now)
        assert type(seen) is type(flipped)
        if isinstance(seen, NoSetup):
            assert seen.reason is flipped.reason
        else:
            assert seen.found_at == flipped.found_at
            assert seen.atr == flipped.atr
            for name in ("reference_price", "stop_price", "target_price"):
                assert getattr(flipped, name) == 2 * CENTRE - getattr(seen, name)


@given(sessions_minutes(), histories(), sessions_minutes(), looks)
def test_nothing_that_ends_after_now_is_ever_used(minute_bars, history, later, now) -> None:
    known = tuple(bar for bar in minute_bars if bar.ends_at <= now)
    future = tuple(bar for bar in later if bar.ends_at > now)
    today_and_later = tuple(replace(bar, day=DAY + timedelta(days=n)) for n, bar in enumerate(history))
    assert detect(a_view(known, history), SMALL, now) == detect(
        a_view((*future, *known), (*history, *today_and_later)), SMALL, now
    )


@given(sessions_minutes(), histories(), looks, st.integers(0, 3600))
def test_a_setup_once_found_is_found_unchanged_until_it_expires(minute_bars, history, now, more_s) -> None:
    view = a_view(minute_bars, history)
    later = now + timedelta(seconds=more_s)
    for first, second in zip(detect(view, SMALL, now), detect(view, SMALL, later), strict=True):
        if isinstance(first, Setup) and later <= first.expires_at:
            assert second == first


@given(sessions_minutes(), histories(), looks)
def test_every_setup_has_its_levels_in_order_and_a_life_left(minute_bars, history, now) -> None:
    for answer in detect(a_view(minute_bars, history), SMALL, now):
        if isinstance(answer, Setup):
            sign = 1 if answer.direction is Direction.BULLISH else -1
            assert sign * answer.stop_price < sign * answer.reference_price < sign * answer.target_price
            assert answer.found_at <= now <= answer.expires_at
            assert answer.atr > 0


@given(st.integers(0, 60), st.integers(0, 40), st.integers(1, 10**6), looks)
def test_a_market_that_does_not_move_gives_no_setup(minutes, sessions, volume, now) -> None:
    flat = {"open": CENTRE, "high": CENTRE, "low": CENTRE, "close": CENTRE, "volume": volume}
    minute_bars = tuple(MinuteBar(starts_at=OPENS_AT + timedelta(minutes=n), **flat) for n in range(minutes))
    history = tuple(DailyBar(day=DAY - timedelta(days=n + 1), **flat) for n in range(sessions))
    answers = detect(a_view(minute_bars, history), SMALL, now)
    assert all(isinstance(answer, NoSetup) for answer in answers)


@given(sessions_minutes(), histories(), looks)
def test_too_little_data_gives_no_setup(minute_bars, history, now) -> None:
    few_minutes = minute_bars[: SMALL.atr_bars - 1]
    few_sessions = history[: SMALL.pullback_slow_ema - 1]
    answers = detect(a_view(few_minutes, few_sessions), SMALL, now)
    assert all(isinstance(answer, NoSetup) for answer in answers)


@given(sessions_minutes(), st.randoms(use_true_random=False), looks)
def test_the_order_in_which_bars_arrive_does_not_matter(minute_bars, random, now) -> None:
    assume(len(minute_bars) > 1)
    shuffled = list(minute_bars)
    random.shuffle(shuffled)
    assert detect(a_view(minute_bars), SMALL, now) == detect(a_view(shuffled), SMALL, now)


@given(sessions_minutes(), histories(), looks, st.integers(0, 500))
def test_what_a_scan_saw_is_read_back_exactly(minute_bars, history, now, sessions) -> None:
    signal = a_signal(meta=a_meta("scan", "signals", occurred_at=now))
    scan = Scan(looked_at=OPENS_AT, view=a_view(minute_bars, history), sessions_needed=sessions)
    again = scan_in(evidence_of_setup(signal, scan))
    assert again == scan
    # Equal is not enough for prices: 520.10 and 520.1 are equal, and written differently.
    assert str(again.view) == str(scan.view)


@given(sessions_minutes(), histories(), looks)
def test_every_setup_becomes_its_signal_again_from_its_evidence(minute_bars, history, now) -> None:
    params = ALL_PARAMS.model_copy(update={"signals": SMALL})
    origin, view = Origin("signals", "rev", params.config_hash), a_view(minute_bars, history)
    scan = Scan(looked_at=now, view=view, sessions_needed=sessions_needed(SMALL))
    for setup in detect(view, SMALL, now):
        if isinstance(setup, Setup):
            signal = signal_from_setup(origin, setup, now)
            replay = SignalsReplay(params, "rev").decide(signal, evidence_of_setup(signal, scan))
            assert [e.message for e in asyncio.run(replay)] == [signal]


def test_the_markets_drawn_here_do_hold_setups_of_both_rules() -> None:
    """Without this the properties above could hold because nothing is ever found."""
    end = SESSION.opens_at + timedelta(minutes=40)
    for detector in (opening_range_breakout, trend_pullback):
        find(
            st.tuples(sessions_minutes(), histories()),
            lambda drawn, detector=detector: isinstance(
                detector(a_view(*drawn), Direction.BULLISH, SMALL, end), Setup
            ),
            settings=settings(phases=[Phase.generate], max_examples=1000, database=None),
        )
