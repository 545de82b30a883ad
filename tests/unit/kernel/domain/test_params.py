import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kernel.domain.errors import ConfigError
from kernel.runtime.params import load_params
from kernel.runtime.settings import PROJECT_ROOT

FILE_OF_RECORD = PROJECT_ROOT / "config" / "trading_params.json"
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def load_changed(tmp_path: Path):
    def load(change: Change):
        values = json.loads(FILE_OF_RECORD.read_text("utf-8"))
        change(values)
        file = tmp_path / "params.json"
        file.write_text(json.dumps(values), "utf-8")
        return load_params(file)

    return load


def test_the_file_of_record_is_valid_and_holds_the_four_tiers():
    tiers = load_params(FILE_OF_RECORD).sizer.tiers
    assert [(t.name, t.up_to_usd, t.risk_pct, t.max_contracts, t.swing_multiplier) for t in tiers] == [
        ("tiny", 2000, 25, 2, 1),
        ("small", 5000, 12, 3, 1),
        ("medium", 25000, 5, 5, 1.25),
        ("large", None, 1, 10, 2),
    ]


def test_numbers_are_read_as_they_are_written_not_as_binary_floats():
    params = load_params(FILE_OF_RECORD)
    assert str(params.selector.premium_usd_min) in {"0.3", "0.30"}
    assert str(params.sizer.tick_usd) == "0.01"


def drop_last_tier(values):
    values["sizer"]["tiers"].pop()


def bound_the_last_tier(values):
    values["sizer"]["tiers"][-1]["up_to_usd"] = 10**6


def unbound_the_first_tier(values):
    del values["sizer"]["tiers"][0]["up_to_usd"]


def swap_two_tiers(values):
    tiers = values["sizer"]["tiers"]
    tiers[0], tiers[1] = tiers[1], tiers[0]


def repeat_a_bound(values):
    values["sizer"]["tiers"][1]["up_to_usd"] = 2000


def drop_all_tiers(values):
    values["sizer"]["tiers"] = []


@pytest.mark.parametrize(
    "change",
    [
        drop_last_tier,
        bound_the_last_tier,
        unbound_the_first_tier,
        swap_two_tiers,
        repeat_a_bound,
        drop_all_tiers,
    ],
)
def test_tiers_that_do_not_ascend_to_an_open_end_are_refused(load_changed, change):
    with pytest.raises(ConfigError, match=r"sizer: .*sizer\.tiers must ascend"):
        load_changed(change)


@pytest.mark.parametrize("anchors", [[], [{"amount_usd": 1000, "risk_pct": 25}], "reversed"])
def test_anchors_that_give_no_line_are_refused(load_changed, anchors):
    def change(values):
        old = values["sizer"]["smooth_anchors"]
        values["sizer"]["smooth_anchors"] = old[::-1] if anchors == "reversed" else anchors

    with pytest.raises(ConfigError, match="smooth_anchors needs at least two points"):
        load_changed(change)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("sizer", "tiers", 0, "risk_pct"), 0),
        (("sizer", "tiers", 0, "risk_pct"), 101),
        (("sizer", "tiers", 0, "max_contracts"), 0),
        (("sizer", "tiers", 0, "swing_multiplier"), -1),
        (("sizer", "risk_scaling"), "bold"),
        (("sizer", "tick_usd"), 0),
        (("sizer", "ticket_ttl_s"), 0),
        (("sizer", "price_collar_pct"), "NaN"),
        (("selector", "strategies", "swing", "dte_min"), 46),
        (("selector", "scoring", "volume_scale"), 0),
        (("signals", "expiry_s", "swing"), -1),
        (("executor", "lookup_attempts"), 1),
        (("version",), 2),
    ],
)
def test_a_number_that_makes_no_sense_is_refused_and_its_place_named(load_changed, where, value):
    def change(values):
        *path, last = where
        for step in path:
            values = values[step]
        values[last] = value

    with pytest.raises(ConfigError) as refused:
        load_changed(change)
    place = [str(part) for part in where]
    # a check of a whole group is reported under the group
    assert ".".join(place) in str(refused.value) or ".".join(place[:-1]) in str(refused.value)


def test_a_strategy_that_is_missing_is_named(load_changed):
    with pytest.raises(ConfigError, match=r"selector\.strategies lacks swing"):
        load_changed(lambda values: values["selector"]["strategies"].pop("swing"))


def test_a_misspelt_parameter_is_refused_rather_than_ignored(load_changed):
    with pytest.raises(ConfigError, match=r"sizer\.risk_scalling"):
        load_changed(lambda values: values["sizer"].update(risk_scalling="smooth"))


def test_a_missing_file_is_one_line_that_names_the_setting(tmp_path):
    with pytest.raises(ConfigError, match="DISPATCH_PARAMS_FILE"):
        load_params(tmp_path / "none.json")


def test_the_hash_changes_with_any_number_and_with_nothing_else(load_changed):
    of_record = load_params(FILE_OF_RECORD).config_hash
    assert load_changed(lambda values: None).config_hash == of_record
    assert load_changed(lambda values: values["executor"].update(lookup_attempts=7)).config_hash != of_record
    assert load_changed(lambda values: values["sizer"].update(risk_scaling="smooth")).config_hash != of_record
