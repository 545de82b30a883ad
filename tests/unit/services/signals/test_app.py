import pytest

from kernel.domain.errors import ConfigError
from services.signals.app import build
from services.signals.settings import SignalsSettings


@pytest.mark.parametrize(
    ("scanner", "tasks"), [("on", {"relay", "clock", "scanner"}), ("off", {"relay", "clock"})]
)
def test_the_venues_clock_is_followed_with_or_without_the_scanner(scanner: str, tasks: set[str]) -> None:
    process = build(SignalsSettings.from_env({"DISPATCH_SCANNER": scanner}))
    assert process.consumes is None
    assert set(process.tasks) == tasks


def test_any_host_but_the_paper_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="APCA_API_BASE_URL"):
        build(SignalsSettings.from_env({"APCA_API_BASE_URL": "https://api.alpaca.markets"}))
