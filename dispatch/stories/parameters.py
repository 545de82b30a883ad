"""The trading parameters a past decision was taken with, as far as they can be found here.

Entry points: `known_params`, `KnownParams.in_force`.
A message carries twelve digits of its parameters, not the parameters: they are looked for in the files that are known,
and where none has those digits the present ones stand in, which whoever shows figures by them must say.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dispatch.connection import demo_params_file, running_stack
from kernel.domain.errors import ConfigError
from kernel.domain.params import TradingParams
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class InForce:
    """Parameters for a decision signed with `wanted_hash`, and the file they are from."""

    params: TradingParams
    path: Path
    wanted_hash: str

    @property
    def exact(self) -> bool:
        """Whether the decision was taken with these."""
        return self.params.config_hash == self.wanted_hash

    @property
    def warning(self) -> str | None:
        """What must be said beside figures by these parameters; None where they were in force."""
        if self.exact:
            return None
        return (
            f"decided with parameters {self.wanted_hash}, which no file here holds; what follows is computed with"
            f" {self.params.config_hash} ({self.path}); name the file of that time with --params"
        )


@dataclass(frozen=True, slots=True)
class KnownParams:
    """Parameter files that can be read here, the present ones first."""

    files: tuple[tuple[Path, TradingParams], ...]

    def in_force(self, config_hash: str) -> InForce:
        """Return the parameters with that hash, else the present ones."""
        found = next((known for known in self.files if known[1].config_hash == config_hash), self.files[0])
        return InForce(found[1], found[0], config_hash)


def known_params(environ: Mapping[str, str] = os.environ, given: Path | None = None) -> KnownParams:
    """Return what can be found: `given`, else of the running stack; of the environment; of the last demo."""
    state = running_stack(environ) if "KAFKA_BOOTSTRAP_SERVERS" not in environ else None
    stack = ServiceSettings.from_env({**environ, **(state.environment if state else {})}).params_file
    present = given or stack
    others = (stack, ServiceSettings.from_env(environ).params_file, demo_params_file(environ))
    found = [(path, _if_readable(path)) for path in dict.fromkeys(others) if path != present]
    readable = [(path, params) for path, params in found if params is not None]
    return KnownParams(((present, load_params(present)), *readable))


def _if_readable(path: Path) -> TradingParams | None:
    """A file nobody asked for may be absent, or of another version."""
    try:
        return load_params(path)
    except ConfigError:
        return None
