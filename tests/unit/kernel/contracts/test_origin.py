from datetime import timedelta

from kernel.contracts.origin import Origin
from kernel.testing.builders import NOW, a_meta

ORIGIN = Origin("selector", "rev", "hash")


def test_a_message_names_its_cause_and_keeps_the_story() -> None:
    cause = a_meta(correlation_id="story")
    meta = ORIGIN.meta(cause, "selection", NOW)
    assert (meta.correlation_id, meta.causation_id) == ("story", cause.id)
    assert (meta.stage, meta.revision, meta.config_hash) == ("selector", "rev", "hash")


def test_an_id_follows_from_cause_and_step_alone() -> None:
    cause = a_meta()
    first = ORIGIN.meta(cause, "selection", NOW)
    other_process = Origin("selector", "later", "other").meta(cause, "selection", NOW + timedelta(days=1))
    assert first.id == other_process.id
    assert first.id != ORIGIN.meta(cause, "evidence", NOW).id
    assert first.id != ORIGIN.meta(a_meta("other"), "selection", NOW).id


def test_a_root_begins_its_own_story() -> None:
    meta = ORIGIN.root_meta("outside", "signal", NOW)
    assert (meta.correlation_id, meta.causation_id) == (meta.id, "outside")
