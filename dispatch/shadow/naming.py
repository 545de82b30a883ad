"""What a shadow is called, and what its group and its topics are. Pure."""

import re
from dataclasses import dataclass

from dispatch.replay.elsewhere.revisions import Code
from kernel.domain.errors import ConfigError

_FORBIDDEN = re.compile(r"[^A-Za-z0-9_-]+")
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_-]{0,59}$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """`revision` is the word a shadow goes by; `live_prefix` stands before the topics of what it shadows."""

    stage: str
    revision: str
    live_prefix: str

    @property
    def group(self) -> str:
        """The consumer group, in which it is alone."""
        return f"{self.live_prefix}shadow.{self.revision}.{self.stage}"

    @property
    def prefix(self) -> str:
        """What stands before the names of its topics: `shadow.<rev>.` before the live topic's whole name."""
        return f"shadow.{self.revision}.{self.live_prefix}"


def name_of(code: Code, chosen: str | None) -> str:
    """Return the word for a revision: `chosen`, or the commit, the wheel's version, the folder. Raises ConfigError."""
    if chosen is not None:
        if not _NAME.match(chosen):
            raise ConfigError(f"--as: {chosen!r} is no name; letters, digits, - and _, at most 60")
        return chosen
    found = _FORBIDDEN.sub("-", code.revision or code.folder.name).strip("-_")[:60]
    return found or "folder"
