from datetime import UTC, date, datetime

from dispatch.demo.plan import plan_live, plan_recorded
from kernel.domain.calendar import Session
from kernel.domain.options import Strategy

HALF_DAY = Session(
    day=date(2015, 12, 24),
    opens_at=datetime(2015, 12, 24, 14, 30, tzinfo=UTC),
    closes_at=datetime(2015, 12, 24, 18, 0, tzinfo=UTC),
)


def test_a_live_plan_covers_every_style_and_asks_once_for_what_is_not_built() -> None:
    planned = plan_live(24)
    assert len({(p.direction, p.strategy) for p in planned}) >= 4
    assert sum(p.strategy is Strategy.PREMIUM_SELLER for p in planned) == 2
    assert [p.number for p in planned] == list(range(1, 25))


def test_a_recorded_plan_stays_inside_a_half_day_and_off_the_minute() -> None:
    instants = [p.market_at for p in plan_recorded(20, "GOOG", HALF_DAY)]
    assert len(instants) == 20
    assert instants == sorted(instants)  # type: ignore[type-var]
    assert all(at and HALF_DAY.opens_at < at < HALF_DAY.closes_at and at.second == 10 for at in instants)


def test_one_signal_is_a_plan_too() -> None:
    assert len(plan_recorded(1, "GOOG", HALF_DAY)) == 1
