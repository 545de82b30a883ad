from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from kernel.contracts.messages import Signal, SignalSource
from kernel.contracts.origin import Origin
from kernel.domain.options import Direction, Strategy
from kernel.testing.builders import NOW
from services.signals.core.alerts import Alert, signal_from_alert
from services.signals.core.build import build_signal, signal_from_setup
from services.signals.core.opening_range import opening_range_breakout
from services.signals.core.setups import Setup
from tests.fakes.signals_market import OPENS_AT, PARAMS, a_breakout_day, a_view

ORIGIN = Origin("signals", "rev", "hash")


def built(cause: str = "operator:1", **values: Any) -> Signal:
    defaults: dict[str, Any] = {
        "underlying": "SPY",
        "direction": Direction.BULLISH,
        "strategy": Strategy.SWING,
        "now": NOW,
    }
    return build_signal(ORIGIN, PARAMS, cause=cause, **(defaults | values))


def a_setup() -> Setup:
    now = OPENS_AT + timedelta(minutes=16)
    setup = opening_range_breakout(a_view(a_breakout_day()), Direction.BULLISH, PARAMS, now)
    assert isinstance(setup, Setup)
    return setup


def test_a_signal_begins_its_own_story() -> None:
    meta = built().meta
    assert meta.correlation_id == meta.id
    assert (meta.causation_id, meta.stage, meta.occurred_at) == ("operator:1", "signals", NOW)


def test_one_cause_has_one_id_and_another_cause_another() -> None:
    assert built().meta.id == built(now=NOW + timedelta(hours=1)).meta.id
    assert built().meta.id != built("operator:2").meta.id


@pytest.mark.parametrize(
    ("strategy", "lives_s"),
    [(Strategy.DAY_TRADE, 300), (Strategy.SWING, 1800), (Strategy.PREMIUM_SELLER, 1800)],
)
def test_a_signal_lives_as_long_as_its_strategy_allows(strategy: Strategy, lives_s: int) -> None:
    assert built(strategy=strategy).idea.expires_at == NOW + timedelta(seconds=lives_s)


def test_a_sender_may_set_another_life() -> None:
    assert built(expires_in_s=30).idea.expires_at == NOW + timedelta(seconds=30)


def test_an_operators_signal_needs_no_prices() -> None:
    signal = built()
    assert (signal.source, signal.setup, signal.idea.stop_price) == (SignalSource.OPERATOR, "manual", None)


def test_a_ticker_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="underlying"):
        built(underlying="not a ticker")


def test_an_alert_becomes_a_webhook_signal_with_its_senders_id() -> None:
    alert = Alert.model_validate(
        {
            "id": "tv-1",
            "ticker": "SPY",
            "direction": "sell",
            "strategy": "day_trade",
            "price": "520.10",
            "stop": "522",
            "target": "516",
            "atr": "1.5",
            "expires_in_s": 60,
            "setup": "double top",
        }
    )
    signal = signal_from_alert(ORIGIN, PARAMS, alert, NOW)
    idea = signal.idea
    assert (signal.source, signal.external_id, signal.setup) == (SignalSource.WEBHOOK, "tv-1", "double top")
    assert (idea.direction, idea.strategy) == (Direction.BEARISH, Strategy.DAY_TRADE)
    assert (idea.reference_price, idea.stop_price) == (Decimal("520.10"), Decimal(522))
    assert (idea.target_price, idea.atr) == (Decimal(516), Decimal("1.5"))
    assert idea.expires_at == NOW + timedelta(seconds=60)


def test_an_alert_and_a_setup_never_share_an_id() -> None:
    setup = a_setup()
    alert = Alert.model_validate(
        {"id": setup.cause, "ticker": "SPY", "direction": "buy", "strategy": "swing"}
    )
    from_alert = signal_from_alert(ORIGIN, PARAMS, alert, NOW)
    assert from_alert.meta.id != signal_from_setup(ORIGIN, setup, NOW).meta.id


def test_a_setups_signal_lives_from_its_bar_whenever_it_was_seen() -> None:
    setup = a_setup()
    early = signal_from_setup(ORIGIN, setup, setup.found_at)
    late = signal_from_setup(ORIGIN, setup, setup.found_at + timedelta(minutes=4))
    assert early.idea == late.idea
    assert early.meta.id == late.meta.id
    assert (early.source, early.setup) == (SignalSource.SCANNER, "opening_range_breakout")
