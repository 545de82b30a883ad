"""One client's conversation with a data stream: what it says, what it is answered, what it then listens to.

1. Every answer is a list of messages, sent as one frame. An error changes nothing and leaves the connection open.
2. Nothing but `auth` is heard before the client is authenticated.
3. A subscription adds to the set, an unsubscription takes from it; the answer is the whole state, without the channels
   that are empty. A symbol nobody knows is accepted, and nothing is ever told of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from simulator.feeds.rules import CHANNELS, ERROR_TEXTS, DataRules, Endpoint, StreamError

Message = dict[str, Any]
STAR = "*"


def error_frame(error: StreamError) -> list[Message]:
    """Return the frame of an error."""
    return [{"T": "error", "code": int(error), "msg": ERROR_TEXTS[error]}]


def _success(text: str) -> list[Message]:
    return [{"T": "success", "msg": text}]


class DataSession:
    """The state of one connection: `key` is its client's key id.

    `admits` tells whether a secret is the key id's; `claim` takes its account's one place, False when it is taken.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        rules: DataRules,
        claim: Callable[[str], bool],
        admits: Callable[[str, str], bool],
    ) -> None:
        self.endpoint = endpoint
        self.key: str | None = None
        self._rules = rules
        self._claim = claim
        self._admits = admits
        self._symbols: dict[str, set[str]] = {channel: set() for channel in endpoint.channels}

    @property
    def is_authenticated(self) -> bool:
        """Tell whether the client has proven who it is."""
        return self.key is not None

    def symbols(self, channel: str) -> frozenset[str]:
        """Return what the client listens to in `channel`; "*" is everything."""
        return frozenset(self._symbols.get(channel, ()))

    def greet(self) -> list[Message]:
        """Return what is sent unasked."""
        return _success("connected")

    def receive(self, message: object) -> list[Message]:
        """Return the answer to a client's message."""
        if not isinstance(message, Mapping):
            return error_frame(StreamError.INVALID_SYNTAX)
        match message.get("action"):
            case "auth":
                outcome = self._authenticate(message)
            case "subscribe" | "unsubscribe" if not self.is_authenticated:
                outcome = StreamError.NOT_AUTHENTICATED
            case "subscribe":
                outcome = self._change(message, self._subscribe)
            case "unsubscribe":
                outcome = self._change(message, self._unsubscribe)
            case _:
                outcome = StreamError.INVALID_SYNTAX
        return error_frame(outcome) if isinstance(outcome, StreamError) else outcome

    def _authenticate(self, message: Mapping[str, Any]) -> StreamError | list[Message]:
        if self.is_authenticated:
            return StreamError.ALREADY_AUTHENTICATED
        key, secret = message.get("key"), message.get("secret")
        if not (isinstance(key, str) and key and isinstance(secret, str) and secret) or not self._admits(
            key, secret
        ):
            return StreamError.AUTH_FAILED
        if not self._rules.allows(self.endpoint.feed):
            return StreamError.INSUFFICIENT_SUBSCRIPTION
        if not self._claim(key):
            return StreamError.CONNECTION_LIMIT
        self.key = key
        return _success("authenticated")

    def _change(
        self, message: Mapping[str, Any], change: Callable[[dict[str, list[str]]], StreamError | None]
    ) -> StreamError | list[Message]:
        asked = {channel: symbols for channel, symbols in message.items() if channel != "action"}
        refusal = self._check(asked) or change(asked)
        return refusal or self._state()

    def _check(self, asked: Mapping[str, Any]) -> StreamError | None:
        well_formed = all(channel in CHANNELS and _is_symbols(symbols) for channel, symbols in asked.items())
        if not asked or not well_formed:
            return StreamError.INVALID_SYNTAX
        carried = all(channel in self.endpoint.channels for channel in asked)
        return None if carried else StreamError.INVALID_FOR_FEED

    def _subscribe(self, asked: Mapping[str, list[str]]) -> StreamError | None:
        if any(STAR in symbols and channel in self.endpoint.no_star for channel, symbols in asked.items()):
            return StreamError.STAR_NOT_ALLOWED
        wanted = {channel: held | set(asked.get(channel, ())) for channel, held in self._symbols.items()}
        limit = self._rules.symbols_max
        if limit is not None and len(set().union(*wanted.values())) > limit:
            return StreamError.SYMBOL_LIMIT
        self._symbols = wanted
        return None

    def _unsubscribe(self, asked: Mapping[str, list[str]]) -> StreamError | None:
        for channel, symbols in asked.items():
            self._symbols[channel] -= set(symbols)
        return None

    def _state(self) -> list[Message]:
        told = {channel: sorted(symbols) for channel, symbols in self._symbols.items() if symbols}
        told |= {channel: told[source] for source, channel in self.endpoint.implied if source in told}
        return [{"T": "subscription", **told}]


def _is_symbols(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(symbol, str) for symbol in value)
