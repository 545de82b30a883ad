import subprocess
from pathlib import Path

import pytest

from kernel.domain.errors import ConfigError
from kernel.runtime.params import load_params
from kernel.runtime.settings import PAPER_TRADING_URL, PROJECT_ROOT, ServiceSettings, git_revision

PARAMS_FILE = PROJECT_ROOT / "config" / "trading_params.json"


def test_without_variables_the_defaults_are_for_paper_on_this_machine() -> None:
    settings = ServiceSettings.from_env({})
    assert settings.apca_api_base_url == PAPER_TRADING_URL
    assert settings.http_host == "127.0.0.1"
    assert settings.kafka_bootstrap_servers.startswith("127.0.0.1")


def test_a_variable_replaces_its_default() -> None:
    assert ServiceSettings.from_env({"DISPATCH_VENUE_DEADLINE_S": "2.5"}).venue_deadline_s == 2.5


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "elsewhere:9092")
    monkeypatch.setenv("HTTP_PORT", "1")
    settings = ServiceSettings.from_env({})
    assert settings.kafka_bootstrap_servers == "127.0.0.1:9092"
    assert settings.http_port == 0


def test_a_variable_of_another_program_is_no_error() -> None:
    ServiceSettings.from_env({"PATH": "/bin", "DISPATCH_SOMETHING_ELSE": "1"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DISPATCH_HTTP_PORT", "65536"),
        ("DISPATCH_HTTP_PORT", "http"),
        ("DISPATCH_VENUE_DEADLINE_S", "0"),
        ("DISPATCH_VENUE_DEADLINE_S", "soon"),
        ("DISPATCH_LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(name: str, value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ServiceSettings.from_env({name: value})
    text = str(caught.value)
    assert text.startswith(f"{name}: ")
    assert "\n" not in text


def test_secrets_are_not_printed() -> None:
    settings = ServiceSettings.from_env(
        {
            "APCA_API_KEY_ID": "hush-key",
            "APCA_API_SECRET_KEY": "hush-secret",
            "DATABASE_URL": "postgresql://u:hush-password@db/x",
        }
    )
    assert "hush" not in f"{settings!r} {settings} {settings.model_dump_json()}"
    assert settings.apca_api_secret_key.get_secret_value() == "hush-secret"


def test_settings_do_not_change() -> None:
    settings = ServiceSettings.from_env({})
    with pytest.raises(ValueError, match="frozen"):
        settings.http_port = 1  # type: ignore[misc]


def test_the_revision_is_the_given_one_or_gits() -> None:
    assert ServiceSettings.from_env({"DISPATCH_REVISION": "abc"}).code_revision() == "abc"
    assert ServiceSettings.from_env({}).code_revision()


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=n", "-c", "user.email=e@example.com")
    done = subprocess.run(
        ["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def revision_of(checkout: Path) -> str:
    return git_revision.__wrapped__(checkout)


def test_changed_files_are_told_in_gits_revision_and_files_git_does_not_know_are_not(tmp_path: Path) -> None:
    assert revision_of(tmp_path) == "unknown"
    git(tmp_path, "init", "--quiet")
    assert revision_of(tmp_path) == "unknown"
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    commit = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    (tmp_path / "notes").write_text("mine")
    assert revision_of(tmp_path) == commit
    (tmp_path / "code.py").write_text("2")
    assert revision_of(tmp_path) == f"{commit}-dirty"
    git(tmp_path, "add", "code.py")
    assert revision_of(tmp_path) == f"{commit}-dirty"


def test_the_parameters_of_record_are_valid() -> None:
    assert load_params(PARAMS_FILE).version == 1


def test_a_missing_parameter_file_is_told_with_its_variable(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DISPATCH_PARAMS_FILE"):
        load_params(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"min_score": 40', '"min_score": -1', "selector.min_score"),
        ('"min_score": 40', '"min_score": NaN', "selector.min_score"),
        ('"min_score": 40', '"min_score": 100.1', "selector.min_score"),
        ('"version": 1', '"version": 2', "version"),
        ('"atr_bars": 14', '"atr_bars": 14, "surprise": 1', "signals.surprise"),
        ('"risk_pct": 25', '"risk_pct": 250', "sizer.tiers.0.risk_pct"),
        ("{", "", "the file"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_file(tmp_path: Path, old: str, new: str, place: str) -> None:
    file = tmp_path / "params.json"
    text = PARAMS_FILE.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"params\.json: {place}"):
        load_params(file)
