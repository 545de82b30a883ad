"""Reports as one HTML file each: opens offline, light and dark, on a phone, on paper.

    from dispatch.html import page, save_page, section, table, tag
    save_page(path, page("Replay of the selector", section("Differences", table(("input", "verdict"), rows))))

- `markup`: `Html` (text that is markup already), `tag` (an element; everything else that goes in is escaped), `join`.
- `page`: `page` (the whole document), `save_page` (into a file).
- `parts`: `section`, `table` (`right` names its columns of figures), `facts` (name and value pairs), `cards` (the few
  figures one looks at first), `badge` and `note` (tone: good, bad, warn, plain), `bar` (a share as a bar),
  `details` (folded away), `code` (identifiers and raw text).

1. Nothing is fetched and no script runs: the page's own policy forbids both, whatever text is put in.
2. Colour never says what words do not say as well.
"""

from dispatch.html.markup import Content, Html, join, tag
from dispatch.html.page import page, save_page
from dispatch.html.parts import (
    Tone,
    badge,
    bar,
    cards,
    code,
    details,
    facts,
    note,
    section,
    table,
)

__all__ = [
    "Content",
    "Html",
    "Tone",
    "badge",
    "bar",
    "cards",
    "code",
    "details",
    "facts",
    "join",
    "note",
    "page",
    "save_page",
    "section",
    "table",
    "tag",
]
