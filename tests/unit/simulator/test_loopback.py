"""The control API is for programs on this machine: not for other machines, nor for web pages open on this one."""

from typing import Any

import pytest

from simulator.loopback import may_control


def asked(peer: str = "127.0.0.1", **headers: str) -> dict[str, Any]:
    given = {"host": "127.0.0.1:8000", **headers}
    return {
        "type": "http",
        "client": (peer, 40000),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "LOCALHOST", "[::1]:8000", "[::1]"])
def test_a_program_on_this_machine_may(host: str) -> None:
    assert may_control(asked(host=host))
    assert may_control(asked("::1", host=host, origin=f"http://{host}"))


@pytest.mark.parametrize("peer", ["192.168.1.7", "10.0.0.1", "2001:db8::1", "testclient"])
def test_another_machine_may_not(peer: str) -> None:
    assert not may_control(asked(peer))
    assert not may_control({"type": "http", "client": None, "headers": [(b"host", b"localhost")]})


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost:8000@evil", "[::1]x", ""],
)
def test_a_foreign_name_for_this_machine_is_refused(host: str) -> None:
    assert not may_control(asked(host=host))


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:9999", "https://127.0.0.1:8000", ""]
)
def test_a_page_of_another_site_is_refused(origin: str) -> None:
    assert not may_control(asked(origin=origin))
