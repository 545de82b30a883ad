"""`--matrix-report FILE` writes the page of the run."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--matrix-report", default=None, help="write the crash matrix as a page to this file")
