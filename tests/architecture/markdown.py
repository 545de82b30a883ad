"""What the tests of the documentation read out of Markdown files."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from kernel.runtime.settings import PROJECT_ROOT

_FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)
_INLINE = re.compile(r"`(?P<code>[^`\n]+)`")
_CONTINUED = re.compile(r"\\\n\s*")


def documents() -> list[Path]:
    """Return every Markdown file a reader may come across."""
    folders = ("docs", "services", "simulator")
    return sorted(PROJECT_ROOT.glob("*.md")) + sorted(
        file for folder in folders for file in (PROJECT_ROOT / folder).rglob("*.md")
    )


def section(text: str, heading: str) -> str:
    """Return what stands under a heading of the second level; raises ValueError."""
    return text[text.index(f"\n## {heading}\n") :].split("\n## ", 2)[1]


def blocks(text: str) -> list[tuple[str, str]]:
    """Return every fenced block as its kind ("sh", "python", …) and its lines."""
    return [(match["kind"], match["body"]) for match in _FENCE.finditer(text)]


def links(text: str) -> list[str]:
    """Return the targets of links that stay inside the project."""
    targets = (match["target"] for match in _LINK.finditer(_FENCE.sub("", text)))
    return [t for t in targets if not t.startswith(("http://", "https://", "mailto:"))]


def anchors(text: str) -> set[str]:
    """Return the anchors GitHub gives a file's headings."""
    headings = (match["text"].lower() for match in _HEADING.finditer(_FENCE.sub("", text)))
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def table_rows(text: str) -> list[tuple[str, ...]]:
    """Return the cells of every table row, headings included, rules left out."""
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in row.strip().strip("|").split("|")) for row in rows]
    return [row for row in cells if set(row[0]) != {"-"}]


def commands(text: str, program: str) -> Iterator[list[str]]:
    """Yield every call of `program` in shell blocks and inline code, as words without the program itself."""
    blocks = [m["body"] for m in _FENCE.finditer(text) if m["kind"] in {"sh", ""}]
    inline = [m["code"] for m in _INLINE.finditer(_FENCE.sub("", text))]
    lines = [line for block in blocks for line in _CONTINUED.sub(" ", block).splitlines()] + inline
    for line in lines:
        call = re.search(rf"(?:^|/|&& |… |exec \w+ ){program} (?P<rest>[^|;&)]+)", line)
        if call is not None:
            yield shlex.split(call["rest"].replace("…", ""), comments=True)
