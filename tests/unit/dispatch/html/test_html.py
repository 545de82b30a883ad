"""The frame and the parts of a report."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dispatch.html import badge, bar, cards, details, facts, join, note, page, save_page, section, table, tag
from kernel.domain.errors import ConfigError

ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
_VOID = {"meta", "br"}


class _Reader(HTMLParser):
    """Collects start tags and checks that every element is closed where it was opened."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self._open: list[str] = []

    def handle_starttag(self, name, attrs):
        self.tags.append(name)
        self.attributes |= {key for key, _ in attrs}
        if name not in _VOID:
            self._open.append(name)

    def handle_endtag(self, name):
        assert self._open.pop() == name

    def read(self, document: str) -> "_Reader":
        self.feed(document)
        assert self._open == []
        return self


def _page_of_everything(text: str) -> str:
    return page(
        text,
        section(text, note(text, tone="warn"), badge(text), aside=text),
        table((text, "figures"), [(text, text), (None, 3)], right=(1,), caption=text, marked=(0,)),
        facts((text, text), ("absent", None)),
        cards((text, text, text), ("score", 97.1, None)),
        details(text, tag("p", text, title=text)),
        bar(3, 4),
        lead=text,
        footer=text,
    )


def test_text_from_outside_never_becomes_markup() -> None:
    plain, attacked = (_Reader().read(_page_of_everything(text)) for text in ("SPY", ATTACK))
    assert attacked.tags == plain.tags
    assert attacked.attributes == plain.attributes
    assert "<script" not in _page_of_everything(ATTACK)


def test_a_page_fetches_nothing_and_forbids_scripts() -> None:
    document = _page_of_everything("SPY")
    assert not re.search(r"https?:|url\(|@import|src=|href=", document)
    assert "default-src &#x27;none&#x27;" in document


def test_a_page_names_its_language_and_fits_a_phone() -> None:
    document = page("Title")
    assert document.startswith("<!doctype html>")
    assert '<html lang="en">' in document
    assert 'name="viewport"' in document


def test_markup_inside_markup_is_left_alone_and_an_absent_part_is_left_out() -> None:
    assert tag("p", tag("b", "a & b"), None, " < ", 3) == "<p><b>a &amp; b</b> &lt; 3</p>"
    assert join("a", None, tag("br"), between="&") == "a&amp;<br>"


def test_attributes_are_written_as_html_names_them() -> None:
    assert tag("td", "x", class_="num", aria_label='"q"', id=None) == (
        '<td class="num" aria-label="&quot;q&quot;">x</td>'
    )


@pytest.mark.parametrize(
    ("value", "of", "start", "style"),
    [
        (10, 40, 0, "margin-left:0.00%;width:25.00%"),
        (30, 40, 20, "margin-left:50.00%;width:50.00%"),
        (99, 40, 0, "margin-left:0.00%;width:100.00%"),
        (-1, 40, 0, "margin-left:0.00%;width:0.00%"),
        (1, 0, 0, "margin-left:0.00%;width:0.00%"),
    ],
)
def test_a_bar_never_leaves_its_scale(value: float, of: float, start: float, style: str) -> None:
    assert style in bar(value, of, start=start)


def test_a_page_is_saved_as_it_is(tmp_path: Path) -> None:
    save_page(tmp_path / "report.html", page("≥ 60"))
    assert "≥ 60" in (tmp_path / "report.html").read_text("utf-8")


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--html: .*absent"):
        save_page(tmp_path / "absent" / "report.html", page("x"))
