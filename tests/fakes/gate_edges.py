"""What the gates of ticket, hours, standing and price let pass, and what they refuse."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from kernel.contracts.messages import RejectionCode as C
from kernel.contracts.parts import Action, Side
from kernel.domain.control import ControlState
from kernel.testing.builders import NOW, a_leg, an_idea
from services.executor.core.readiness import Readiness
from tests.fakes.executor_facts import (
    a_book,
    a_quote,
    a_switch,
    account_facts,
    long_lived,
)
from tests.fakes.gate_scenes import (
    CLOSE,
    OPEN,
    US,
    Edge,
    at,
    quoted,
    scene,
    with_equity,
)

D = Decimal
READY = Readiness(stream_ready=True, reconciled=True)
EDGES = [
    Edge(C.STRUCTURE_NOT_AVAILABLE, "ratio", lambda n: scene(long_lived(legs=(a_leg(ratio=n),))), (1,), (2,)),
    Edge(
        C.STRUCTURE_NOT_AVAILABLE,
        "side",
        lambda side: scene(long_lived(legs=(a_leg(side=side),))),
        (Side.BUY,),
        (Side.SELL,),
    ),
    Edge(
        C.STRUCTURE_NOT_AVAILABLE,
        "legs",
        lambda n: scene(long_lived(legs=(a_leg(),) * n)),
        (1,),
        (2, 4),
    ),
    Edge(
        C.STRUCTURE_NOT_AVAILABLE,
        "action",
        lambda action: scene(long_lived(action=action)),
        (Action.BUY_TO_OPEN,),
        (Action.SELL_TO_OPEN, Action.BUY_TO_CLOSE, Action.SELL_TO_CLOSE),
    ),
    Edge(
        C.LIMIT_NOT_POSITIVE,
        "limit_price",
        lambda price: scene(long_lived().model_copy(update={"limit_price": D(price)})),
        ("0.0001", "0.01"),
        ("0", "-0.01"),
    ),
    Edge(
        C.LIMIT_ABOVE_CEILING,
        "limit_price",
        lambda price: scene(long_lived(limit_price=D(price))),
        ("2.50", "2.51"),
        ("2.52",),
    ),
    Edge(
        C.CONTRACTS_ABOVE_MAXIMUM,
        "contracts",
        lambda n: scene(long_lived().model_copy(update={"contracts": n, "max_contracts": 3})),
        (1, 2, 3),
        (4, 0, -1),
    ),
    Edge(
        C.CLOCK_SKEW,
        "clock_skew_s",
        lambda s: scene(clock_skew_s=s),
        (None, 0.0, 1.999, 2.0, -2.0),
        (2.001, -2.001),
    ),
    Edge(
        C.TICKET_EXPIRED,
        "now",
        lambda now: scene(long_lived(expires_at=NOW), now=now),
        (NOW - US,),
        (NOW, NOW + US),
    ),
    Edge(
        C.SIGNAL_EXPIRED,
        "now",
        lambda now: scene(long_lived(idea=an_idea(expires_at=NOW)), now=now),
        (NOW - US,),
        (NOW, NOW + US),
    ),
    Edge(C.MARKET_CLOSED, "open", at, (OPEN, OPEN + US), (OPEN - US,)),
    Edge(C.MARKET_CLOSED, "close", at, (CLOSE - US,), (CLOSE, CLOSE + US)),
    Edge(
        C.EXPIRY_DAY_CUTOFF,
        "to_close_min",
        lambda to_close: at(CLOSE - to_close, "SPY260605C00520000"),
        (timedelta(minutes=60) + US,),
        (timedelta(minutes=60), timedelta(minutes=60) - US),
    ),
    Edge(
        C.UNDERLYING_NOT_ALLOWED,
        "underlyings",
        lambda names: scene(limits={"underlyings": names}),
        ((), ("SPY",), ("QQQ", "SPY")),
        (("QQQ",), ("SP",), ("SPYG",)),
    ),
    Edge(
        C.UNDERLYING_NOT_ALLOWED,
        "occ_symbol",
        lambda symbol: scene(long_lived(symbol), limits={"underlyings": ("SPY",)}),
        ("SPY260612C00520000",),
        ("QQQ260612C00520000", "no symbol"),
    ),
    Edge(
        C.HOST_NOT_ALLOWED,
        "host",
        lambda url: scene(venue_url=url),
        ("https://paper-api.alpaca.markets", "http://127.0.0.1:8123", "http://localhost", "http://[::1]:1"),
        (
            "https://api.alpaca.markets",
            "http://paper-api.alpaca.markets",
            "https://paper-api.alpaca.markets.example.com",
            "https://user@paper-api.alpaca.markets",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "",
            None,
        ),
    ),
    Edge(
        C.ACCOUNT_NOT_USABLE,
        "equity_usd",
        with_equity,
        ("0.01",),
        ("0", "-0.01"),
    ),
    Edge(
        C.ACCOUNT_NOT_USABLE,
        "account",
        lambda values: scene(account=account_facts(**values)),
        ({},),
        ({"blocked_by": ("trading_blocked",)}, {"account_id": "PA0000000002"}, {"account_id": None}),
    ),
    Edge(
        C.CONTRACTS_ABOVE_LIMIT,
        "contracts",
        lambda n: scene(long_lived(contracts=n, max_contracts=100_000)),
        (1, 9, 10),
        (11, 1000),
    ),
    Edge(
        C.CONTRACTS_ABOVE_LIMIT,
        "tier_max_contracts",
        lambda usd: scene(
            long_lived(contracts=4),
            account=account_facts(equity_usd=D(usd), options_buying_power_usd=D(1)),
        ),
        ("5000.01",),
        ("5000", "4999.99"),
    ),
    Edge(
        C.PREMIUM_ABOVE_LIMIT,
        "order_premium_usd_max",
        lambda usd: scene(limits={"order_premium_usd_max": D(usd)}),
        ("1004.01", "1004"),
        ("1003.99",),
    ),
    Edge(
        C.PREMIUM_ABOVE_LIMIT,
        "order_premium_pct_max",
        lambda pct: scene(limits={"order_premium_pct_max": D(pct)}),
        ("1.00401", "1.004"),
        ("1.00399",),
    ),
    Edge(
        C.QUOTE_NOT_USABLE,
        "bid",
        lambda bid: scene(quote=a_quote(bid=D(bid))),
        ("0.01", "2.50", "2.51"),
        ("2.52", "0", "-0.01"),
    ),
    Edge(
        C.QUOTE_NOT_USABLE,
        "ask",
        lambda ask: scene(quote=a_quote(ask=D(ask))),
        ("2.50", "2.49"),
        ("2.48", "0"),
    ),
    Edge(
        C.QUOTE_NOT_USABLE,
        "price_usd",
        lambda price: scene(price_usd=D(price)),
        ("0.01",),
        ("0", "-0.01"),
    ),
    Edge(
        C.QUOTE_TOO_OLD,
        "quote_age_s",
        lambda age: scene(quote=a_quote(quoted_at=NOW - age)),
        (timedelta(), timedelta(seconds=420), timedelta(seconds=-420)),
        (timedelta(seconds=420) + US, timedelta(seconds=-420) - US),
    ),
    Edge(
        C.SPREAD_TOO_WIDE,
        "ask",
        lambda ask: quoted("1.85", ask),
        ("1.85", "2.1499", "2.15"),
        ("2.1501",),
    ),
    Edge(
        C.PRICE_ABOVE_COLLAR,
        "limit_price",
        lambda price: quoted("1.98", "2.00", limit_price=D(price)),
        ("2.19", "2.20"),
        ("2.21", "22.00"),
    ),
    Edge(
        C.PRICE_BELOW_COLLAR,
        "limit_price",
        lambda price: quoted("3.00", "3.02", limit_price=D(price)),
        ("2.71", "2.70"),
        ("2.69", "0.30"),
    ),
    Edge(
        C.PRICE_BELOW_INTRINSIC,
        "limit_price of a call",
        lambda price: scene(long_lived(limit_price=D(price), price_ceiling=D(9)), price_usd=D(530)),
        ("4.71", "4.70"),  # 530 - 520 less 1 % of 530
        ("4.69", "1.00"),
    ),
    Edge(
        C.PRICE_BELOW_INTRINSIC,
        "limit_price of a put",
        lambda price: scene(
            long_lived("SPY260612P00530000", limit_price=D(price), price_ceiling=D(9)), price_usd=D(520)
        ),
        ("4.81", "4.80"),  # 530 - 520 less 1 % of 520
        ("4.79", "1.00"),
    ),
    Edge(
        C.STREAM_NOT_READY,
        "stream_ready",
        lambda on: scene(readiness=replace(READY, stream_ready=on)),
        (True,),
        (False,),
    ),
    Edge(
        C.RECONCILING,
        "reconciled",
        lambda done: scene(readiness=replace(READY, reconciled=done)),
        (True,),
        (False,),
    ),
    Edge(
        C.DRIFT_UNEXPLAINED,
        "drift",
        lambda drift: scene(readiness=replace(READY, drift=drift)),
        ((),),
        (("one contract more than we know of",),),
    ),
    Edge(
        C.TRADING_HALTED,
        "state",
        lambda state: scene(book=a_book(switch=a_switch(state))),
        (ControlState.ACTIVE, ControlState.REDUCING),
        (ControlState.HALTED,),
    ),
    Edge(
        C.REDUCING_ONLY,
        "state",
        lambda state: scene(book=a_book(switch=a_switch(state))),
        (ControlState.ACTIVE,),
        (ControlState.REDUCING, ControlState.HALTED),
    ),
    Edge(
        C.REDUCING_ONLY,
        "action",
        lambda action: scene(long_lived(action=action), book=a_book(switch=a_switch(ControlState.REDUCING))),
        (Action.SELL_TO_CLOSE, Action.BUY_TO_CLOSE),
        (Action.BUY_TO_OPEN, Action.SELL_TO_OPEN),
    ),
]
