"""The error tree.

TradingError
├── TransientError        the outside failed, the same call may work later: the shell retries in place
│   ├── VenueUnavailable      time-out, reset, 5xx, 429 on a read
│   │   └── OverBudget            the account's requests of this minute are used up: nothing was sent
│   └── DatabaseUnavailable   connection lost, server restarting
├── UnprocessableError    this message can never be handled: the shell writes a dead letter and goes on
│   └── UndecodableMessage    the bytes are not a message of a known schema
│       └── UnknownSchema         their writer's schema is not known here: the shell asks the log for it, once
├── ConfigError           settings or parameters are wrong: the process says so in one line and exits
└── InvariantBroken       what must never happen has: the process stops without acknowledging

An expected "no" (no contract qualifies, the budget is too small) is not an error: it is a value with a typed reason.
"""


class TradingError(Exception):
    """Root of every error this project raises itself."""


class TransientError(TradingError):
    """The outside world failed in a way that may pass; nothing was decided."""


class VenueUnavailable(TransientError):
    """The venue did not answer, or answered 5xx or 429, to a call that may be repeated."""


class OverBudget(VenueUnavailable):
    """The account may not send so many requests a minute; this one was not sent, for certain."""


class DatabaseUnavailable(TransientError):
    """Postgres could not be reached or dropped the connection."""


class UnprocessableError(TradingError):
    """A message that no retry can help; it belongs in the dead letters."""


class UndecodableMessage(UnprocessableError):
    """Bytes that are no message: wrong marker, unknown schema fingerprint, or values the model refuses."""


class UnknownSchema(UndecodableMessage):
    """Bytes whose writer's schema is not known here, though the log may know it."""

    def __init__(self, reason: str, fingerprint: bytes) -> None:
        super().__init__(reason)
        self.fingerprint = fingerprint


class ConfigError(TradingError):
    """Settings or parameters a person must mend; the text names the remedy."""


class InvariantBroken(TradingError):
    """A state that must not exist; continuing could cost money, so the process stops."""
