"""What lies between a process and what it asks: time, and everything that goes wrong on the way.

1. A request is carried out by the server at an instant of its own, or never; whether the asker lives to hear of it, or
   hears of it at all, is another matter. So an error on the way tells nothing of what was done.
2. How often what goes wrong is drawn from the seed, link by link, before the first request.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.simulation.loop import OUTSIDE, SimulatedLoop


class Lost(Exception):
    """No answer came. Whether the request did is unknown."""


@dataclass(slots=True)
class Weather:
    """Chances of a request to be lost on its way there or back; `delay_s` is the longest way one way, on a fair day.

    `late` is the chance that a request or an answer takes up to `late_s` instead; `down` that nobody is there at all.
    """

    lost_there: float = 0.0
    lost_back: float = 0.0
    late: float = 0.0
    late_s: float = 8.0
    delay_s: float = 0.01
    down: bool = False

    def clear(self) -> None:
        """From now on nothing goes wrong any more."""
        self.lost_there = self.lost_back = self.late = 0.0
        self.down = False


class Link:
    """The ways to one server. `give_up_s` is how long an asker waits for an answer."""

    def __init__(
        self, loop: SimulatedLoop, rng: random.Random, weather: Weather, give_up_s: float, name: str
    ) -> None:
        self.weather = weather
        #: Requests that will reach the server yet, whether or not their askers still wait.
        self.on_the_way = 0
        self._loop = loop
        self._rng = rng
        self._give_up_s = give_up_s
        self._name = name

    async def ask(self, work: Callable[[], Any]) -> Any:
        """Let the server do `work` and return what it returned or raised; raises Lost.

        A future is awaited by the server: the answer comes when it is done.
        """
        loop = self._loop
        if loop.over:
            raise Lost("it is over")
        answer: asyncio.Future[Any] = loop.create_future()
        gives_up_at_s = loop.time() + self._give_up_s
        if self.is_lost_there():
            loop.at(self.silence_s(), _fail, answer, f"{self._name} was not reached")
            return await answer
        way_s = self.way_s()
        if way_s > self._give_up_s:
            loop.at(self._give_up_s, _fail, answer, f"{self._name} did not answer in time")
        self.on_the_way += 1
        loop.at(way_s, self._serve, work, answer, gives_up_at_s)
        return await answer

    def _serve(self, work: Callable[[], Any], answer: "asyncio.Future[Any]", gives_up_at_s: float) -> None:
        self.on_the_way -= 1
        if self.weather.down:
            self._loop.at(self.silence_s(), _fail, answer, f"{self._name} went down")
            return
        try:
            result = work()
        except Exception as e:  # noqa: BLE001 - the server's no is an answer like any other
            self._reply(gives_up_at_s, answer, _raise, e)
            return
        if isinstance(result, asyncio.Future):
            result.add_done_callback(lambda done: self._pass_on(done, answer), context=OUTSIDE)
        else:
            self._reply(gives_up_at_s, answer, _give, result)

    def _pass_on(self, done: "asyncio.Future[Any]", answer: "asyncio.Future[Any]") -> None:
        until_s = self._loop.time() + self._give_up_s
        if done.cancelled():
            self._reply(until_s, answer, _fail, f"{self._name} hung up")
        elif (error := done.exception()) is not None:
            self._reply(until_s, answer, _raise, error)
        else:
            self._reply(until_s, answer, _give, done.result())

    def _reply(
        self, gives_up_at_s: float, answer: "asyncio.Future[Any]", how: Callable[..., None], what: object
    ) -> None:
        loop = self._loop
        if self.is_lost_back():
            loop.at(self.silence_s(), _fail, answer, f"{self._name} did not answer")
            return
        way_s = self.way_s()
        if loop.time() + way_s > gives_up_at_s:
            loop.at(gives_up_at_s - loop.time(), _fail, answer, f"{self._name} did not answer in time")
        else:
            loop.at(way_s, how, answer, what)

    def is_lost_there(self) -> bool:
        """Draw whether the next request gets lost."""
        return self.weather.down or self._rng.random() < self.weather.lost_there

    def is_lost_back(self) -> bool:
        """Draw whether the next answer gets lost."""
        return self._rng.random() < self.weather.lost_back

    def way_s(self) -> float:
        """Return how long one way takes now."""
        rng = self._rng
        if self.weather.late and rng.random() < self.weather.late:
            return rng.random() * self.weather.late_s
        return 1e-6 + rng.random() * self.weather.delay_s

    def silence_s(self) -> float:
        """Return when an asker learns that there is no answer.

        A connection that is reset says so at once; one that is cut says nothing until the asker gives up.
        """
        return self._give_up_s if self._rng.random() < 0.5 else self.way_s()


def _give(answer: "asyncio.Future[Any]", result: object) -> None:
    if not answer.done():
        answer.set_result(result)


def _raise(answer: "asyncio.Future[Any]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)


def _fail(answer: "asyncio.Future[Any]", reason: str) -> None:
    if not answer.done():
        answer.set_exception(Lost(reason))
