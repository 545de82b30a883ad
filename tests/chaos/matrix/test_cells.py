"""The crash matrix is total: a pair is run exactly once or has its reason."""

from collections import Counter

import pytest

from tests.chaos.matrix.cells import Boundary, Impossible, Outcome, Way, possible_cells, way_of
from tests.chaos.matrix.lives import all_lives


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("boundary", Boundary)
def test_every_pair_is_run_or_has_its_reason(boundary: Boundary, outcome: Outcome) -> None:
    way = way_of(boundary, outcome)
    assert isinstance(way, Way) or (isinstance(way, Impossible) and len(way.reason) > 20)


def test_every_possible_cell_is_in_exactly_one_life() -> None:
    runs = Counter(cell for life in all_lives() for cell in life.cells)
    assert runs == Counter(possible_cells())


def test_every_cell_of_a_life_ends_as_the_life_does() -> None:
    assert all(cell.way is life.way for life in all_lives() for cell in life.cells)


def test_every_outcome_strikes_somewhere_and_every_boundary_is_struck() -> None:
    cells = possible_cells()
    assert {cell.outcome for cell in cells} == set(Outcome)
    assert {cell.boundary for cell in cells} == set(Boundary)
