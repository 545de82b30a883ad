"""What happened, event by event: a digest of all of it, and the last of it to read."""

import hashlib
from collections import Counter, deque

_TAIL = 200


class Trace:
    """Takes one line per event. `whole` keeps every line; otherwise the last ones are kept."""

    def __init__(self, *, whole: bool = False) -> None:
        self.lines: deque[str] = deque(maxlen=None if whole else _TAIL)
        self.counts: Counter[str] = Counter()
        self._digest = hashlib.blake2b(digest_size=8)

    def event(self, at_s: float, who: str, what: str, detail: str = "") -> None:
        """Note that `who` did `what`; `what` is counted."""
        line = f"{at_s:10.4f}  {who:<14} {what} {detail}"
        self.counts[what] += 1
        self.lines.append(line)
        self._digest.update(line.encode())

    def digest(self) -> str:
        """Return sixteen hex digits that differ where anything did."""
        return self._digest.hexdigest()
