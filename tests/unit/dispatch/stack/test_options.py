from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from dispatch.stack.options import StackOptions, default_run_folder
from simulator.settings import VenueSettings
from simulator.venue.fills import FillModel


def test_the_venue_reads_exactly_what_the_options_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = StackOptions(
        run_folder=tmp_path,
        market=f"lean:{tmp_path}",
        symbol="AAPL",
        date=date(2014, 6, 6),
        start=datetime(2014, 6, 6, 14, 0, tzinfo=UTC),
        speed=60,
        equity=5000,
        fill_model="mid",
        seed=7,
    )
    for name, value in options.venue_environment().items():
        monkeypatch.setenv(name, value)
    read = VenueSettings()
    for name in ("market", "symbol", "start", "speed", "equity", "fill_model", "seed"):
        assert getattr(read, name) == getattr(options, name), name
    assert str(read.date) == str(options.date)


@pytest.mark.parametrize("model", list(FillModel))
def test_a_stack_takes_every_fill_model_of_the_venue(tmp_path: Path, model: FillModel) -> None:
    options = StackOptions.model_validate({"run_folder": tmp_path, "fill_model": model.value})
    assert options.venue_environment()["SIMULATOR_FILL_MODEL"] == model


def test_an_option_left_open_is_left_to_the_venue(tmp_path: Path) -> None:
    environment = StackOptions(run_folder=tmp_path).venue_environment()
    assert "SIMULATOR_DATE" not in environment
    assert "SIMULATOR_SYMBOL" not in environment


def test_paths_mean_the_folder_the_options_were_given_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options = StackOptions(run_folder=Path("run"), market="lean:data", params_file=Path("p.json"))
    assert options.folder.path == tmp_path / "run"
    assert options.market == f"lean:{tmp_path / 'data'}"
    assert options.params_file == tmp_path / "p.json"


def test_options_survive_the_way_through_a_file(tmp_path: Path) -> None:
    options = StackOptions(
        run_folder=tmp_path, workers={"selector": 2}, date=date(2015, 12, 24), stages=("sizer",)
    )
    assert StackOptions.model_validate_json(options.model_dump_json()) == options


def test_the_run_folder_is_chosen_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_run_folder({}).path == tmp_path / ".dispatch"
    assert default_run_folder({"DISPATCH_HOME": "/srv/d"}).path == Path("/srv/d")


def test_a_stack_without_a_scanner_tells_its_stages_so(tmp_path: Path) -> None:
    options = StackOptions(run_folder=tmp_path)
    assert "DISPATCH_SCANNER" not in options.stage_environment()
    quiet = options.model_copy(update={"scanner": False, "revision": "abc"}).stage_environment()
    assert (quiet["DISPATCH_SCANNER"], quiet["DISPATCH_REVISION"]) == ("off", "abc")
