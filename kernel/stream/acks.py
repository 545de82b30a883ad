"""Acknowledges the records of a partition in the order they arrived.

Faust commits wrongly when acknowledgements come out of order: it takes the first offset it hears of for the beginning,
and lets one hole behind the committed offset pass. A record still being handled would be skipped after a crash.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Arrival:
    """A record that arrived; `acknowledge` is called once it and all before it in its partition are done."""

    partition: Hashable
    acknowledge: Callable[[], object]
    done: bool = False


class InOrderAcks:
    """The records of each partition that are not acknowledged yet, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[Arrival]] = defaultdict(deque)

    def arrived(self, partition: Hashable, acknowledge: Callable[[], object]) -> Arrival:
        """Enter a record, in the order of its partition's offsets."""
        arrival = Arrival(partition, acknowledge)
        self._waiting[partition].append(arrival)
        return arrival

    def finished(self, arrival: Arrival) -> None:
        """Mark a record as done and acknowledge what stands done at the head of its partition."""
        arrival.done = True
        waiting = self._waiting[arrival.partition]
        while waiting and waiting[0].done:
            waiting.popleft().acknowledge()
