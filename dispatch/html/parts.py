"""What reports are put together from."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from dispatch.html.markup import Content, Html, tag

#: What a colour stands for; the words beside it always say the same.
Tone = Literal["good", "bad", "warn", "plain"]


def section(title: str, *body: Content, aside: Content = None) -> Html:
    """Return a titled part of a page; `aside` stands small beside the title."""
    small = None if aside is None else tag("small", aside)
    return tag("section", tag("h2", title, None if small is None else " ", small), *body)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[Content]],
    *,
    right: Collection[int] = (),
    caption: Content = None,
    marked: Collection[int] = (),
) -> Html:
    """Return a table that scrolls by itself where it is wider than the screen.

    `right`: positions of columns whose figures stand under one another; `marked`: positions of rows to stand out.
    The first cell of a row names the row.
    """
    columns = [tag("th", text, scope="col", class_=_side(i, right)) for i, text in enumerate(head)]
    lines = [
        tag("tr", *_cells(row, right), class_="marked" if i in marked else None) for i, row in enumerate(rows)
    ]
    shown = tag(
        "table",
        None if caption is None else tag("caption", caption),
        tag("thead", tag("tr", *columns)),
        tag("tbody", *lines),
    )
    return tag("div", shown, class_="scroll", tabindex=0, role="region", aria_label=_label(head, caption))


def facts(*pairs: tuple[str, Content]) -> Html:
    """Return names with their values; a pair whose value is None is left out."""
    return tag(
        "dl",
        *(tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs if value is not None),
        class_="facts",
    )


def cards(*figures: tuple[str, Content, Content]) -> Html:
    """Return the few figures one looks at first: name, value, and a small line under it (or None)."""
    return tag(
        "div",
        *(
            tag(
                "div",
                tag("span", name, class_="name"),
                tag("strong", value),
                None if under is None else tag("small", under),
                class_="card",
            )
            for name, value, under in figures
        ),
        class_="cards",
    )


def badge(text: Content, tone: Tone = "plain") -> Html:
    """Return a short word in a box."""
    return tag("span", text, class_=f"badge {tone}")


def note(*body: Content, tone: Tone = "plain") -> Html:
    """Return a paragraph that must not be overlooked."""
    return tag("p", *body, class_=f"note {tone}", role="note")


def bar(value: float, of: float, *, start: float = 0, tone: Tone = "plain") -> Html:
    """Return a bar from `start` as long as `value` on a scale of `of`. Write the figure beside it."""
    left = _percent(start, of)
    width = min(_percent(value, of), 100 - left)
    inner = tag("span", style=f"margin-left:{left:.2f}%;width:{width:.2f}%")
    return tag("span", inner, class_=f"bar {tone}", aria_hidden="true")


def details(summary: Content, *body: Content) -> Html:
    """Return something folded away until it is asked for."""
    return tag("details", tag("summary", summary), *body)


def code(text: Content, *, block: bool = False) -> Html:
    """Return an identifier, or with `block` several lines of raw text."""
    return tag("pre", tag("code", text)) if block else tag("code", text)


def _cells(row: Sequence[Content], right: Collection[int]) -> list[Html]:
    return [
        tag("th", cell, scope="row", class_=_side(i, right))
        if i == 0
        else tag("td", cell, class_=_side(i, right))
        for i, cell in enumerate("" if cell is None else cell for cell in row)
    ]


def _side(i: int, right: Collection[int]) -> str | None:
    return "num" if i in right else None


def _label(head: Sequence[str], caption: Content) -> str:
    return (
        str(caption)
        if caption is not None and not isinstance(caption, Html)
        else ", ".join(filter(None, head))
    )


def _percent(value: float, of: float) -> float:
    return max(0.0, min(value / of, 1.0)) * 100 if of > 0 else 0.0
