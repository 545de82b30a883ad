"""Who decided then, against who decides now: revisions and parameters, as the messages are signed. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dispatch.replay.results import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """Who decides now. `config_hash` is of the parameters before `--set`; None: of each decision its own."""

    revision: str
    config_hash: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidedBy:
    """How many of the answered inputs each revision, and each hash of parameters, decided then."""

    revisions: Mapping[str, int]
    config_hashes: Mapping[str, int]

    def other_parameters(self, now: Deciding) -> dict[str, int]:
        """Return those that are not the parameters of now."""
        return {} if now.config_hash is None else _but(self.config_hashes, now.config_hash)

    def other_revisions(self, now: Deciding) -> dict[str, int]:
        """Return those that are not the revision of now."""
        return _but(self.revisions, now.revision)


def decided_by(rows: Iterable[Row]) -> DecidedBy:
    """Return who answered `rows` then; an input that had several answers had one decision."""
    signed = [row.recorded[0].message.meta for row in rows if row.recorded]
    return DecidedBy(
        revisions=_sorted(Counter(meta.revision for meta in signed)),
        config_hashes=_sorted(Counter(meta.config_hash for meta in signed)),
    )


def others_text(then: DecidedBy, now: Deciding) -> str | None:
    """Return in one line what was decided by others than those of now; None where nothing was."""
    parameters, revisions = then.other_parameters(now), then.other_revisions(now)
    parts = []
    if parameters:
        parts.append(
            f"{_counted(parameters)} decided with other parameters ({_listed(parameters)}; here {now.config_hash}):"
            " --params then, or --params FILE, takes theirs"
        )
    if revisions:
        parts.append(
            f"{_counted(revisions)} decided by another revision ({_listed(revisions)}; here {now.revision})"
        )
    return "; ".join(parts) or None


def _but(counts: Mapping[str, int], one: str) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name != one}


def _counted(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return f"{total} {'was' if total == 1 else 'were'}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in counts.items())


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
