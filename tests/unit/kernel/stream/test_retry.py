import pytest

from kernel.domain.errors import DatabaseUnavailable, UnprocessableError, VenueUnavailable
from kernel.runtime.health import Health
from kernel.stream.retry import retry_in_place


class Work:
    """Raises what it was given, one after another, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


async def retried(work: Work, health: Health | None = None) -> str:
    return await retry_in_place(work, stage="test", health=health or Health())


async def test_work_that_succeeds_is_done_once(naps: list[float]) -> None:
    work = Work()
    assert await retried(work) == "done"
    assert (work.calls, naps) == (1, [])


async def test_an_outside_failure_is_tried_again_until_it_has_passed(naps: list[float]) -> None:
    work = Work(*[VenueUnavailable("away")] * 20)
    assert await retried(work) == "done"
    assert work.calls == 21


async def test_the_pauses_double_from_a_tenth_of_a_second_to_ten_seconds(naps: list[float]) -> None:
    await retried(Work(*[VenueUnavailable("away")] * 9))
    for nap, expected in zip(naps, (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10), strict=True):
        assert 0.8 * expected <= nap <= 1.2 * expected


@pytest.mark.parametrize("error", [UnprocessableError("never"), ValueError("a bug")])
async def test_what_cannot_pass_is_raised_at_once(error: Exception, naps: list[float]) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        await retried(work)
    assert (work.calls, naps) == (1, [])


async def test_meanwhile_the_process_is_not_ready_and_says_what_is_missing(naps: list[float]) -> None:
    health = Health()
    seen: list[tuple[bool, object]] = []

    async def work() -> None:
        ok, figures = health.ready()
        seen.append((ok, figures["troubles"]))
        if len(seen) == 2:
            raise DatabaseUnavailable("connection refused")
        if len(seen) == 1:
            raise VenueUnavailable("time-out")

    await retry_in_place(work, stage="test", health=health)
    assert seen == [
        (True, {}),
        (False, {"VenueUnavailable": "time-out"}),
        (False, {"VenueUnavailable": "time-out", "DatabaseUnavailable": "connection refused"}),
    ]
    assert health.ready()[0]


async def test_a_retry_is_a_sign_of_life(naps: list[float]) -> None:
    health = Health()
    before = health.progress_count
    await retried(Work(VenueUnavailable("away")), health)
    assert health.progress_count == before + 1
