import pytest

from kernel.contracts.topics import TICKETS
from kernel.domain.errors import ConfigError
from services.executor.app import build
from services.executor.settings import ExecutorSettings

PAPER = "https://paper-api.alpaca.markets"


def settings(url: str) -> ExecutorSettings:
    return ExecutorSettings.from_env({"APCA_API_BASE_URL": url})


@pytest.mark.parametrize(
    "url", [PAPER, PAPER + "/", "http://127.0.0.1:8080", "http://localhost:1", "http://[::1]:1"]
)
def test_the_paper_venue_and_this_machine_are_traded_with(url: str) -> None:
    process = build(settings(url))

    assert process.consumes is TICKETS
    assert set(process.tasks) == {"relay", "pruning", "tracking", "clock"}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.alpaca.markets",
        "https://API.ALPACA.MARKETS",
        "https://api.alpaca.markets#https://paper-api.alpaca.markets",
        "https://api.alpaca.markets?x=paper-api.alpaca.markets",
        "https://api.alpaca.markets/paper-api.alpaca.markets",
        # Look-alikes
        "https://paper-api.alpaca.markets.evil.com",
        "https://paper-api-alpaca.markets",
        "https://evil.paper-api.alpaca.markets",
        "https://paper-api.alpaca.market",
        "https://paper-api.alpaca.markets.",
        # User info, and what one parser takes for it and another does not
        "https://paper-api.alpaca.markets@evil.com",
        "https://paper-api.alpaca.markets:x@evil.com",
        "https://me:secret@paper-api.alpaca.markets",
        "https://evil.com\\@paper-api.alpaca.markets",
        "http://evil.com\\@127.0.0.1",
        "https://evil.com/@paper-api.alpaca.markets",
        # Without encryption, by other schemes, with a path
        "http://paper-api.alpaca.markets",
        "ftp://paper-api.alpaca.markets",
        "paper-api.alpaca.markets",
        "https://paper-api.alpaca.markets/v2",
        "https://paper-api.alpaca.markets\n",
        " https://paper-api.alpaca.markets",
        # Private is not this machine
        "http://10.0.0.1:8080",
        "http://192.168.1.1",
        "http://172.17.0.1:8080",
        "http://169.254.169.254",
        "http://0.0.0.0:8080",
        "http://[::]:8080",
        "http://127.0.0.1.evil.com",
        "http://localhost.evil.com",
        "http://2130706433",
        "",
    ],
)
def test_nothing_else_is(url: str) -> None:
    with pytest.raises(ConfigError, match="paper only"):
        build(settings(url))


def test_a_refusal_does_not_repeat_what_may_be_a_secret() -> None:
    with pytest.raises(ConfigError) as refused:
        build(settings("https://me:hunter2@paper-api.alpaca.markets"))

    assert "hunter2" not in str(refused.value)


def test_only_the_real_venues_clock_is_measured_against_ours() -> None:
    real, simulated = build(settings(PAPER)), build(settings("http://127.0.0.1:1"))

    assert real.stage._facts.__self__._clock_skew_s is not None
    assert simulated.stage._facts.__self__._clock_skew_s is None


def test_a_sweep_interval_that_is_none_is_a_settings_error() -> None:
    with pytest.raises(ConfigError, match="DISPATCH_EXECUTOR_SWEEP_S"):
        ExecutorSettings.from_env({"DISPATCH_EXECUTOR_SWEEP_S": "0"})
