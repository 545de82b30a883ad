"""Sends alerts at a constant rate whatever becomes of them, each again under its id until it is accepted."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer

from kernel.contracts.topics import CONSUMED_TOPICS
from kernel.runtime.clock import SystemClock
from tests.chaos.nemesis.arena import PREFIX, Arena

_SYMBOLS = ("SPY", "AAPL", "QQQ", "NVDA", "MSFT", "TSLA", "AMD", "IWM")
_STYLES = (("bullish", "day_trade"), ("bearish", "swing"), ("bullish", "swing"), ("bearish", "day_trade"))
_AGAIN_S = 0.5
_ANSWER_S = 15.0
_ACCEPTED = (200, 202)


@dataclass(slots=True)
class Sent:
    """An alert: when it was due and when it was accepted (wall clock), the signal it became."""

    alert_id: str
    due_at: datetime
    accepted_at: datetime | None = None
    signal_id: str | None = None


@dataclass
class Feed:
    """Alerts and planted poison of one run."""

    arena: Arena
    seed: int
    rate_per_s: float
    length_s: float
    #: One signal in so many asks for what can be bought; the others for a spread, which the selector refuses.
    order_every: int = 1
    sent: list[Sent] = field(default_factory=list)
    #: By full topic name, the bytes that are no message.
    poison: dict[str, list[bytes]] = field(default_factory=dict)
    _sending: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self) -> None:
        """Send for the whole length; returns when all are on their way."""
        clock, began = SystemClock(), asyncio.get_running_loop().time()
        began_at = clock.now()
        urls = cycle(self.arena.urls_of_signals())
        headers = {"Authorization": f"Bearer {self.arena.token}"}
        # Left open: those on their way go on over it. It ends with the run.
        self._client = httpx.AsyncClient(
            headers=headers, timeout=_ANSWER_S, limits=httpx.Limits(max_connections=400)
        )
        for number in range(int(self.length_s * self.rate_per_s)):
            due_s = number / self.rate_per_s
            await asyncio.sleep(max(0.0, began + due_s - asyncio.get_running_loop().time()))
            sent = Sent(f"nemesis-{self.seed}-{number}", began_at + timedelta(seconds=due_s))
            self.sent.append(sent)
            task = asyncio.create_task(self._send(sent, number, [next(urls), next(urls)]))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            next(urls)

    async def until_accepted(self, within_s: float) -> None:
        """Wait until every alert was accepted, or the time is up."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=within_s)
        for task in list(self._sending):
            task.cancel()
        await self._client.aclose()

    async def plant_poison(self) -> None:
        """Write bytes that are no message into each topic a stage reads, spread over the run."""
        dice = random.Random(self.seed)
        producer = AIOKafkaProducer(
            bootstrap_servers=self.arena.bootstrap, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            for number in range(3):
                for topic in CONSUMED_TOPICS:
                    name, value = topic.full_name(PREFIX), f"poison {self.seed}-{number}".encode()
                    self.poison.setdefault(name, []).append(value)
                    await producer.send_and_wait(name, value, key=dice.choice(_SYMBOLS).encode())
                await asyncio.sleep(self.length_s / 4)
        finally:
            await producer.stop()

    async def _send(self, sent: Sent, number: int, urls: list[str]) -> None:
        direction, strategy = _STYLES[(number // len(_SYMBOLS)) % len(_STYLES)]
        if number % self.order_every:
            strategy = "premium_seller"
        alert = {
            "id": sent.alert_id,
            "ticker": _SYMBOLS[number % len(_SYMBOLS)],
            "direction": direction,
            "strategy": strategy,
        }
        for url in cycle(urls):
            answer = await self._post(url, alert)
            if answer is not None:
                sent.accepted_at, sent.signal_id = SystemClock().now(), answer["signal_id"]
                return
            await asyncio.sleep(_AGAIN_S)

    async def _post(self, url: str, alert: dict[str, str]) -> dict[str, Any] | None:
        try:
            answer = await self._client.post(f"{url}/signals", json=alert)
        except httpx.HTTPError:
            return None
        if answer.status_code in _ACCEPTED:
            found: dict[str, Any] = answer.json()
            return found
        return None
