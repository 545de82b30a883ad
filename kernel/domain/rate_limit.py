"""How many requests an account may still make, and who goes first: a token bucket with shares.

Entry points: `admit`, `learn`, `refilled`. Time is seconds since any fixed instant, given by the caller.
1. A bucket holds at most a quarter of the venue's limit and refills with seven tenths of it a minute: in no minute
   does it give more than the limit, and a twentieth is left to whoever else uses the account.
2. A read takes only what is above half of the bucket, an entry what is above a fifth, an exit or cancel all of it.
   So reads cannot starve an entry, nor both an exit, from however many processes they come.
3. The venue's word counts: a lower remainder lowers the tokens, a new limit changes size and refill, and after a
   refusal (429) nothing is granted until the venue counts anew; then the bucket is full, as the venue's own count is.
"""

import math
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum


class Budget(StrEnum):
    """What the venue counts apart."""

    TRADING = "trading"
    DATA = "data"


class Urgency(IntEnum):
    """Who goes first, when not all can: the lower number."""

    EXIT = 0
    ENTRY = 1
    READ = 2


#: Alpaca's limit of both budgets, requests a minute; what holds until the venue tells its own.
ASSUMED_LIMIT = 200
#: Of a limit below this no share would be a whole request.
_LIMIT_MIN = 20
_BURST_SHARE = 0.25
_REFILL_SHARE = 0.70
_MINUTE_S = 60.0
#: What stays in the bucket for those who are more urgent, as a share of its capacity.
KEPT_BACK = {Urgency.EXIT: 0.0, Urgency.ENTRY: 0.2, Urgency.READ: 0.5}
#: The longest a venue's "count begins anew" is believed: it counts minutes.
_RESET_S_MAX = 90.0
_SILENT_S_MIN = 1.0


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer's headers said: requests a minute, requests left, seconds until the count begins anew."""

    limit: int
    remaining: int
    resets_in_s: float
    refused: bool


@dataclass(frozen=True, slots=True)
class Bucket:
    """`tokens` as they are at `at_s`; an `at_s` ahead of now says that nothing is granted before it."""

    limit: int
    tokens: float
    at_s: float

    @property
    def capacity(self) -> float:
        """The most tokens it holds."""
        return capacity_of(self.limit)

    @property
    def per_s(self) -> float:
        """Tokens that come back in a second."""
        return per_s_of(self.limit)


def full(limit: int, now_s: float) -> Bucket:
    """Return an untouched bucket of a venue's limit (requests a minute)."""
    return Bucket(limit, capacity_of(limit), now_s)


def capacity_of(limit: int) -> float:
    """Return the tokens a bucket of a limit holds when full."""
    return max(limit, _LIMIT_MIN) * _BURST_SHARE


def per_s_of(limit: int) -> float:
    """Return the tokens a bucket of a limit regains in a second."""
    return max(limit, _LIMIT_MIN) * _REFILL_SHARE / _MINUTE_S


def refilled(bucket: Bucket, now_s: float) -> Bucket:
    """Return the bucket as it stands at `now_s`; time that runs back changes nothing."""
    if now_s <= bucket.at_s:
        return bucket
    tokens = min(bucket.capacity, bucket.tokens + (now_s - bucket.at_s) * bucket.per_s)
    return replace(bucket, tokens=tokens, at_s=now_s)


def admit(bucket: Bucket, wanted: int, urgency: Urgency, now_s: float) -> tuple[Bucket, int]:
    """Return the bucket after a grant and how many of the `wanted` tokens were granted, 0 to all."""
    if bucket.at_s > now_s:
        return bucket, 0
    bucket = refilled(bucket, now_s)
    spare = math.floor(bucket.tokens - KEPT_BACK[urgency] * bucket.capacity)
    granted = max(0, min(wanted, spare))
    return replace(bucket, tokens=bucket.tokens - granted), granted


def wait_s(bucket: Bucket, urgency: Urgency, now_s: float) -> float:
    """Return the seconds after which `admit` grants one token of `urgency`, if nobody else takes any; 0 is now."""
    now = refilled(bucket, now_s)
    lacking = KEPT_BACK[urgency] * now.capacity + 1 - now.tokens
    return now.at_s - now_s + max(0.0, lacking) / now.per_s


def learn(bucket: Bucket, told: Told, now_s: float) -> Bucket:
    """Return the bucket after an answer of the venue."""
    bucket = refilled(bucket, now_s)
    if told.limit != bucket.limit:
        share = bucket.tokens / bucket.capacity
        bucket = replace(bucket, limit=told.limit, tokens=share * capacity_of(told.limit))
    if told.refused:
        return replace(bucket, tokens=bucket.capacity, at_s=max(bucket.at_s, now_s + anew_in_s(told)))
    if bucket.at_s > now_s:  # what remained of the count that is over says nothing of the next
        return bucket
    return replace(bucket, tokens=min(bucket.tokens, float(told.remaining)))


def anew_in_s(told: Told) -> float:
    """Return the seconds to stay silent after a refusal: until the venue counts anew, within reason.

    A refusal that says requests remain is for another reason, such as too many at once: that passes sooner.
    """
    return _SILENT_S_MIN if told.remaining > 0 else min(max(told.resets_in_s, _SILENT_S_MIN), _RESET_S_MAX)


def is_news(bucket: Bucket, told: Told, now_s: float) -> bool:
    """Whether an answer says something the bucket, as it was last seen, does not know."""
    return learn(bucket, told, now_s) != refilled(bucket, now_s)


def read_told(limit: str | None, remaining: str | None, resets_in_s: float, *, refused: bool) -> Told | None:
    """Return what the headers of an answer told; None when they told nothing usable.

    A refusal counts without headers too, at the assumed limit.
    """
    try:
        told = Told(int(limit or ""), max(0, int(remaining or "")), resets_in_s, refused)
    except ValueError:
        told = None
    if told is not None and told.limit > 0:
        return told
    return Told(ASSUMED_LIMIT, 0, resets_in_s, refused=True) if refused else None
