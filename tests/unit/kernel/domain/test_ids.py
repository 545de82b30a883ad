import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.domain.ids import derive_id

parts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def test_an_id_is_the_same_in_every_release():
    """A frozen value: were it to change, every redelivered message would look new."""
    assert derive_id("signal-1", "selection") == "25643acaf4cc94884b8f0cab5558fe27"


@given(parts, parts)
def test_the_same_cause_gives_the_same_id_of_32_hex_characters(parent, step):
    made = derive_id(parent, step)
    assert made == derive_id(parent, step)
    assert len(made) == 32
    assert set(made) <= set("0123456789abcdef")


@given(parts, parts, parts, parts)
def test_different_causes_give_different_ids(parent, step, other_parent, other_step):
    assume((parent, step) != (other_parent, other_step))
    assert derive_id(parent, step) != derive_id(other_parent, other_step)


def test_the_border_between_parent_and_step_counts():
    assert derive_id("a", "bc") != derive_id("ab", "c")


@pytest.mark.parametrize(("parent", "step"), [("a\0b", "c"), ("a", "b\0c")])
def test_a_part_that_could_move_the_border_is_refused(parent, step):
    with pytest.raises(ValueError, match="may not contain NUL"):
        derive_id(parent, step)
