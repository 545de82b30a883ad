from decimal import Decimal

import pytest

from dispatch.replay.overrides import with_overrides
from kernel.domain.errors import ConfigError
from kernel.domain.options import Strategy
from tests.fakes.params import PARAMS


def test_without_changes_the_parameters_are_the_same() -> None:
    assert with_overrides(PARAMS, []) == PARAMS
    assert with_overrides(PARAMS, []).config_hash == PARAMS.config_hash


def test_any_path_can_be_set_and_several_at_once() -> None:
    params = with_overrides(
        PARAMS,
        [
            "selector.min_score=60",
            "selector.strategies.swing.dte_max=30",
            "sizer.risk_scaling=smooth",
            "sizer.tiers.tiny.risk_pct=12.5",
            "sizer.tiers.3.max_contracts=20",
        ],
    )
    assert params.selector.min_score == 60
    assert params.selector.strategies[Strategy.SWING].dte_max == 30
    assert params.sizer.risk_scaling == "smooth"
    assert params.sizer.tiers[0].risk_pct == Decimal("12.5")
    assert params.sizer.tiers[3].max_contracts == 20
    assert params.config_hash != PARAMS.config_hash


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ("selector.min_score", "is not path=value"),
        ("=5", "is not path=value"),
        ("selector.minscore=5", "there is no 'selector.minscore': selector has min_score, "),
        ("sizer.tiers.huge.risk_pct=5", "sizer.tiers has tiny, small, medium, large"),
        ("selector.min_score.x=5", "selector.min_score has nothing inside"),
        ("selector.min_score=high", "selector.min_score: Input should be a valid number.*'high'"),
        ("selector.min_score=-1", "selector.min_score: Input should be greater than or equal to 0"),
        ("sizer.tiers.0.up_to_usd=9000", "sizer: Value error, sizer.tiers must ascend"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_what_is_there(setting: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        with_overrides(PARAMS, [setting])
