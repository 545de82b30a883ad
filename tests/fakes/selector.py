"""The selector's ports in memory. Each keeps what it was asked, in order, in `asked` (share one list to see the order)."""

from datetime import date
from typing import Any

from kernel.domain.account import Account
from kernel.domain.calendar import TradingCalendar
from kernel.domain.options import Right
from kernel.stream.stage import Emissions
from services.selector.core.chain import Chain
from tests.fakes.chains import a_calendar, a_chain, an_account_at_the_venue


class FakeOptionChains:
    """Answers with `answer`; `fails_with` is raised once; `while_answering` runs before the answer is given."""

    def __init__(self, answer: Chain | None = None, asked: list[Any] | None = None) -> None:
        self.answer = a_chain() if answer is None else answer
        self.asked: list[Any] = [] if asked is None else asked
        self.fails_with: Exception | None = None
        self.while_answering = lambda: None

    async def chain(self, underlying: str, right: Right, first: date, last: date) -> Chain:
        self.asked.append(("chain", underlying, right, first, last))
        if self.fails_with is not None:
            error, self.fails_with = self.fails_with, None
            raise error
        self.while_answering()
        return self.answer


class FakeAccounts:
    """Answers with `answer`."""

    def __init__(self, answer: Account | None = None, asked: list[Any] | None = None) -> None:
        self.answer = answer or an_account_at_the_venue()
        self.asked: list[Any] = [] if asked is None else asked

    async def account(self) -> Account:
        self.asked.append(("account",))
        return self.answer


class FakeCalendars:
    """Answers with `answer`."""

    def __init__(self, answer: TradingCalendar | None = None, asked: list[Any] | None = None) -> None:
        self.answer = answer or a_calendar()
        self.asked: list[Any] = [] if asked is None else asked

    async def around(self, day: date) -> TradingCalendar:
        self.asked.append(("calendar", day))
        return self.answer


class FakeDecisions:
    """Keeps answers by signal; `fails_with` is raised once, by the next `record`."""

    def __init__(self, asked: list[Any] | None = None) -> None:
        self.recorded: dict[str, Emissions] = {}
        self.asked: list[Any] = [] if asked is None else asked
        self.fails_with: Exception | None = None

    async def recall(self, signal_id: str) -> Emissions | None:
        self.asked.append(("recall", signal_id))
        return self.recorded.get(signal_id)

    async def record(self, signal_id: str, emissions: Emissions) -> Emissions:
        self.asked.append(("record", signal_id))
        if self.fails_with is not None:
            error, self.fails_with = self.fails_with, None
            raise error
        return self.recorded.setdefault(signal_id, emissions)
