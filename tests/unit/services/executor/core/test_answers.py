import pytest

from services.executor.core.answers import Duplicate, Refused, claims_duplicate, read_refusal


def test_the_code_of_a_taken_id_asks_for_a_look_up() -> None:
    answer = read_refusal(422, 40010001, "client_order_id must be unique")

    assert isinstance(answer, Duplicate)
    assert claims_duplicate(answer.refusal)


def test_the_code_decides_not_the_text() -> None:
    """The text may change without notice; an order that may exist must be looked for all the same."""
    answer = read_refusal(422, 40010001, "order id already in use")

    assert isinstance(answer, Duplicate)
    assert not claims_duplicate(answer.refusal)


@pytest.mark.parametrize(
    ("status", "code"), [(403, 40310000), (422, 42210000), (401, None), (404, 40410000), (400, 40010001)]
)
def test_any_other_no_is_final(status: int, code: int | None) -> None:
    answer = read_refusal(status, code, "insufficient options buying power")

    assert isinstance(answer, Refused)
    assert answer.refusal.figures["http_status"] == str(status)
