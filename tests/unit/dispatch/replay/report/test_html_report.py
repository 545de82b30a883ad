"""The report of a replay as one HTML file: complete, escaped, needing nothing but itself."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from dispatch.replay.overrides import with_overrides
from dispatch.replay.report.asked import Asked
from dispatch.replay.report.html_filter import Filter, filter_style
from dispatch.replay.report.html_report import replay_page
from dispatch.replay.report.html_row import Change, change_of
from dispatch.replay.results import DIFFERENT, StageResult
from dispatch.replay.span import Span
from kernel.contracts.messages import Rejection, RejectionCode
from kernel.contracts.topics import REJECTIONS, SIGNALS
from kernel.testing.builders import NOW, a_meta, a_signal
from tests.fakes.memory_log import MemoryLog
from tests.fakes.params import PARAMS
from tests.fakes.pipeline import RecordedPipeline
from tests.fakes.replays import GOOD, WORSE, a_recording, replayed

ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Page(HTMLParser):
    """A page as a browser sees it: its elements with attributes, its words."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self._inside: list[str] = []
        self.feed(document)

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((name, dict(attributes)))
        self._inside.append(name)

    def handle_endtag(self, name: str) -> None:
        while self._inside.pop() != name:
            pass

    def handle_data(self, data: str) -> None:
        if "style" not in self._inside:
            self.words += f"{data} "

    def of_class(self, name: str) -> list[dict[str, str | None]]:
        return [a for _, a in self.elements if name in (a.get("class") or "").split()]


def page_of(
    results: Sequence[StageResult], *settings: str, span: Span | None = None, **asked: Any
) -> tuple[str, Page]:
    question = Asked(
        stages=[result.stage for result in results],
        span=span or Span(),
        filed=PARAMS,
        params=with_overrides(PARAMS, settings),
        at=NOW,
        **{"log": "a log in memory", "revision": "replaying", **asked},
    )
    document = replay_page(results, question)
    return document, Page(document)


async def test_every_differing_input_is_there_and_the_equal_ones_are_only_counted() -> None:
    settings = ("selector.min_score=90",)
    results = await replayed(await a_recording(), "selector", "sizer", settings=settings)
    _, page = page_of(results, *settings)
    rows = page.of_class("row")
    different = [row for result in results for row in result.rows if row.status in DIFFERENT]
    assert len(rows) == len(different) == 4
    for row in different:
        assert row.message.meta.id in page.words
    same = [row for result in results for row in result.rows if row.status not in DIFFERENT]
    assert same
    assert not any(row.message.meta.id in page.words for row in same)
    assert re.search(r"selector +4 inputs +same +2 +changed +2 ", page.words)
    assert re.search(r"sizer +4 inputs +same +2 +missing +2 ", page.words)


async def test_it_says_what_was_asked_who_decided_and_what_it_means() -> None:
    settings = ("selector.min_score=90", "sizer.tiers.large.risk_pct=2")
    results = await replayed(await a_recording(), "selector", "sizer", settings=settings)
    _, page = page_of(results, *settings, span=Span(since=NOW, trace="3d20"))
    assert f"from {NOW.isoformat().replace('+00:00', 'Z')}, signal 3d20 " in page.words
    assert re.search(r"selector\.min_score +40 +90 ", page.words)
    assert re.search(r"sizer\.tiers\.large\.risk_pct +1 +2 ", page.words)
    assert re.search(r"revision now +replaying ", page.words)
    assert re.search(r"revision then +recorded ", page.words)
    assert re.search(rf"parameters then +{PARAMS.config_hash} ", page.words)
    assert re.search(r"refused now +2 ", page.words)
    assert re.search(r"risk then → now +\$\d", page.words)
    for result in results:
        assert result.digest in page.words


async def test_differences_are_shown_figure_by_figure_plain_and_short() -> None:
    settings = ("sizer.tiers.large.risk_pct=2",)
    results = await replayed(await a_recording(), "sizer", settings=settings)
    _, page = page_of(results, *settings)
    assert re.search(r"contracts +4 +8 +\+4 ", page.words)
    assert re.search(r"account\.risk_budget_usd +1000 +2000 +\+1000 ", page.words)
    assert not re.search(r"\dE[+-]\d|\d\.\d{7}", page.words)


async def test_the_parts_of_both_scores_stand_side_by_side() -> None:
    settings = ("selector.scoring.volume_points=15", "selector.min_score=65")
    results = await replayed(await a_recording(), "selector", settings=settings)
    _, page = page_of(results, *settings)
    chosen, refused = [], []
    for row in results[0].rows:
        then, now = row.recorded[0].message, row.replayed[0].message
        (refused if hasattr(now, "code") else chosen).append(row)
        total = float(now.figures["score_total"]) if hasattr(now, "code") else now.score.total
        assert re.search(rf"score +then +.*?total +{then.score.total:.1f} +{total:.1f} ", page.words)
    assert chosen
    assert refused


async def test_a_replay_without_differences_says_so() -> None:
    _, page = page_of(await replayed(await a_recording(), "selector"))
    assert "all 4 decisions are the same" in page.words
    assert "No parameter was changed." in page.words
    assert page.of_class("row") == []


async def test_an_empty_range_is_not_called_the_same() -> None:
    (result,) = await replayed(await a_recording(), "selector")
    _, page = page_of([replace(result, rows=[])])
    assert "there was nothing to decide" in page.words


async def test_text_from_outside_never_becomes_markup() -> None:
    async def elements(text: str) -> Counter[str]:
        log, given = MemoryLog(), a_signal()
        refusal = Rejection(
            meta=a_meta(stage="selector", causation_id=given.meta.id, revision=text),
            idea=given.idea,
            code=RejectionCode.NO_CONTRACT_QUALIFIES,
            message=text,
            figures={text: text},
            rejects={text: 1},
        )
        log.write(SIGNALS, given)
        log.write(REJECTIONS, refusal)
        results = await replayed(log, "selector")
        document, page = page_of(results, log=text, revision=text, span=Span(trace=text))
        assert ATTACK not in document
        assert page.words.count(text) >= 6
        return Counter(name for name, _ in page.elements)

    assert await elements(ATTACK) == await elements("plain")


async def test_the_file_needs_nothing_but_itself() -> None:
    settings = ("selector.min_score=90",)
    document, page = page_of(
        await replayed(await a_recording(), "selector", "sizer", settings=settings), *settings
    )
    assert not re.search(r"https?:|//|@import|url\(", document)
    fetching = {"src", "href", "action", "srcset", "data"}
    assert not [a for _, a in page.elements if fetching & a.keys()]
    assert not {"script", "link", "iframe", "img", "form"} & {name for name, _ in page.elements}
    assert not [key for _, a in page.elements for key in a if key.startswith("on")]


def test_a_filter_hides_what_is_not_chosen_and_names_no_value() -> None:
    what = Filter("c", "what", ["refused", "refused", ATTACK])
    who = Filter("u", "who", ["SPY", "QQQ", "SPY"])
    style = filter_style([what, who])
    assert what.choices == [("refused", 2), (ATTACK, 1)]
    assert [what.class_of(v) for v in what.values] == ["c-1", "c-1", "c-2"]
    assert "section:has(#c-1:checked) details.row:not(.c-1){display:none}" in style
    assert "section:has(#u-2:checked) details.row:not(.u-2){display:none}" in style
    nothing = "section:has(#c-2:checked):has(#u-2:checked) .nothing{display:block}"  # that one is SPY
    assert style.count(".nothing") == 1
    assert nothing in style
    assert "script" not in style


async def test_each_row_has_the_classes_that_its_filters_know() -> None:
    log = await a_recording(
        ["SPY", "SPY", "QQQ", "QQQ"]
    )  # the chain is of SPY: QQQ's answers were not recorded
    settings = ("selector.min_score=80",)
    results = await replayed(log, "selector", settings=settings)
    document, page = page_of(results, *settings)
    classes = [a["class"] for a in page.of_class("row")]
    assert len(set(classes)) == 2
    for name in {name for each in classes for name in (each or "").split()} - {"row"}:
        assert f"#{name}:checked" in document
        assert any(a.get("id") == name for _, a in page.elements)


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ("selector.min_score=90", {Change.REFUSED}),
        ("selector.scoring.volume_points=20", {Change.FIGURES}),
        ("selector.strategies.day_trade.dte_max=9", {Change.UNRECORDED}),
    ],
)
async def test_a_change_is_named_as_a_trader_would(setting: str, changes: set[Change]) -> None:
    (result,) = await replayed(await a_recording(), "selector", settings=(setting,))
    assert {change_of(row) for row in result.rows if row.status in DIFFERENT} == changes


async def test_another_contract_and_an_acceptance_are_named_too() -> None:
    strict = RecordedPipeline(with_overrides(PARAMS, ["selector.min_score=99"]))
    await strict.send(a_signal("refused then"), GOOD)
    (result,) = await replayed(strict.log, "selector")
    assert change_of(result.rows[0]) is Change.ACCEPTED
    both = RecordedPipeline()
    await both.send(a_signal("two"), GOOD, replace(WORSE, day_volume=5000))
    settings = ("selector.scoring.spread_points=0", "selector.scoring.distance_points=0")
    (result,) = await replayed(both.log, "selector", settings=settings)
    assert change_of(result.rows[0]) is Change.SWAPPED
