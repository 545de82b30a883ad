"""Who decides again: the stage of this code, in this process. Another revision's runs elsewhere (see `revisions`)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence
from kernel.domain.errors import ConfigError, TradingError
from kernel.domain.params import TradingParams
from kernel.stream.replaying import NotRecorded, Replay
from kernel.stream.stage import Emissions

#: In the order of the pipeline.
STAGES = {
    "signals": "services.signals.replay:SignalsReplay",
    "selector": "services.selector.replay:SelectorReplay",
    "sizer": "services.sizer.replay:SizerReplay",
    "executor": "services.executor.replay:ExecutorReplay",
}


@dataclass(frozen=True, slots=True)
class Question:
    """An input and what was seen when it was decided.

    `wire` is the input as the log has it, where that is at hand, and `recorded` what was answered then: who decides
    elsewhere need not send again what is known here.
    """

    message: Message
    evidence: Evidence | None
    wire: bytes | None = None
    recorded: Emissions = ()


@dataclass(frozen=True, slots=True)
class Decided:
    """What came out. `unrecorded` names an answer the decision asked for in vain; `failed` why it cannot be decided."""

    emissions: Emissions = ()
    unrecorded: str | None = None
    failed: str | None = None


class Decider(Protocol):
    """Decides many questions, each by itself."""

    @property
    def in_flight(self) -> int:
        """How many calls of `decide` it works on at once."""
        ...

    async def decide(self, questions: Sequence[Question]) -> Sequence[Decided]:
        """Return one answer per question, in their order."""
        ...


def replay_of(stage: str, params: TradingParams, revision: str) -> Replay[Any]:
    """Return a stage that decides on recorded evidence; raises ConfigError for a stage that cannot."""
    place = STAGES.get(stage)
    if place is None:
        raise ConfigError(f"there is nothing to replay of {stage!r}; stages: {', '.join(STAGES)}")
    module, _, name = place.partition(":")
    make: Callable[[TradingParams, str], Replay[Any]] = getattr(import_module(module), name)
    return make(params, revision)


class LocalDecider:
    """The stage object of this code."""

    in_flight = 1

    def __init__(self, stage: Replay[Any]) -> None:
        self._stage = stage

    async def decide(self, questions: Sequence[Question]) -> Sequence[Decided]:
        """See Decider."""
        return [await self._decide(q) for q in questions]

    async def _decide(self, question: Question) -> Decided:
        try:
            return Decided(await self._stage.decide(question.message, question.evidence))
        except NotRecorded as e:
            return Decided(unrecorded=str(e))
        except TradingError as e:
            return Decided(failed=str(e))
        except Exception as e:  # noqa: BLE001 - an input this code cannot bear is a finding, and no end of the others
            return Decided(failed=f"{type(e).__name__}: {e}")
