"""The sizer's ports in memory. Each keeps what it was asked, in order, in `asked` (share one list to see the order)."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from kernel.domain.account import AccountReading, parse_account
from kernel.domain.clock import Clock
from kernel.stream.stage import Emissions
from services.sizer.core.facts import Reservation

ACCOUNT_ID = "PA0000000001"


def account_answer(
    buying_power: str = "100000", equity: str | None = None, **fields: object
) -> dict[str, object]:
    """The part of Alpaca's account answer that matters here, as it comes over the wire."""
    return {
        "account_number": ACCOUNT_ID,
        "status": "ACTIVE",
        "equity": equity or buying_power,
        "options_buying_power": buying_power,
        "trading_blocked": False,
        "account_blocked": False,
        "trade_suspended_by_user": False,
    } | fields


class FakeAccountSource:
    """Answers with `answer`; `fails_with` is raised once; `while_answering` runs after the answer was made up."""

    def __init__(
        self, clock: Clock, answer: dict[str, Any] | None = None, asked: list[str] | None = None
    ) -> None:
        self.clock = clock
        self.answer = answer or account_answer()
        self.asked: list[str] = [] if asked is None else asked
        self.fails_with: Exception | None = None
        self.while_answering: Callable[[], None] = lambda: None

    @property
    def account_id(self) -> str:
        return ACCOUNT_ID

    async def read(self) -> AccountReading:
        self.asked.append("account")
        if self.fails_with is not None:
            error, self.fails_with = self.fails_with, None
            raise error
        body = json.dumps(self.answer).encode()
        self.while_answering()
        return AccountReading(parse_account(json.loads(body), self.clock.now()), body)


class FakeBudget:
    """Keeps reservations and answers in dicts; what a failed block wrote is gone, as after a rollback."""

    def __init__(self, asked: list[str] | None = None) -> None:
        self.asked: list[str] = [] if asked is None else asked
        self.reservations: dict[str, Reservation] = {}
        self.answers: dict[str, Emissions] = {}
        self.fails_on_commit: Exception | None = None
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def locked(self, account_id: str) -> AsyncIterator["_LockedFakeBudget"]:
        async with self._lock:
            self.asked.append(f"lock {account_id}")
            block = _LockedFakeBudget(self, account_id)
            yield block
            self.reservations |= block.new_reservations
            self.answers |= block.new_answers
            self.asked.append("commit")
            if self.fails_on_commit is not None:
                error, self.fails_on_commit = self.fails_on_commit, None
                raise error


class _LockedFakeBudget:
    def __init__(self, budget: FakeBudget, account_id: str) -> None:
        self._budget = budget
        self._account_id = account_id
        self.new_reservations: dict[str, Reservation] = {}
        self.new_answers: dict[str, Emissions] = {}

    async def recall(self, selection_id: str) -> Emissions | None:
        self._budget.asked.append("recall")
        return self._budget.answers.get(selection_id)

    async def in_flight(self, now: datetime) -> Sequence[Reservation]:
        self._budget.asked.append("in_flight")
        return [r for r in self._budget.reservations.values() if r.account_id == self._account_id]

    async def reserve(self, reservation: Reservation) -> None:
        self._budget.asked.append("reserve")
        assert reservation.ticket_id not in self._budget.reservations, "a second ticket of one id"
        self.new_reservations[reservation.ticket_id] = reservation

    async def record(self, selection_id: str, emissions: Emissions) -> None:
        self._budget.asked.append("record")
        self.new_answers[selection_id] = emissions
