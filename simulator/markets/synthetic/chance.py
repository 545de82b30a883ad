"""Randomness that is a function of its name: no state, no order of calls.

1. The same seed and parts give the same numbers in every process and on every machine.
2. A contract's numbers depend on the contract alone, not on which others are listed beside it.
"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from simulator.markets.columns import Floats

Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_TO_UNIT = 2.0**-53


def generator(seed: int, *parts: object) -> np.random.Generator:
    """Return a counter-based generator (Philox) keyed by `seed` and `parts`."""
    return np.random.Generator(np.random.Philox(key=_digest(seed, parts)))


def uniforms(keys: Keys, seed: int, *parts: object) -> Floats:
    """Return one number in (0, 1) per key: SplitMix64 (Steele, Lea and Flood, 2014) over key and name."""
    name = np.uint64(_digest(seed, parts) & 0xFFFFFFFFFFFFFFFF)
    mixed = (keys ^ name) * _GOLDEN + _GOLDEN
    for _ in range(2):
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
        mixed = mixed ^ (mixed >> np.uint64(31))
    return np.asarray(((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * _TO_UNIT)


def _digest(seed: int, parts: tuple[object, ...]) -> int:
    name = "\0".join([str(seed), *(str(part) for part in parts)])
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
