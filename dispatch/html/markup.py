"""Elements as values: what is not markup already is escaped, so nobody has to remember to.

Entry points: `tag`, `join`, `Html`.
"""

from html import escape
from typing import TypeAlias

#: Elements that have no content and no end tag.
_VOID = frozenset({"br", "col", "hr", "input", "meta"})


class Html(str):
    """Text that is markup. Only this module and constants of ours make one."""

    __slots__ = ()


#: What may stand inside an element; None is left out.
Content: TypeAlias = str | int | float | None


def join(*parts: Content, between: Content = "") -> Html:
    """Return the parts one after another, each escaped unless it is Html."""
    return Html(_text(between).join(_text(part) for part in parts if part is not None))


def tag(name: str, /, *content: Content, **attributes: Content) -> Html:
    """Return an element: `tag("td", "a < b", class_="num")`.

    An attribute's trailing underscore is dropped, others become hyphens (`aria_label`); None leaves it out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*content)}</{name}>")


def _text(part: Content) -> str:
    return part if isinstance(part, Html) else escape(str(part))
