import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dispatch.stack import jars
from dispatch.stack.errors import StackError
from dispatch.stack.jars import Jar, kafka_jars


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Jar]:
    """Two jars whose contents are their names; the list in use names just these."""
    names = ["org/example/one/1.0/one-1.0.jar", "org/example/two/2.0/two-2.0.jar"]
    published = tmp_path / "published"
    lines = []
    for name in names:
        path = published / Path(name).name
        path.parent.mkdir(exist_ok=True)
        path.write_text(Path(name).name)
        lines.append(f"{jars._sha256(path)}  {name}\n")
    (tmp_path / "list").write_text("".join(lines))
    monkeypatch.setattr(jars, "_LIST", tmp_path / "list")
    return jars.read_list(tmp_path / "list")


class Repository:
    """Stands for Maven Central: serves every jar, but `broken` ones with other bytes and `missing` ones not at all."""

    def __init__(self, *, broken: str = "", missing: str = "") -> None:
        self.broken, self.missing = broken, missing
        self.asked: list[str] = []

    def __call__(self, jar: Jar, folder: Path) -> Path:
        name = jar.path.name
        self.asked.append(name)
        if name == self.missing:
            raise OSError("connection reset")
        path = folder / name
        path.write_text("something else" if name == self.broken else name)
        return path


def test_the_first_use_downloads_every_jar_and_the_second_none(listed: list[Jar], tmp_path: Path) -> None:
    repository = Repository()
    first = kafka_jars(tmp_path / "cache", repository)
    second = kafka_jars(tmp_path / "cache", repository)
    assert [path.read_text() for path in first] == ["one-1.0.jar", "two-2.0.jar"]
    assert second == first
    assert sorted(repository.asked) == ["one-1.0.jar", "two-2.0.jar"]


def test_a_cached_jar_that_changed_is_refused_with_the_remedy(listed: list[Jar], tmp_path: Path) -> None:
    one, _ = kafka_jars(tmp_path / "cache", Repository())
    one.write_text("tampered with")
    with pytest.raises(StackError, match=r"one-1\.0\.jar is not the published one.*delete the folder"):
        kafka_jars(tmp_path / "cache", Repository())


def test_a_cached_jar_that_vanished_is_named(listed: list[Jar], tmp_path: Path) -> None:
    _, two = kafka_jars(tmp_path / "cache", Repository())
    two.unlink()
    with pytest.raises(StackError, match=r"two-2\.0\.jar is missing"):
        kafka_jars(tmp_path / "cache", Repository())


def test_a_download_with_other_bytes_never_reaches_the_cache(listed: list[Jar], tmp_path: Path) -> None:
    with pytest.raises(StackError, match=r"two-2\.0\.jar is not the published one"):
        kafka_jars(tmp_path / "cache", Repository(broken="two-2.0.jar"))
    assert len(kafka_jars(tmp_path / "cache", Repository())) == 2


def test_a_broken_connection_leaves_nothing_behind_and_names_the_remedy(
    listed: list[Jar], tmp_path: Path
) -> None:
    with pytest.raises(StackError, match=r"connection reset.*KAFKA_BOOTSTRAP_SERVERS"):
        kafka_jars(tmp_path / "cache", Repository(missing="one-1.0.jar"))
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()] == []


def test_the_committed_list_names_one_kafka_version_and_its_log_binding() -> None:
    listed = jars.read_list(Path(jars.__file__).with_name("kafka_jars.sha256"))
    kafka = {jar.coordinate[2] for jar in listed if jar.coordinate[0] == "org.apache.kafka"}
    assert kafka == {jars.KAFKA_VERSION}
    assert "log4j-slf4j-impl" in {jar.coordinate[1] for jar in listed}
    assert len({jar.path.name for jar in listed}) == len(listed)


def test_two_that_need_kafka_at_once_download_it_once(listed: list[Jar], tmp_path: Path) -> None:
    repository = Repository()
    both_here = threading.Barrier(2)

    def use() -> list[Path]:
        both_here.wait()
        return kafka_jars(tmp_path / "cache", repository)

    with ThreadPoolExecutor(2) as pool:
        first, second = (each.result() for each in [pool.submit(use), pool.submit(use)])
    assert first == second
    assert sorted(repository.asked) == ["one-1.0.jar", "two-2.0.jar"]
