"""What each market data endpoint carries and what an account's plan allows."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class DataPlan(StrEnum):
    """Alpaca's market data plans: `basic` has neither `sip` nor `opra` and few stream symbols, `plus` has all."""

    BASIC = "basic"
    PLUS = "plus"


class StreamError(IntEnum):
    """The errors of a data stream, as code; the text of each is in `ERROR_TEXTS`."""

    INVALID_SYNTAX = 400
    NOT_AUTHENTICATED = 401
    AUTH_FAILED = 402
    ALREADY_AUTHENTICATED = 403
    AUTH_TIMEOUT = 404
    SYMBOL_LIMIT = 405
    CONNECTION_LIMIT = 406
    SLOW_CLIENT = 407
    NOT_ENABLED = 408
    INSUFFICIENT_SUBSCRIPTION = 409
    INVALID_FOR_FEED = 410
    INSUFFICIENT_SCOPE = 411
    MSGPACK_ONLY = 412
    STAR_NOT_ALLOWED = 413
    INTERNAL = 500


ERROR_TEXTS = {
    StreamError.INVALID_SYNTAX: "invalid syntax",
    StreamError.NOT_AUTHENTICATED: "not authenticated",
    StreamError.AUTH_FAILED: "auth failed",
    StreamError.ALREADY_AUTHENTICATED: "already authenticated",
    StreamError.AUTH_TIMEOUT: "auth timeout",
    StreamError.SYMBOL_LIMIT: "symbol limit exceeded",
    StreamError.CONNECTION_LIMIT: "connection limit exceeded",
    StreamError.SLOW_CLIENT: "slow client",
    StreamError.NOT_ENABLED: "v2 not enabled",
    StreamError.INSUFFICIENT_SUBSCRIPTION: "insufficient subscription",
    StreamError.INVALID_FOR_FEED: "invalid subscribe action for this feed",
    StreamError.INSUFFICIENT_SCOPE: "insufficient scope",
    StreamError.MSGPACK_ONLY: "option messages are only available in MsgPack format",
    StreamError.STAR_NOT_ALLOWED: "star subscription is not allowed for option quotes",
    StreamError.INTERNAL: "internal error",
}

#: Feeds that the basic plan does not have.
_PAID_FEEDS = frozenset({"sip", "opra"})
_BASIC_SYMBOLS_MAX = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class DataRules:
    """How the venue serves market data.

    A client that has not authenticated `auth_timeout_s` real seconds after it connected is told so and let go, and so
    is one that lets `queue_max` frames pile up.
    """

    plan: DataPlan = DataPlan.PLUS
    auth_timeout_s: float = 10.0
    queue_max: int = 1024

    @property
    def symbols_max(self) -> int | None:
        """How many symbols a connection may subscribe to; None is any number."""
        return _BASIC_SYMBOLS_MAX if self.plan is DataPlan.BASIC else None

    def allows(self, feed: str) -> bool:
        """Tell whether the plan has `feed`."""
        return self.plan is DataPlan.PLUS or feed not in _PAID_FEEDS


#: Channels of any market data stream; each endpoint carries some of them.
CHANNELS = frozenset(
    {
        "trades",
        "quotes",
        "bars",
        "updatedBars",
        "dailyBars",
        "statuses",
        "lulds",
        "corrections",
        "cancelErrors",
        "orderbooks",
        "news",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One stream: its path, the feed's name, and what it carries.

    `implied` channels follow the subscription of another and are not asked for; `no_star` channels take no "*".
    """

    path: str
    feed: str
    is_options: bool
    channels: tuple[str, ...]
    implied: tuple[tuple[str, str], ...] = ()
    no_star: frozenset[str] = frozenset()


_STOCK_CHANNELS = ("trades", "quotes", "bars", "updatedBars", "dailyBars", "statuses", "lulds")


def option_endpoint(feed: str) -> Endpoint:
    """Return the option stream of `feed`."""
    return Endpoint(
        path=f"/v1beta1/{feed}",
        feed=feed,
        is_options=True,
        channels=("trades", "quotes"),
        no_star=frozenset({"quotes"}),
    )


def stock_endpoint(feed: str) -> Endpoint:
    """Return the stock stream of `feed`; with a symbol's trades come their corrections and cancellations."""
    return Endpoint(
        path=f"/v2/{feed}",
        feed=feed,
        is_options=False,
        channels=_STOCK_CHANNELS,
        implied=(("trades", "corrections"), ("trades", "cancelErrors")),
    )


OPTION_FEEDS = ("indicative", "opra")
STOCK_FEEDS = ("iex", "sip", "test")
