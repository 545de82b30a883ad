"""Which parameters a replay decides with: the present ones, those of a file, or of each decision its own.

Entry points: `chosen_params`, `DeciderOfThen`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch.connection import params_file_given, params_file_here
from dispatch.replay.deciding import Decided, LocalDecider, Question
from dispatch.replay.overrides import with_overrides
from dispatch.stories.parameters import KnownParams
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.stream.replaying import Replay

#: What `--params` calls those that each decision was taken with.
THEN = "then"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenParams:
    """`filed` as a file has them, `params` with `settings` on top; `given` is the file another revision takes, too.

    `of_then`: each decision is taken with those it was taken with, and these are for what was decided by nobody.
    """

    filed: TradingParams
    params: TradingParams
    settings: tuple[str, ...]
    given: Path | None
    of_then: bool = False


def chosen_params(word: str | None, settings: Sequence[str], environ: Mapping[str, str]) -> ChosenParams:
    """Return what `--params` names: a file, `then`, or nothing for the present ones; raises ConfigError."""
    file = None if word in {None, THEN} else Path(str(word))
    filed = load_params(file or params_file_here(environ))
    return ChosenParams(
        filed=filed,
        params=with_overrides(filed, settings),
        settings=tuple(settings),
        given=file or params_file_given(environ),
        of_then=word == THEN,
    )


class DeciderOfThen:
    """A Decider that takes each decision with the parameters it was signed with, and `settings` on top of them."""

    in_flight = 1

    def __init__(
        self, known: KnownParams, settings: Sequence[str], make: Callable[[TradingParams], Replay[Any]]
    ) -> None:
        self._known = known
        self._settings = settings
        self._make = make
        self._deciders: dict[str, LocalDecider] = {}

    async def decide(self, questions: Sequence[Question]) -> Sequence[Decided]:
        """See Decider. A decision whose parameters are in no file here has failed."""
        return [await self._decide(question) for question in questions]

    async def _decide(self, question: Question) -> Decided:
        wanted = _signed(question)
        found = self._known.in_force(wanted or self._known.files[0][1].config_hash)
        if not found.exact:
            return Decided(
                failed=f"decided with parameters {wanted}, which no file here holds: name theirs with --params FILE"
            )
        used = found.params.config_hash
        if used not in self._deciders:
            self._deciders[used] = LocalDecider(self._make(with_overrides(found.params, self._settings)))
        (decided,) = await self._deciders[used].decide([question])
        return decided


def _signed(question: Question) -> str | None:
    """Return the hash of the parameters a decision was taken with, as its answer or its evidence says."""
    if question.recorded:
        config_hash: str = question.recorded[0].message.meta.config_hash
        return config_hash
    return None if question.evidence is None else question.evidence.meta.config_hash
