"""What a shadow counts, and how it tells it."""

import io
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from dispatch.replay.compare import Difference
from dispatch.replay.elsewhere.remote import Introduction
from dispatch.replay.elsewhere.revisions import Code
from dispatch.replay.results import Row, Status
from dispatch.shadow.found import Found, Standing
from dispatch.shadow.html_report import shadow_page
from dispatch.shadow.naming import Names, name_of
from dispatch.shadow.tally import KEPT, Tally
from dispatch.shadow.telling import live_line, percent, show, to_document
from kernel.contracts.messages import Rejection, RejectionCode
from kernel.contracts.topics import REJECTIONS, SELECTIONS
from kernel.domain.errors import ConfigError
from kernel.stream.stage import Emission
from kernel.testing.builders import NOW, a_meta, a_selection
from tests.fakes.params import PARAMS
from tests.fakes.shadow_log import signal

NAMES = Names(stage="selector", revision="next", live_prefix="dispatch.")


def a_rejection() -> Rejection:
    return Rejection(
        meta=a_meta("signal-1", "selector"),
        idea=a_selection().idea,
        code=RejectionCode.SCORE_BELOW_MINIMUM,
        message="the best scores 72, 90 is the least",
        figures={},
        rejects={},
    )


def a_row(number: int, status: Status) -> Row:
    live, now = Emission(SELECTIONS, a_selection()), Emission(REJECTIONS, a_rejection())
    return Row(
        message=signal(number),
        partition=0,
        offset=number,
        status=status,
        recorded=() if status is Status.PENDING else (live,),
        replayed=(live if status is Status.SAME else now,),
        differences=(Difference("answer", "one", "other"),) if status is Status.CHANGED else (),
    )


def tally_of(*statuses: Status) -> Tally:
    tally = Tally()
    for number, status in enumerate(statuses):
        tally.add(a_row(number, status))
    return tally


def found_of(tally: Tally, minimum_pct: float = 100.0, standing: Standing | None = None) -> Found:
    return Found(
        names=NAMES,
        label="revision next",
        introduction=Introduction("abc", "hash"),
        settings=("selector.min_score=60",),
        topics=("shadow.next.dispatch.selections", "shadow.next.dispatch.rejections"),
        minimum_pct=minimum_pct,
        since=NOW,
        until=NOW + timedelta(minutes=10),
        tally=tally,
        standing=standing or Standing(),
    )


def shown(found: Found, limit: int = 20) -> str:
    out = io.StringIO()
    show(found, Console(file=out, width=300), limit)
    return out.getvalue()


def test_pending_is_no_word_for_or_against() -> None:
    tally = tally_of(Status.SAME, Status.SAME, Status.SAME, Status.CHANGED, Status.PENDING)
    assert (tally.compared, tally.disagreed, tally.agreement_pct) == (4, 1, 75.0)
    assert [tally.holds(minimum) for minimum in (75, 75.1)] == [True, False]


def test_where_nothing_was_compared_nothing_holds() -> None:
    tally = tally_of(Status.PENDING)
    assert (tally.agreement_pct, tally.holds(0)) == (None, False)
    assert "nothing was compared" in shown(found_of(tally))


def test_all_are_counted_and_the_first_are_kept() -> None:
    tally = tally_of(*[Status.CHANGED] * (KEPT + 3))
    assert (len(tally.differing), tally.disagreed, tally.effect.now_refused) == (KEPT, KEPT + 3, KEPT + 3)
    assert to_document(found_of(tally))["rows_left_out"] == 3


@pytest.mark.parametrize(
    ("share", "text"),
    [(None, "-"), (100.0, "100 %"), (99.999, "99.99 %"), (66.6667, "66.66 %"), (0.0, "0 %")],
)
def test_a_share_is_never_rounded_up(share: float | None, text: str) -> None:
    assert percent(share) == text


def test_the_document_has_the_verdict_the_counts_and_each_difference() -> None:
    document = to_document(found_of(tally_of(Status.SAME, Status.CHANGED, Status.PENDING), minimum_pct=50))
    picked = {k: document[k] for k in ("compared", "agreement_pct", "holds", "same", "changed", "pending")}
    assert picked == {
        "compared": 2,
        "agreement_pct": 50.0,
        "holds": True,
        "same": 1,
        "changed": 1,
        "pending": 1,
    }
    assert document["group"] == "dispatch.shadow.next.selector"
    (row,) = document["rows"]
    assert (row["offset"], row["status"]) == (1, "changed")
    assert document["live"]["revisions"] == [a_selection().meta.revision]


def test_the_table_tells_what_differs_and_how_far_both_agree() -> None:
    text = shown(found_of(tally_of(*[Status.SAME] * 199, Status.CHANGED)))
    assert "199 of 200 decisions agree, 99.5 %, less than the 100 % asked for" in text
    assert "1 decisions changed: 1 refused now" in text
    assert "shadow.next.dispatch.selections" in text
    assert "and 1 more" in shown(found_of(tally_of(Status.CHANGED, Status.CHANGED)), limit=1)


def test_what_was_not_done_is_said_to_come_next_time() -> None:
    text = shown(found_of(tally_of(Status.SAME), standing=Standing(lag=3, waiting=2)))
    assert "2 waiting, 3 not done: the next run goes on there" in text


def test_the_page_says_the_verdict_and_unfolds_what_differs() -> None:
    page = shadow_page(found_of(tally_of(Status.SAME, Status.CHANGED)), PARAMS.selector.scoring)
    assert "1 of 2 decisions agree, 50 %, less than the 100 % asked for" in page
    assert page.count('<details class="row') == 1
    assert "<th" in page
    assert "live" in page
    assert "shadow" in page


@pytest.mark.parametrize(
    ("tally", "standing", "line"),
    [
        (tally_of(), Standing(), "selector: 0 decisions, - agree"),
        (
            tally_of(Status.SAME, Status.CHANGED),
            Standing(lag=5, waiting=2),
            "selector: 2 decisions, 50 % agree, 1 differ, 2 waiting for the live answer, 5 records behind",
        ),
        (tally_of(), Standing(trouble="Kafka is away"), "selector: Kafka is away; trying again"),
    ],
)
def test_one_line_says_how_it_stands(tally: Tally, standing: Standing, line: str) -> None:
    assert live_line("selector", tally, standing) == line


def code(revision: str, folder: str) -> Code:
    return Code(label="code", python=Path("python"), path=None, folder=Path(folder), revision=revision)


@pytest.mark.parametrize(
    ("known", "chosen", "name"),
    [
        (code("4f2a91c07be1", "/tmp/x"), None, "4f2a91c07be1"),
        (code("1.2.0", "/tmp/x"), None, "1-2-0"),
        (code("", "/home/me/next release"), None, "next-release"),
        (code("", "/"), None, "folder"),
        (code("4f2a91c07be1", "/tmp/x"), "canary", "canary"),
    ],
)
def test_a_shadow_is_called_by_its_revision(known: Code, chosen: str | None, name: str) -> None:
    assert name_of(known, chosen) == name


@pytest.mark.parametrize("chosen", ["", "a.b", "a b", "-a", "x" * 61])
def test_a_name_that_topics_cannot_have_is_refused(chosen: str) -> None:
    with pytest.raises(ConfigError, match="--as"):
        name_of(code("1", "/x"), chosen)


def test_group_and_topics_are_its_own_and_tell_whose() -> None:
    assert (NAMES.group, NAMES.prefix) == ("dispatch.shadow.next.selector", "shadow.next.dispatch.")


def test_what_the_revision_fails_on_is_a_difference_and_counted_apart_from_what_it_changed() -> None:
    tally = tally_of(Status.SAME, Status.FAILED, Status.UNRECORDED, Status.CHANGED)
    assert (tally.compared, tally.disagreed) == (4, 3)
    assert (tally.effect.decisions_changed, tally.effect.not_decided) == (1, 2)


def test_what_neither_side_decides_is_not_compared() -> None:
    tally = tally_of(Status.SAME, Status.PASSED_ON)
    assert (tally.compared, tally.disagreed, tally.agreement_pct) == (1, 0, 100)
