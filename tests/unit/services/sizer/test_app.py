import pytest

from kernel.contracts.topics import SELECTIONS
from kernel.domain.errors import ConfigError
from services.sizer.app import build
from services.sizer.settings import SizerSettings
from services.sizer.stage import SizerStage


async def test_the_process_reads_selections_and_asks_the_venue_before_it_starts():
    process = build(SizerSettings.from_env({"APCA_API_BASE_URL": "http://127.0.0.1:1"}))
    assert (process.name, process.consumes) == ("sizer", SELECTIONS)
    assert isinstance(process.stage, SizerStage)
    assert process.start is not None


@pytest.mark.parametrize(
    "url", ["https://api.alpaca.markets", "https://paper-api.alpaca.markets.evil.example"]
)
def test_a_live_account_is_never_read(url):
    with pytest.raises(ConfigError, match="APCA_API_BASE_URL"):
        build(SizerSettings.from_env({"APCA_API_BASE_URL": url}))


def test_parameters_that_cannot_be_read_are_named(tmp_path):
    settings = SizerSettings.from_env(
        {
            "APCA_API_BASE_URL": "http://127.0.0.1:1",
            "DISPATCH_PARAMS_FILE": str(tmp_path / "none.json"),
        }
    )
    with pytest.raises(ConfigError, match="DISPATCH_PARAMS_FILE"):
        build(settings)
