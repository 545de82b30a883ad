"""Whether new orders may be sent as far as the venue's side is known; what is unknown lets nothing pass."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """`reconciled`: our books were compared with the venue's since the stream was connected, and recently.

    `drift` names each difference that nothing explains.
    """

    stream_ready: bool
    reconciled: bool
    drift: tuple[str, ...] = ()


READINESS_UNKNOWN = Readiness(stream_ready=False, reconciled=False)
