"""The kept bugs still fit the code they break: a patch that has rotted proves nothing."""

import pytest

from kernel.runtime.settings import PROJECT_ROOT
from tests.chaos.planted.bugs import Bug, all_bugs

FEWEST = 20


def test_there_are_enough_of_them() -> None:
    assert len(all_bugs()) >= FEWEST


@pytest.mark.parametrize("bug", all_bugs(), ids=lambda bug: bug.name)
def test_a_bug_fits_the_code_as_it_stands(bug: Bug) -> None:
    assert bug.fits(PROJECT_ROOT) is None, "write the patch anew, against the code that does this now"


@pytest.mark.parametrize("bug", all_bugs(), ids=lambda bug: bug.name)
def test_the_tests_a_bug_names_are_there(bug: Bug) -> None:
    missing = [target for target in bug.tests if not (PROJECT_ROOT / target.partition("::")[0]).exists()]
    assert missing == []
