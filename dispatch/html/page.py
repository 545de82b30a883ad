"""The frame of a report: one document that needs nothing but itself."""

from pathlib import Path

from dispatch.html.markup import Content, Html, join, tag
from dispatch.html.style import STYLE
from kernel.domain.errors import ConfigError

#: No script, nothing from elsewhere: were a text ever to slip through unescaped, it could still do nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def page(title: str, *body: Content, lead: Content = None, footer: Content = None, style: str = "") -> str:
    """Return an HTML document; `lead` stands under its heading, `footer` at its end.

    `style` is put after the common sheet: constants of ours only, it is not escaped.
    """
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        tag("style", Html(STYLE + style)),
    )
    header = tag("header", tag("h1", title), None if lead is None else tag("div", lead, class_="lead"))
    ending = None if footer is None else tag("footer", footer)
    content = tag("body", header, tag("main", *body), ending)
    return join(Html("<!doctype html>\n"), tag("html", head, content, lang="en"), "\n")


def save_page(path: Path, document: str) -> None:
    """Write a document; raises ConfigError where it cannot be written."""
    try:
        path.write_text(document, "utf-8")
    except OSError as e:
        raise ConfigError(f"--html: {path} cannot be written: {e.strerror}") from e
