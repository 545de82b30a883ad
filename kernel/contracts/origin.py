"""How a stage signs its messages: ids derived from the cause, revision and config of the process."""

from dataclasses import dataclass
from datetime import datetime

from kernel.contracts.base import Meta
from kernel.domain.ids import derive_id


@dataclass(frozen=True, slots=True)
class Origin:
    """A stage's signature: its name, the code's revision and the hash of its trading parameters."""

    stage: str
    revision: str
    config_hash: str

    def meta(self, cause: Meta, step: str, now: datetime) -> Meta:
        """Return the meta of the message that `step` makes out of `cause`."""
        return self._sign(derive_id(cause.id, step), cause.correlation_id, cause.id, now)

    def root_meta(self, cause: str, step: str, now: datetime) -> Meta:
        """Return the meta of a message that starts a story (a signal), derived from an outside cause."""
        message_id = derive_id(cause, step)
        return self._sign(message_id, message_id, cause, now)

    def _sign(self, message_id: str, correlation_id: str, causation_id: str, now: datetime) -> Meta:
        return Meta(
            id=message_id,
            correlation_id=correlation_id,
            causation_id=causation_id,
            occurred_at=now,
            stage=self.stage,
            revision=self.revision,
            config_hash=self.config_hash,
        )
