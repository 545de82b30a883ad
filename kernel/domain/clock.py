"""Time as a collaborator: whoever needs the present takes a Clock."""

from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

#: The zone of every US options session; used to name trading days and to show times, never to store them.
MARKET_ZONE = ZoneInfo("America/New_York")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Clock(Protocol):
    """Tells the present of one timeline (the venue's, or the machine's)."""

    def now(self) -> datetime:
        """Return the present as an aware UTC datetime."""
        ...


def require_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; a naive datetime is a programming error and raises ValueError."""
    if moment.tzinfo is None:
        msg = f"a naive datetime was passed where UTC is required: {moment!r}"
        raise ValueError(msg)
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


def microseconds(at: datetime) -> int:
    """Return an aware datetime as microseconds since the epoch: the time columns of a chain are such integers."""
    return (at - _EPOCH) // _MICROSECOND


def moment(at_us: int) -> datetime:
    """Return the aware UTC datetime of `at_us` microseconds since the epoch."""
    return _EPOCH + timedelta(microseconds=int(at_us))
