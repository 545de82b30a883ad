"""Who may use the control API: a program on this machine, and no web page that a browser here has open.

1. The peer is a loopback address.
2. The Host is a loopback name: a foreign name that resolves to this machine (DNS rebinding) is refused.
3. An Origin, which only browsers send, is the venue's own.
"""

from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.types import Scope


def may_control(scope: Scope) -> bool:
    """Tell whether a request comes from this machine, and from no page of another site."""
    client, headers = scope.get("client"), Headers(scope=scope)
    host, origin = headers.get("Host", ""), headers.get("Origin")
    return (
        client is not None
        and _is_loopback(client[0])
        and _names_loopback(host)
        and origin in {None, f"http://{host}"}
    )


def _names_loopback(host: str) -> bool:
    """Read "localhost:8000", "127.0.0.1:8000" or "[::1]:8000"; the port may be absent."""
    if host.startswith("["):
        name, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":")
        is_whole = not rest or rest.startswith(":")
    else:
        name, colon, port = host.partition(":")
        is_whole = not colon or bool(port)
    return is_whole and (not port or port.isdecimal()) and (name.lower() == "localhost" or _is_loopback(name))


def _is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
