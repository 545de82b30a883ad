"""Takes today's answers of a case as its truth. Pure.

1. Only answers that differ are written anew, so a diff of the file shows what changed and nothing else.
2. Inputs and evidence stay; what belongs to a decision that is not asked for any more goes with it.
3. A decision that asks for what was not recorded has no truth: such a case can only be recorded anew.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dispatch.cases.case import Case, KeptRecord, schemas_of
from dispatch.replay.results import DIFFERENT, Row, StageResult, Status
from kernel.contracts.codec import Codec
from kernel.contracts.schema_store import SchemaStore, load_store
from kernel.contracts.topics import EVIDENCE
from kernel.domain.errors import ConfigError
from kernel.stream.reader import StoredRecord


@dataclass(frozen=True, slots=True)
class Blessed:
    """The case with its new truth, and how many inputs are answered otherwise than before."""

    case: Case
    changed: int


def bless(case: Case, results: Sequence[StageResult], revision: str) -> Blessed:
    """Return `case` with the answers of `results`, given by code of `revision`; raises ConfigError."""
    rows = {(r.stage, row.message.meta.id): row for r in results for row in r.rows if row.status in DIFFERENT}
    if not rows:
        return Blessed(case, 0)
    for row in rows.values():
        if row.status is Status.FAILED:
            raise ConfigError(f"input {row.message.meta.id} cannot be decided: {row.note}")
        if row.status is Status.UNRECORDED:
            raise ConfigError(
                f"{row.note}; without that answer there is no truth to bless: record the case anew"
            )
    store = load_store()
    records = tuple(_Rewriting(case, rows, store).records())
    if not records:
        raise ConfigError("nothing of it is decided any more: delete the file, or record the case anew")
    update = {"records": records, "schemas": schemas_of(records, store), "revision": revision}
    return Blessed(case.model_copy(update=update), len(rows))


class _Rewriting:
    """One pass over the records of a case. `rows`: by stage and input id, what is answered otherwise now."""

    def __init__(self, case: Case, rows: dict[tuple[str, str], Row], store: SchemaStore) -> None:
        self._case = case
        self._rows = rows
        self._store = store
        self._codec = Codec(store)
        self._gone = {(e.topic.name, e.message.meta.id): row for row in rows.values() for e in row.recorded}
        self._places = {(r.topic, r.message["meta"]["id"]): r for r in case.records}

    def records(self) -> Iterator[KeptRecord]:
        """Yield the records with the answers of now, each behind what it was decided on."""
        known: set[str] = set()
        for record in self._case.records:
            for each in self._instead_of(record, known):
                known.add(each.message["meta"]["id"])
                yield each

    def _instead_of(self, record: KeptRecord, known: set[str]) -> Iterator[KeptRecord]:
        """Yield what stands for `record` now; `known` are the ids of what stands before it."""
        meta = record.message["meta"]
        gone = self._gone.get((record.topic, meta["id"]))
        if gone is not None:
            if _is_its_own_input(gone):
                yield from self._answers(gone, record)
            return
        input_id = record.message.get("input_id", meta["causation_id"])
        if record.topic != self._case.range.topic and input_id not in known:
            return  # of a decision on a message that is not given any more
        yield record
        row = self._rows.get((meta["stage"], input_id))
        if record.topic == EVIDENCE.name and row is not None and not _is_its_own_input(row):
            yield from self._answers(row, record)

    def _answers(self, row: Row, evidence: KeptRecord) -> Iterator[KeptRecord]:
        """Yield the answers of now in the place of those of then, else of their evidence."""
        old = [self._places[e.topic.name, e.message.meta.id] for e in row.recorded]
        place = old[0] if old else evidence
        for emission in row.replayed:
            stored = StoredRecord(
                topic=emission.topic.name,
                partition=place.partition,
                offset=place.offset,
                key=emission.key.encode(),
                value=self._codec.encode(emission.topic, emission.message),
                written_at=place.written_at,
                headers=(),
            )
            yield KeptRecord.of(emission.topic, stored, self._store)


def _is_its_own_input(row: Row) -> bool:
    """Tell a signal: what the stage is given is what it answers, and the cause lies in the evidence."""
    return any(e.message.meta.id == row.message.meta.id for e in row.recorded)
