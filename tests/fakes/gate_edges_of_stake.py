"""What the gates of size, traffic and losses let pass, and what they refuse."""

from datetime import timedelta
from decimal import Decimal

from kernel.contracts.messages import RejectionCode as C
from kernel.testing.builders import NOW
from tests.fakes.executor_facts import (
    a_book,
    a_switch,
    account_facts,
)
from tests.fakes.gate_scenes import (
    US,
    Edge,
    held,
    on_other_contracts,
    resting,
    scene,
    with_equity,
)

D = Decimal
EDGES = [
    Edge(
        C.DAILY_LOSS_ABOVE_LIMIT,
        "equity_usd",
        with_equity,
        ("90000.01", "90000", "100001"),
        ("89999.99",),
    ),
    Edge(
        C.ORDER_RATE_ABOVE_LIMIT,
        "begun_last_minute",
        lambda n: scene(book=a_book(begun_last_minute=n)),
        (0, 8, 9),
        (10, 11, -1),
    ),
    Edge(
        C.CONSECUTIVE_REJECTS,
        "rejected_at",
        lambda n: scene(book=a_book(rejected_at=(NOW,) * n)),
        (0, 1, 2),
        (3, 4),
    ),
    Edge(
        C.CONSECUTIVE_REJECTS,
        "counts_from",
        lambda since: scene(book=a_book(rejected_at=(NOW,) * 3, switch=a_switch(counts_from=since))),
        (NOW, NOW + US),
        (NOW - US,),
    ),
    Edge(
        C.DRAWDOWN_ABOVE_LIMIT,
        "equity_usd",
        lambda usd: with_equity(usd, equity_high_usd=D(100000), equity_high_at=NOW),
        ("75000.01", "75000", "100001"),
        ("74999.99",),
    ),
    Edge(
        C.DRAWDOWN_ABOVE_LIMIT,
        "counts_from",
        lambda since: with_equity(
            50000, equity_high_usd=D(100000), equity_high_at=NOW, switch=a_switch(counts_from=since)
        ),
        (NOW, NOW + US),
        (NOW - US,),
    ),
    Edge(
        C.SAME_ORDER_AGAIN,
        "same_order_at",
        lambda ago: scene(book=a_book(same_order_at=NOW - ago)),
        (timedelta(seconds=60), timedelta(seconds=60) + US),
        (timedelta(seconds=60) - US, timedelta(), timedelta(seconds=-1)),
    ),
    Edge(
        C.SAME_ORDER_AGAIN,
        "same_order_window_s",
        lambda s: scene(
            book=a_book(same_order_at=NOW + timedelta(seconds=1)), limits={"same_order_window_s": s}
        ),
        (0.0,),
        (0.001,),
    ),
    Edge(
        C.OPEN_POSITIONS_ABOVE_LIMIT,
        "positions",
        lambda n: scene(positions=on_other_contracts(n)),
        (8, 9),
        (10,),
    ),
    Edge(
        C.OPEN_POSITIONS_ABOVE_LIMIT,
        "orders",
        lambda symbol: scene(positions=on_other_contracts(9), book=a_book(orders=resting(1, symbol=symbol))),
        ("SPY260612C00000000", "SPY260612C00520000"),
        ("SPY260612C00530000",),
    ),
    Edge(
        C.DAY_PREMIUM_ABOVE_LIMIT,
        "day_premium_usd",
        lambda usd: scene(book=a_book(day_premium_usd=D(usd))),
        ("0", "18995.99", "18996"),
        ("18996.01", "-0.01"),
    ),
    Edge(
        C.DAY_PREMIUM_ABOVE_LIMIT,
        "day_premium_pct_max",
        lambda pct: scene(limits={"day_premium_pct_max": D(pct)}),
        ("1.004",),
        ("1.00399",),
    ),
    Edge(
        C.RISK_ABOVE_LIMIT,
        "positions",
        lambda usd: scene(positions=held(usd, "QQQ260612C00530000")),
        ("18995.99", "18996"),
        ("18996.01",),
    ),
    Edge(
        C.RISK_ABOVE_LIMIT,
        "orders",
        lambda usd: scene(positions=held(10000), book=a_book(orders=resting(usd))),
        ("8995.99", "8996"),
        ("8996.01",),
    ),
    Edge(
        C.RISK_ABOVE_LIMIT,
        "risk_pct_max",
        lambda pct: scene(limits={"risk_pct_max": D(pct)}),
        ("1.004",),
        ("1.00399",),
    ),
    Edge(
        C.UNDERLYING_EXPOSURE_ABOVE_LIMIT,
        "positions",
        lambda usd: scene(positions=(*held(usd), *held(5000, "QQQ260612C00530000"))),
        ("8995.99", "8996"),
        ("8996.01",),
    ),
    Edge(
        C.UNDERLYING_EXPOSURE_ABOVE_LIMIT,
        "orders",
        lambda usd: scene(positions=held(1000), book=a_book(orders=resting(usd))),
        ("7996",),
        ("7996.01",),
    ),
    Edge(
        C.UNDERLYING_EXPOSURE_ABOVE_LIMIT,
        "underlying_pct_max",
        lambda pct: scene(limits={"underlying_pct_max": D(pct)}),
        ("1.004",),
        ("1.00399",),
    ),
    Edge(
        C.BUYING_POWER_TOO_SMALL,
        "options_buying_power_usd",
        lambda usd: scene(account=account_facts(options_buying_power_usd=D(usd))),
        ("1004.01", "1004"),
        ("1003.99", "0"),
    ),
    Edge(
        C.BUYING_POWER_TOO_SMALL,
        "in_flight_usd",
        lambda usd: scene(
            account=account_facts(options_buying_power_usd=D(2000)),
            book=a_book(orders=(*resting(usd, at_venue=False), *resting(5000))),
        ),
        ("995.99", "996"),
        ("996.01",),
    ),
    Edge(
        C.BUYING_POWER_TOO_SMALL,
        "held_above_what_may_be_paid_usd",
        lambda usd: scene(
            account=account_facts(options_buying_power_usd=D(usd)),
            book=a_book(orders=resting(100, held_usd=500)),
        ),
        ("1004.01", "1004"),
        ("1003.99",),
    ),
    Edge(
        C.BUYING_POWER_TOO_SMALL,
        "headroom_of_walks_usd",
        lambda usd: scene(
            account=account_facts(options_buying_power_usd=D(2000)),
            book=a_book(orders=resting(3000, held_usd=3000 - D(usd))),
        ),
        ("995.99", "996"),
        ("996.01",),
    ),
]
