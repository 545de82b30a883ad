import pytest

from kernel.domain.errors import ConfigError
from services.signals.settings import SignalsSettings


def test_the_watchlist_is_a_list_of_tickers_each_once() -> None:
    settings = SignalsSettings.from_env({"DISPATCH_WATCHLIST": " SPY, BRK.B ,SPY,"})
    assert settings.underlyings == ("SPY", "BRK.B")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISPATCH_WATCHLIST", "SPY,spy"),
        ("DISPATCH_SCANNER", "maybe"),
        ("DISPATCH_SCAN_INTERVAL_S", "0"),
        ("DISPATCH_STOCK_FEED", "fast"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=name):
        SignalsSettings.from_env({name: value})


def test_the_token_is_never_printed() -> None:
    settings = SignalsSettings.from_env({"DISPATCH_WEBHOOK_TOKEN": "hush-hush"})
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"
