"""Settings come from the command line, then SIMULATOR_* variables, then defaults."""

from datetime import date

import pytest

from kernel.domain.errors import ConfigError
from simulator.markets.days import Days
from simulator.settings import read_settings
from simulator.venue.fills import FillModel


def test_defaults_are_a_synthetic_market_and_a_hundred_thousand_dollars() -> None:
    settings = read_settings({})
    assert (settings.market, settings.equity, settings.fill_model) == ("synthetic", 100_000, FillModel.NBBO)
    assert (settings.host, settings.latency_ms, settings.partial_fills) == ("127.0.0.1", (20.0, 60.0), 10)


def test_the_environment_sets_what_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_EQUITY", "5000")
    monkeypatch.setenv("SIMULATOR_FILL_MODEL", "mid")
    monkeypatch.setenv("SIMULATOR_LATENCY_MS", "1,2.5")
    settings = read_settings({"equity": 1000})
    assert (settings.equity, settings.fill_model, settings.latency_ms) == (1000, FillModel.MID, (1.0, 2.5))


@pytest.mark.parametrize("given", ["2014-06-06", date(2014, 6, 6)])
def test_one_day_is_a_span_of_its_own(given: str | date) -> None:
    assert read_settings({"date": given}).date == Days(date(2014, 6, 6), date(2014, 6, 6))


def test_days_in_a_row_are_the_first_and_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMULATOR_DATE", "2014-06-06..2014-06-09")

    assert str(read_settings({}).date) == "2014-06-06..2014-06-09"


def test_one_latency_is_a_range_of_its_own() -> None:
    assert read_settings({"latency_ms": "30"}).latency_ms == (30.0, 30.0)


@pytest.mark.parametrize(
    "given",
    [
        {"equity": 0},
        {"speed": -1},
        {"latency_ms": "9,3"},
        {"latency_ms": "fast"},
        {"fill_model": "magic"},
        {"start": "2026-06-10T10:00:00"},
        {"port": 70_000},
        {"partial_fills": 101},
        {"colour": "red"},
        {"date": "friday"},
        {"date": "2014-06-09..2014-06-06"},
    ],
)
def test_a_wrong_setting_is_named(given: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(given))):
        read_settings(given)
