import asyncio

import pytest


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let back-off take no time; returns the seconds that would have been slept."""
    slept: list[float] = []
    yield_to_others = asyncio.sleep

    async def nap(seconds: float) -> None:
        slept.append(seconds)
        await yield_to_others(0)

    monkeypatch.setattr("kernel.stream.retry.asyncio.sleep", nap)
    return slept
