"""A trace as a page: everything that was told is on it, and nothing from outside can become markup."""

import re
from html.parser import HTMLParser
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from dispatch.stories.trace import trace_of
from dispatch.stories.trace_page import trace_page
from dispatch.stories.trace_text import show_trace
from kernel.contracts.messages import OrderStatus
from kernel.contracts.topics import EXECUTIONS, REJECTIONS, SELECTIONS, SIGNALS
from kernel.stream.stage import Emission
from kernel.testing.builders import a_leg, a_meta, a_selection, a_signal
from tests.fakes.chains import Row
from tests.fakes.decided import decided, sized
from tests.fakes.stories import a_rejection, an_execution, filled, refused, story_of
from tests.unit.dispatch.stories.test_trace import known

ATTACK = '</code></pre><script>alert(1)</script><img src=x onerror="alert(2)"> & \x1b[31m'
GOOD, SECOND, WIDE = Row(), Row(strike="521"), Row(strike="519", bid="2.30", ask="2.60")


class _Page(HTMLParser):
    """Reads a page as a browser would: its tags, its headings, its text; every element must be closed."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.headings: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(document)
        assert self._open == []

    def handle_starttag(self, name, attrs):
        self.tags.append(name)
        if name not in {"meta", "br"}:
            self._open.append(name)
        if name == "h2":
            self.headings.append("")

    def handle_endtag(self, name):
        assert self._open.pop() == name

    def handle_data(self, data):
        if "style" in self._open:
            return
        self.text += f"{data} "
        if "h2" in self._open:
            self.headings[-1] += data


def page_of(emissions: list[Emission[Any]]) -> _Page:
    return _Page(trace_page(trace_of(story_of(emissions), known())))


def text_of(emissions: list[Emission[Any]]) -> str:
    console = Console(file=StringIO(), soft_wrap=True, width=300)
    show_trace(trace_of(story_of(emissions), known()), console)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def in_every_field(text: str) -> list[list[Emission[Any]]]:
    """Return stories of a refused and of a cancelled order with `text` wherever a message can carry one."""
    of_signal = a_signal("one").meta.id
    signed = {"stage": text, "revision": text, "config_hash": text, "correlation_id": of_signal}
    signal = a_signal("one", setup=text, external_id=text)
    leg = a_leg(occ_symbol=text)
    return [
        [
            Emission(SIGNALS, signal),
            Emission(
                REJECTIONS,
                a_rejection(
                    "one", meta=a_meta("no", **signed), message=text, figures={text: text}, rejects={text: 3}
                ),
            ),
        ],
        [
            Emission(SIGNALS, signal),
            Emission(SELECTIONS, a_selection("one", legs=(leg,), meta=a_meta("yes", **signed))),
            *filled("one")[2:4],
            Emission(
                EXECUTIONS,
                an_execution(
                    "one",
                    2,
                    OrderStatus.CANCELED,
                    legs=(leg,),
                    reason=text,
                    venue_order_id=text,
                    client_order_id=text,
                ),
            ),
        ],
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_from_outside_becomes_markup(which: int) -> None:
    attacked, plain = page_of(in_every_field(ATTACK)[which]), page_of(in_every_field("harmless")[which])
    assert attacked.tags == plain.tags
    assert "script" not in attacked.tags
    assert "<script>alert(1)</script>" in attacked.text


@pytest.mark.parametrize("which", [0, 1])
def test_nothing_from_outside_steers_a_terminal(which: int) -> None:
    assert "\x1b" not in text_of(in_every_field(f"{ATTACK} [bold]x[/nonsense]")[which])


def test_the_page_needs_nothing_but_itself() -> None:
    document = trace_page(trace_of(story_of(filled("one")), known()))
    assert not re.search(r"(src|href)=|url\(|@import|<script", document)


def test_the_page_of_a_bought_contract_tells_it_from_signal_to_fill() -> None:
    page = page_of([*sized(decided("one", GOOD, SECOND, WIDE), equity="100000"), *filled("one")[3:]])
    assert page.headings == [
        "Where the time went",
        "The signal",
        "The contract selector",
        "The size sizer",
        "The order's life",
        "Who decided, with what",
        "Every message",
    ]
    for told in ("Chosen over", SECOND.symbol, "risk budget $1,000.00 ÷ max loss", "/ 40", "FILLED"):
        assert told in page.text


def test_the_page_of_a_refused_signal_begins_with_the_reasons() -> None:
    page = page_of(decided("one", WIDE))
    assert page.headings[0] == "The no selector"
    assert "SPREAD_TOO_WIDE: spread 12.2%, must be below 10%" in page.text
    of_the_sizer = page_of(sized(decided("one", GOOD), equity="900"))
    assert of_the_sizer.headings[:2] == ["The no sizer", "The contract selector"]


def test_a_story_that_has_only_begun_is_a_page_as_well() -> None:
    assert page_of(filled("one")[:1]).headings == ["The signal", "Who decided, with what", "Every message"]
    assert "Every message" in page_of(filled("one")[2:]).headings


def test_every_table_says_what_it_is_and_can_be_reached_by_the_keyboard() -> None:
    document = trace_page(trace_of(story_of(decided("one", GOOD, SECOND)), known()))
    regions = re.findall(r'<div class="scroll" tabindex="0" role="region" aria-label="[^"]+">', document)
    assert len(regions) == document.count("<table>")
    assert document.count("<th ") > document.count("<table>")


def test_the_text_tells_the_end_the_times_the_reasons_and_the_two_clocks() -> None:
    told = text_of(sized(decided("one", GOOD, WIDE), equity="900"))
    assert told.splitlines()[0].endswith("rejected")
    for words in (
        "wall clock",
        "market time",
        "Why no size (sizer)",
        "<- binds",
        "EDT market, +10 ms wall",
        "chosen",
    ):
        assert words in told


def test_a_refused_signals_text_shows_the_candidates() -> None:
    assert "spread 12.2%, must be below 10%" in text_of(decided("one", WIDE))
    assert "Why" not in text_of(refused("one")[:1])
