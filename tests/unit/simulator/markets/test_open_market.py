"""Markets by name."""

from datetime import date
from pathlib import Path

import pytest

from kernel.domain.calendar import market_day
from kernel.domain.errors import ConfigError
from simulator.markets.open import open_market
from tests.fakes.lean_folder import CALL_100, DAY, quote, write_lean_day


def test_synthetic_is_seeded_and_opens_on_the_day_asked_for() -> None:
    market = open_market("synthetic", seed=3, symbol=None, day=date(2026, 6, 9))

    assert market.name == "synthetic"
    assert market_day(market.starts_at) == date(2026, 6, 9)
    other = open_market("synthetic", seed=4, symbol=None, day=date(2026, 6, 9))
    assert market.stock("SPY", market.starts_at) != other.stock("SPY", market.starts_at)


def test_lean_opens_the_recorded_day_of_a_symbol_in_any_case(tmp_path: Path) -> None:
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]})

    market = open_market(f"lean:{folder}", seed=1, symbol="abc", day=DAY)

    assert market.underlyings() == ("ABC",)
    assert market.name == "recorded ABC 2024-01-16"


@pytest.mark.parametrize(("symbol", "day"), [(None, DAY), ("ABC", None)])
def test_lean_without_symbol_or_day_says_what_can_be_chosen(
    tmp_path: Path, symbol: str | None, day: date | None
) -> None:
    folder = write_lean_day(tmp_path, quotes={CALL_100: [quote(0, 2.0, 2.2)]})

    with pytest.raises(ConfigError, match=r"needs a symbol and a day; .* has ABC 2024-01-16"):
        open_market(f"lean:{folder}", seed=1, symbol=symbol, day=day)


def test_any_other_name_is_a_config_error_that_names_the_two() -> None:
    with pytest.raises(ConfigError, match="'simulated'; use 'synthetic' or 'lean:FOLDER'"):
        open_market("simulated", seed=1, symbol=None, day=None)
