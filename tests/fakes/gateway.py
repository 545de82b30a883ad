"""Alpaca's clients without a network: each call is kept in `asked` and answered with what the test put there."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from kernel.testing.clock import FixedClock


class FakeGateway:
    """Stands for AlpacaGateway. `answers[name]` answers the client method `name`: a value, an exception to raise, or
    a list that answers one call after the other. Answers go through JSON's types alone, as the raw clients' do.
    """

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.clock = FixedClock()
        self.trading = self.options = self.stocks = _Client(self)

    async def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    def answer(self, name: str, *requests: Any) -> Any:
        self.asked.append((name, requests[0].to_request_fields() if requests else {}))
        answer = self.answers[name]
        if isinstance(answer, list) and name.endswith("_contracts"):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def requests(self, name: str) -> list[dict[str, Any]]:
        """Return the fields each call of `name` sent."""
        return [fields for asked, fields in self.asked if asked == name]


class _Client(SimpleNamespace):
    def __init__(self, gateway: FakeGateway) -> None:
        super().__init__(gateway=gateway)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return lambda *requests: self.gateway.answer(name, *requests)
