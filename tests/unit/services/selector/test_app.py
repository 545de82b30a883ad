from pathlib import Path

import pytest

from kernel.contracts.topics import SIGNALS
from kernel.domain.errors import ConfigError
from services.selector.app import build
from services.selector.settings import SelectorSettings
from services.selector.stage import SelectorStage


def test_the_process_reads_signals_with_the_selectors_stage() -> None:
    process = build(SelectorSettings.from_env({"APCA_API_BASE_URL": "http://127.0.0.1:9000"}))
    assert process.name == "selector"
    assert process.consumes is SIGNALS
    assert isinstance(process.stage, SelectorStage)
    assert process.start is not None


@pytest.mark.parametrize(
    "url", ["https://api.alpaca.markets", "http://10.0.0.1:8000", "paper-api.alpaca.markets"]
)
def test_any_host_but_the_paper_one_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="APCA_API_BASE_URL"):
        build(SelectorSettings.from_env({"APCA_API_BASE_URL": url}))


def test_missing_parameters_are_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DISPATCH_PARAMS_FILE"):
        build(SelectorSettings.from_env({"DISPATCH_PARAMS_FILE": str(tmp_path / "none.json")}))


@pytest.mark.parametrize("variable", ["DISPATCH_OPTION_FEED", "DISPATCH_STOCK_FEED"])
def test_a_feed_the_venue_does_not_have_is_refused_by_name(variable: str) -> None:
    with pytest.raises(ConfigError, match=variable):
        SelectorSettings.from_env({variable: "bloomberg"})
