import asyncio

import pytest

from kernel.adapters import rate_governor
from kernel.adapters.rate_governor import RateGovernor
from kernel.domain.errors import DatabaseUnavailable, OverBudget
from kernel.domain.rate_limit import Bucket, Budget, Told, Urgency, full
from tests.fakes.waiting import eventually

TRADING = Budget.TRADING


class FakeBuckets:
    """Shared buckets that grant what a test puts into `tokens`, to whom it says."""

    def __init__(self, limit: int = 200) -> None:
        self.bucket = full(limit, 0.0)
        self.tokens = 0
        self.least_urgent = Urgency.READ
        self.is_down = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked: list[tuple[int, Urgency]] = []
        self.told: list[Told] = []

    async def take(self, _budget: Budget, wanted: int, urgency: Urgency) -> tuple[int, Bucket]:
        self.asked.append((wanted, urgency))
        await self._answer()
        granted = min(wanted, self.tokens) if urgency <= self.least_urgent else 0
        self.tokens -= granted
        return granted, self.bucket

    async def learn(self, _budget: Budget, told: Told) -> Bucket:
        await self._answer()
        self.told.append(told)
        self.bucket = full(told.limit, 0.0)
        return self.bucket

    async def close(self) -> None:
        pass

    async def _answer(self) -> None:
        await self.answers.wait()
        if self.is_down:
            raise DatabaseUnavailable("gone")


@pytest.fixture
def buckets() -> FakeBuckets:
    return FakeBuckets()


@pytest.fixture
async def governor(buckets: FakeBuckets):
    async with RateGovernor(lambda: buckets) as made:
        yield made


async def test_a_request_goes_when_the_shared_bucket_grants_it(
    governor: RateGovernor, buckets: FakeBuckets
) -> None:
    waiting = asyncio.create_task(governor.admit(TRADING, Urgency.ENTRY))
    await eventually(lambda: len(buckets.asked) >= 2)
    assert not waiting.done()

    buckets.tokens = 1

    await waiting
    assert set(buckets.asked) == {(1, Urgency.ENTRY)}


async def test_an_exit_that_comes_last_goes_first(governor: RateGovernor, buckets: FakeBuckets) -> None:
    went: list[str] = []

    async def go(name: str, urgency: Urgency) -> None:
        await governor.admit(TRADING, urgency)
        went.append(name)

    async with asyncio.TaskGroup() as group:
        for name, urgency in [
            ("read", Urgency.READ),
            ("entry 1", Urgency.ENTRY),
            ("entry 2", Urgency.ENTRY),
            ("exit", Urgency.EXIT),
        ]:
            group.create_task(go(name, urgency))
        await eventually(lambda: (1, Urgency.EXIT) in buckets.asked)
        for n in range(4):
            buckets.tokens = 1
            await eventually(lambda n=n: len(went) > n)

    assert went == ["exit", "entry 1", "entry 2", "read"]


async def test_what_reads_may_not_have_is_asked_for_anew_when_an_exit_comes(
    governor: RateGovernor, buckets: FakeBuckets
) -> None:
    buckets.tokens, buckets.least_urgent = 5, Urgency.EXIT
    read = asyncio.create_task(governor.admit(TRADING, Urgency.READ))
    await eventually(lambda: bool(buckets.asked))

    async with asyncio.timeout(60):
        await governor.admit(TRADING, Urgency.EXIT)

    assert not read.done()
    read.cancel()


async def test_a_high_limit_is_leased_so_that_the_next_requests_ask_nobody() -> None:
    buckets = FakeBuckets(limit=100_000)
    buckets.tokens = 1_000
    async with RateGovernor(lambda: buckets) as governor:
        await governor.admit(TRADING, Urgency.READ)  # of the assumed limit: one token
        for _ in range(50):
            await governor.admit(TRADING, Urgency.READ)

    assert buckets.asked == [(1, Urgency.READ), (251, Urgency.READ)]


async def test_a_lease_of_reads_serves_an_entry_but_no_lease_of_entries_a_read() -> None:
    buckets = FakeBuckets(limit=100_000)
    buckets.tokens = 1_000
    async with RateGovernor(lambda: buckets) as governor:
        await governor.admit(TRADING, Urgency.ENTRY)
        await governor.admit(TRADING, Urgency.ENTRY)
        await governor.admit(TRADING, Urgency.READ)
        asked = len(buckets.asked)
        await governor.admit(TRADING, Urgency.ENTRY)
        await governor.admit(TRADING, Urgency.EXIT)

    assert [urgency for _, urgency in buckets.asked] == [Urgency.ENTRY, Urgency.ENTRY, Urgency.READ]
    assert asked == 3


async def test_a_read_in_line_is_not_served_from_what_was_granted_to_entries() -> None:
    buckets = FakeBuckets(limit=100_000)
    buckets.tokens, buckets.least_urgent = 1_000, Urgency.ENTRY
    async with RateGovernor(lambda: buckets) as governor:
        await governor.admit(TRADING, Urgency.ENTRY)
        read = asyncio.create_task(governor.admit(TRADING, Urgency.READ))
        await governor.admit(TRADING, Urgency.ENTRY)
        await eventually(lambda: (251, Urgency.READ) in buckets.asked)

        assert not read.done()
        read.cancel()


async def test_without_the_database_no_entry_goes_but_a_cancel_does(
    governor: RateGovernor, buckets: FakeBuckets
) -> None:
    buckets.is_down = True

    with pytest.raises(OverBudget, match="nothing was sent: gone"):
        await governor.admit(TRADING, Urgency.ENTRY)
    await governor.admit(TRADING, Urgency.EXIT)
    await governor.admit(TRADING, Urgency.READ)


async def test_a_database_that_does_not_answer_holds_no_cancel_up(
    governor: RateGovernor, buckets: FakeBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_governor, "_ANSWER_S", 0.01)
    buckets.answers.clear()

    with pytest.raises(OverBudget, match="did not answer"):
        await governor.admit(TRADING, Urgency.ENTRY)
    await governor.admit(TRADING, Urgency.EXIT)

    assert len(buckets.asked) == 1  # one question hangs; a second one would only hang beside it


async def test_entries_go_again_when_the_database_is_back(
    governor: RateGovernor, buckets: FakeBuckets
) -> None:
    buckets.is_down = True
    with pytest.raises(OverBudget):
        await governor.admit(TRADING, Urgency.ENTRY)

    buckets.is_down, buckets.tokens = False, 1

    await governor.admit(TRADING, Urgency.ENTRY)


async def test_whoever_waits_too_long_is_told_that_nothing_was_sent(
    governor: RateGovernor, buckets: FakeBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rate_governor.PATIENCE_S, Urgency.ENTRY, 0.01)

    with pytest.raises(OverBudget, match="used up"):
        await governor.admit(TRADING, Urgency.ENTRY)

    assert buckets.asked


async def test_what_the_venue_told_is_passed_on_once(governor: RateGovernor, buckets: FakeBuckets) -> None:
    news = Told(5000, 4000, 0.0, refused=False)

    governor.observe(TRADING, news)
    await eventually(lambda: bool(buckets.told))
    governor.observe(TRADING, news)
    buckets.tokens = 1
    await governor.admit(TRADING, Urgency.EXIT)

    assert buckets.told == [news]


async def test_a_refusal_ends_the_leases(buckets: FakeBuckets) -> None:
    buckets.bucket, buckets.tokens = full(100_000, 0.0), 1_000
    async with RateGovernor(lambda: buckets) as governor:
        await governor.admit(TRADING, Urgency.READ)
        await governor.admit(TRADING, Urgency.READ)
        buckets.tokens = 0
        asked = len(buckets.asked)

        governor.observe(TRADING, Told(100_000, 0, 5.0, refused=True))

        waiting = asyncio.create_task(governor.admit(TRADING, Urgency.EXIT))
        await eventually(lambda: len(buckets.asked) > asked)
        assert not waiting.done()
        waiting.cancel()


async def test_a_process_without_a_database_has_a_share_of_its_own() -> None:
    """A quarter of 200: 12 tokens and a half, of which reads leave half."""
    async with RateGovernor() as governor:
        for _ in range(6):
            assert governor._gates[TRADING]._waiting == []
            await governor.admit(TRADING, Urgency.READ)
        late = asyncio.create_task(governor.admit(TRADING, Urgency.READ))
        await governor.admit(TRADING, Urgency.ENTRY)
        assert not late.done()
        late.cancel()


async def test_an_answer_that_comes_after_the_end_opens_nothing_again(
    governor: RateGovernor, buckets: FakeBuckets
) -> None:
    await governor.close()

    governor.observe(TRADING, Told(limit=100, remaining=0, resets_in_s=1.0, refused=True))
    await asyncio.sleep(0.05)

    assert buckets.told == []
    with pytest.raises(OverBudget, match="nothing was sent"):
        await governor.admit(TRADING, Urgency.EXIT)
