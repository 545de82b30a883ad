"""Filters of a report without a script: radio buttons, and a style sheet that hides what is not chosen. Pure.

Where a browser knows no `:has`, everything is shown.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dispatch.html import Html, tag

STYLE = """
details.row{border-bottom:1px solid var(--line);margin:0;padding:.3rem 0}
details.row>summary{display:flex;flex-wrap:wrap;gap:.2rem .7rem;align-items:baseline;color:var(--ink);list-style:none}
details.row>summary::before{content:"▸";color:var(--accent)}
details.row[open]>summary::before{content:"▾"}
details.row>summary::-webkit-details-marker{display:none}
details.row>summary b{min-width:3.4rem}
details.row[open]{padding-bottom:.9rem}
.answers{overflow-wrap:anywhere}
details.row th code{white-space:nowrap;padding-right:.7rem}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:0 1.5rem;font-size:.9rem}
.sides h3{margin:.4rem 0 0}
fieldset{border:0;padding:0;margin:.5rem 0;display:flex;flex-wrap:wrap;gap:.35rem}
legend{float:left;color:var(--soft);font-size:.85rem;padding:.2rem .4rem .2rem 0;width:7rem}
fieldset label{border:1px solid var(--line);border-radius:999px;padding:.1rem .65rem;font-size:.85rem;cursor:pointer;background:var(--raised)}
fieldset input{position:absolute;opacity:0;pointer-events:none}
fieldset label:has(:checked){border-color:var(--accent);color:var(--accent);font-weight:600}
fieldset label:has(:focus-visible){outline:2px solid var(--accent);outline-offset:2px}
.nothing{display:none;color:var(--soft)}
@media (max-width:34rem){.sides{grid-template-columns:1fr}legend{width:100%;float:none}}
@media print{fieldset{display:none}}
"""


@dataclass(frozen=True)
class Filter:
    """One row of choices: `values` has one value per item that is filtered. `name` is unique in the page."""

    name: str
    title: str
    values: Sequence[str]

    @cached_property
    def choices(self) -> list[tuple[str, int]]:
        """The values with their counts, the most frequent first."""
        return sorted(Counter(self.values).items(), key=lambda choice: (-choice[1], choice[0]))

    def class_of(self, value: str) -> str:
        """Return the class of an item with that value."""
        return f"{self.name}-{self._numbers[value]}"

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {value: number for number, (value, _) in enumerate(self.choices, 1)}


def filter_bar(each: Filter) -> Html:
    """Return the choices as buttons, all of them shown at first."""
    whole = _button(each.name, 0, f"all {len(each.values)}", checked=True)
    others = (
        _button(each.name, number, f"{value} {count}")
        for number, (value, count) in enumerate(each.choices, 1)
    )
    return tag("fieldset", tag("legend", each.title), whole, *others)


def filter_style(filters: Sequence[Filter]) -> str:
    """Return the rules that make buttons hide; values never stand in them, only their numbers."""
    return "\n".join([*(_hiding(each) for each in filters), *_nothing_left(filters)])


def _button(name: str, number: int, text: str, *, checked: bool = False) -> Html:
    mark = "" if checked else None
    button = tag("input", type="radio", name=name, id=f"{name}-{number}", checked=mark)
    return tag("label", button, text)


def _hiding(each: Filter) -> str:
    numbers = range(1, len(each.choices) + 1)
    return "\n".join(
        f"section:has(#{each.name}-{n}:checked) details.row:not(.{each.name}-{n}){{display:none}}"
        for n in numbers
    )


def _nothing_left(filters: Sequence[Filter]) -> Iterable[str]:
    """Yield a rule for each pair of choices that no item has: they say so instead of showing nothing."""
    for i, one in enumerate(filters):
        for other in filters[i + 1 :]:
            held = set(zip(one.values, other.values, strict=True))
            for value, _ in one.choices:
                for second, _ in other.choices:
                    if (value, second) not in held:
                        pair = f":has(#{one.class_of(value)}:checked):has(#{other.class_of(second)}:checked)"
                        yield f"section{pair} .nothing{{display:block}}"
