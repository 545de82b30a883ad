"""What a replay was asked: its range, its parameters against those of the file, where the log was. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dispatch.replay.elsewhere.versus import Against
from dispatch.replay.signatures import Deciding
from dispatch.replay.span import Span
from kernel.domain.params import TradingParams

_ABSENT = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question to the log. `log` says where it was, `at` when it was asked (wall clock).

    `of_then`: each decision was taken with its own parameters, and what `--set` changes on top of them.
    """

    stages: Sequence[str]
    span: Span
    log: str
    filed: TradingParams
    params: TradingParams
    revision: str
    at: datetime
    against: Against | None = None
    of_then: bool = False

    @property
    def deciding(self) -> Deciding | None:
        """Who decides now, to be told from who decided then; None where two revisions are compared."""
        if self.against is not None:
            return None
        return Deciding(revision=self.revision, config_hash=None if self.of_then else self.filed.config_hash)

    @property
    def parameters_changed(self) -> list[tuple[str, Any, Any]]:
        """The path, the file's value and this replay's, of each parameter that was changed."""
        then, now = dict(_flat(_dump(self.filed))), dict(_flat(_dump(self.params)))
        paths = [path for path in then | now if then.get(path, _ABSENT) != now.get(path, _ABSENT)]
        return [(path, then.get(path), now.get(path)) for path in paths]


def range_text(span: Span) -> str:
    """Return a range as a person says it."""
    parts = [
        f"from {_moment(span.since)}" if span.since else "",
        f"to {_moment(span.until)}" if span.until else "",
        f"signal {span.trace}" if span.trace else "",
        *(f"partition {p} offsets {first} to {last}" for p, (first, last) in span.offsets.items()),
    ]
    return ", ".join(filter(None, parts)) or "everything"


def _moment(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _dump(params: TradingParams) -> Any:
    return params.model_dump(mode="json")


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every figure with its path; elements of a list by their names where they have any."""
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, list):
        items = [(_name(each, i), each) for i, each in enumerate(value)]
    else:
        yield path, value
        return
    for name, inner in items:
        yield from _flat(inner, f"{path}.{name}" if path else str(name))


def _name(element: Any, number: int) -> str:
    return str(element["name"]) if isinstance(element, Mapping) and "name" in element else str(number)
