"""Ids are derived from what caused them, so a repeat of the cause repeats the id.

Invariant 1: `derive_id(parent, step)` is a function of its arguments alone, in every process and release.
Invariant 2: different (parent, step) pairs give different ids (128 bits of SHA-256).
"""

import hashlib

_ID_HEX_CHARS = 32


def derive_id(parent: str, step: str) -> str:
    """Return the 32-character hex id of `step` taken because of `parent`.

    The two parts are joined by a NUL, which neither may contain: ("a", "bc") and ("ab", "c") must differ.
    """
    if "\0" in parent or "\0" in step:
        msg = "an id part may not contain NUL"
        raise ValueError(msg)
    return hashlib.sha256(f"{parent}\0{step}".encode()).hexdigest()[:_ID_HEX_CHARS]
