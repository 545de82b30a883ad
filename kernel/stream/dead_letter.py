"""Dead letters: the original bytes, untouched, and why they could not be handled.

Headers follow Kafka Streams' dead letter queue: `__streams.errors.*`, so that its tools read ours.
"""

from dataclasses import dataclass

from kernel.stream.producer import Header

_PREFIX = "__streams.errors."
#: A reason may quote what it is about; a header is no place for all of it.
_REASON_CHARS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """Where a record that could not be handled was, and why; `reason` is one line for a person."""

    topic: str
    partition: int
    offset: int
    stage: str
    error: str
    reason: str

    def headers(self) -> list[Header]:
        """Return the record headers that say where it came from and why it is here."""
        figures = {
            "exception": self.error,
            "message": self.reason[:_REASON_CHARS],
            "topic": self.topic,
            "partition": str(self.partition),
            "offset": str(self.offset),
            "stage": self.stage,
        }
        return [(_PREFIX + name, text.encode()) for name, text in figures.items()]


def read_headers(headers: list[Header]) -> dict[str, str]:
    """Return the figures of a dead letter's headers by their short names."""
    return {
        name.removeprefix(_PREFIX): value.decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(_PREFIX)
    }
