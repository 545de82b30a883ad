"""Which inputs a replay takes: a closed range of the log, by time, by offset, or one signal's. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from kernel.contracts.base import Message
from kernel.domain.clock import require_utc
from kernel.domain.errors import ConfigError
from kernel.stream.reader import StoredRecord

_BACK = re.compile(r"^(?P<count>\d+)(?P<unit>[smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_OFFSETS = re.compile(r"^(?P<partition>\d+):(?P<first>\d+)-(?P<last>\d+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Inclusive at both ends; None is open. Times are of writing, by the log; `offsets` is partition → (first, last)."""

    since: datetime | None = None
    until: datetime | None = None
    trace: str | None = None
    offsets: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    def holds(self, record: StoredRecord) -> bool:
        """Tell whether a record of the input topic lies in the range."""
        if self.since is not None and record.written_at < self.since:
            return False
        if self.until is not None and record.written_at > self.until:
            return False
        if not self.offsets:
            return True
        first, last = self.offsets.get(record.partition, (0, -1))
        return first <= record.offset <= last

    def traces(self, message: Message) -> bool:
        """Tell whether a message belongs to the one signal, if the span is of one."""
        return self.trace is None or message.meta.correlation_id.startswith(self.trace)

    def check(self, inputs: Sequence[Message]) -> None:
        """Raise ConfigError where `inputs`, those of the range, are none, or of several signals though it is of one."""
        if not inputs:
            whom = "" if self.trace is None else f" of a signal {self.trace!r}"
            raise ConfigError(
                f"nothing was decided in that range{whom}: `dispatch report` shows what was, and when"
            )
        signals = {message.meta.correlation_id for message in inputs}
        if self.trace is not None and len(signals) > 1:
            raise ConfigError(f"{len(signals)} signals begin with {self.trace!r}; give more of the id")


def parse_moment(text: str, now: datetime, option: str) -> datetime:
    """Read `2026-06-05T14:30:00Z` (a zone is a must) or a time back from `now` (`30m`, `2h`)."""
    back = _BACK.match(text)
    try:
        if back is not None:
            return now - timedelta(**{_UNITS[back["unit"]]: int(back["count"])})
        return require_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ConfigError(
            f"{option}: {text!r} is no instant with a zone (2026-06-05T14:30:00Z) and no time back (30m, 2h, 1d)"
        ) from None


def parse_offsets(texts: Sequence[str]) -> dict[int, tuple[int, int]]:
    """Read `PARTITION:FIRST-LAST`, both offsets inclusive."""
    found: dict[int, tuple[int, int]] = {}
    for text in texts:
        match = _OFFSETS.match(text)
        if match is None or int(match["first"]) > int(match["last"]):
            raise ConfigError(f"--offsets: {text!r} is not PARTITION:FIRST-LAST, like 0:100-250")
        found[int(match["partition"])] = (int(match["first"]), int(match["last"]))
    return found
