"""Which secret goes with a key id: the one it first came with, as long as the venue runs.

1. Any pair is let in the first time, so nothing has to be configured; from then on the id with another secret is refused.
2. Secrets are nowhere: what is kept is a digest under a salt of this process, in memory alone.
3. An account that is reset forgets the secrets of its keys, as Alpaca gives new keys with a reset.
"""

import hashlib
import hmac
import os
from collections.abc import Callable


class KeyRing:
    """The key ids that were used, with what their secrets are known by."""

    def __init__(self) -> None:
        self._salt = os.urandom(16)
        self._digests: dict[str, bytes] = {}

    def admits(self, key: str, secret: str) -> bool:
        """Tell whether `secret` is that of `key`, learning it from whoever comes first."""
        digest = hashlib.blake2b(secret.encode(errors="surrogateescape"), key=self._salt).digest()
        return hmac.compare_digest(self._digests.setdefault(key, digest), digest)

    def forget(self, is_meant: Callable[[str], bool]) -> None:
        """Let the key ids that `is_meant` tells of come with another secret."""
        self._digests = {key: digest for key, digest in self._digests.items() if not is_meant(key)}
