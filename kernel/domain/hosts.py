"""Which trading hosts this version may talk to: Alpaca's paper host, or this machine. Nothing turns that off."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

PAPER_TRADING_URL = "https://paper-api.alpaca.markets"
#: Scheme, host and port, nothing more. User info and backslashes are read differently by different parsers: one such
#: URL named the paper host to the check and another host to the HTTP client.
_PLAIN_URL = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/?")


def plain_parts(url: str) -> SplitResult:
    """Return the parts of a URL of scheme, host and port alone; empty ones for any other."""
    return urlsplit(url) if _PLAIN_URL.fullmatch(url) else urlsplit("")


def is_paper_url(url: str) -> bool:
    """Tell whether orders sent to `url` can only be paper orders."""
    parts = plain_parts(url)
    host = parts.hostname or ""
    return (parts.scheme, host) == ("https", urlsplit(PAPER_TRADING_URL).hostname) or is_loopback(host)


def is_loopback(host: str) -> bool:
    """Tell whether a host name is this machine's own."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
