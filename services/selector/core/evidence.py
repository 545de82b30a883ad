"""What a decision saw, written so that it can be decided again.

Entry points: `to_items`, `from_items`.
1. `from_items(to_items(g))` is g, column for column and digit for digit.
2. A chain travels as binary columns that zlib has packed (`packing`); everything else is JSON that zlib has packed.
3. What an OCC symbol says (right, strike, expiration) is not written twice; it is read from the symbol again.
4. What was asked for is kept with the answers: who decides again can tell an answer from one that was never given.
"""

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import numpy as np
import orjson

from kernel.contracts.messages import EvidenceItem
from kernel.domain.account import Account
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds, moment
from kernel.domain.options import Right
from services.selector.core.chain import NO_DAY, Chain, Days, Ints, occ_columns
from services.selector.core.decision import Gathered, Question
from services.selector.core.packing import Kind, pack, unpack

COLUMNS_ENCODING = "columns+binary+zlib"
JSON_ENCODING = "json+zlib"
_QUESTION, _CHAIN, _ACCOUNT, _CALENDAR = "question", "chain", "account", "calendar"
#: Level 6 packs 2,000 contracts a twentieth tighter than level 1 and takes twice as long, on the way of a signal.
_LEVEL = 1
_NO_DAY_NUMBER = -1

_DATES = ("day_bar_date", "previous_bar_date", "trade_date")
_FIGURES: dict[str, Kind] = {
    "bid": "whole",
    "ask": "whole",
    "quoted_at_us": "whole",
    "day_bar_volume": "whole",
    "previous_bar_volume": "whole",
    "trade_size": "whole",
    "delta": "real",
    "open_interest": "whole",
    "tradable": "flag",
    "unreadable": "flag",
}


def to_items(gathered: Gathered) -> tuple[EvidenceItem, ...]:
    """Return the evidence of `gathered`: the question, the chain, the account, the calendar."""
    question, chain, account = gathered.question, gathered.chain, gathered.account
    return (
        _item(_QUESTION, question.at, _question_document(question)),
        _chain_item(chain),
        _item(_ACCOUNT, account.observed_at, _account_document(account)),
        _item(_CALENDAR, chain.observed_at, _calendar_document(gathered.calendar)),
    )


def from_items(items: Sequence[EvidenceItem]) -> Gathered | None:
    """Return what was gathered, or None when the decision was taken without asking the outside."""
    if not items:
        return None
    found = {item.name: item for item in items}
    return Gathered(
        question=_read_question(found[_QUESTION]),
        chain=_read_chain(found[_CHAIN]),
        account=_read_account(found[_ACCOUNT]),
        calendar=_read_calendar(found[_CALENDAR]),
    )


def _item(name: str, observed_at: datetime, document: dict[str, Any]) -> EvidenceItem:
    return _packed(name, observed_at, JSON_ENCODING, orjson.dumps(document))


def _packed(name: str, observed_at: datetime, encoding: str, plain: bytes) -> EvidenceItem:
    return EvidenceItem(
        name=name, observed_at=observed_at, encoding=encoding, body=zlib.compress(plain, _LEVEL)
    )


def _open(item: EvidenceItem) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(_unpacked(item, JSON_ENCODING))
    return document


def _unpacked(item: EvidenceItem, encoding: str) -> bytes:
    if item.encoding != encoding:
        raise ValueError(f"the {item.name} is written as {item.encoding}, which this revision cannot read")
    return zlib.decompress(item.body)


def _question_document(question: Question) -> dict[str, Any]:
    return {"right": question.right, "first": question.first, "last": question.last}


def _read_question(item: EvidenceItem) -> Question:
    document = _open(item)
    return Question(
        at=item.observed_at,
        right=Right(document["right"]),
        first=date.fromisoformat(document["first"]),
        last=date.fromisoformat(document["last"]),
    )


def _chain_item(chain: Chain) -> EvidenceItem:
    head = {
        "underlying": chain.underlying,
        "spot": None if chain.spot is None else str(chain.spot),
        "skipped": chain.skipped,
    }
    columns = {name: (kind, getattr(chain, name)) for name, kind in _FIGURES.items()}
    columns |= {name: ("whole", _day_numbers(getattr(chain, name))) for name in _DATES}
    return _packed(_CHAIN, chain.observed_at, COLUMNS_ENCODING, pack(head, chain.symbols, columns))


def _read_chain(item: EvidenceItem) -> Chain:
    head, symbols, columns = unpack(_unpacked(item, COLUMNS_ENCODING))
    occ = occ_columns(symbols)
    columns |= {name: _days(columns[name]) for name in _DATES}
    return Chain(
        underlying=head["underlying"],
        spot=None if head["spot"] is None else Decimal(head["spot"]),
        observed_at=item.observed_at,
        symbols=symbols,
        is_call=occ.is_call,
        strike=occ.strike,
        expiration=occ.expiration,
        skipped=head["skipped"],
        **columns,
    )


def _day_numbers(days: Days) -> Ints:
    return np.where(np.isnat(days), _NO_DAY_NUMBER, days.astype(np.int64))


def _days(numbers: Ints) -> Days:
    return np.where(numbers == _NO_DAY_NUMBER, NO_DAY, numbers.astype("datetime64[D]"))


def _account_document(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "equity_usd": str(account.equity_usd),
        "options_buying_power_usd": str(account.options_buying_power_usd),
        "blocked": ", ".join(account.blocked_by) or None,
    }


def _read_account(item: EvidenceItem) -> Account:
    document = _open(item)
    blocked: str | None = document["blocked"]
    return Account(
        account_id=document["account_id"],
        equity_usd=Decimal(document["equity_usd"]),
        options_buying_power_usd=Decimal(document["options_buying_power_usd"]),
        blocked_by=tuple(blocked.split(", ")) if blocked else (),
        observed_at=item.observed_at,
    )


def _calendar_document(calendar: TradingCalendar) -> dict[str, Any]:
    return {
        "covers_to": None if calendar.covers_to is None else calendar.covers_to.isoformat(),
        "sessions": [
            [s.day.isoformat(), microseconds(s.opens_at), microseconds(s.closes_at)]
            for s in calendar.sessions
        ],
    }


def _read_calendar(item: EvidenceItem) -> TradingCalendar:
    return _calendar(_unpacked(item, JSON_ENCODING))


@lru_cache(maxsize=64)
def _calendar(plain: bytes) -> TradingCalendar:
    """All decisions of a day saw the same sessions: who reads many of them reads the sessions once."""
    document = orjson.loads(plain)
    covers_to = document["covers_to"]
    return TradingCalendar(
        [
            Session(date.fromisoformat(day), moment(opens_us), moment(closes_us))
            for day, opens_us, closes_us in document["sessions"]
        ],
        covers_to=None if covers_to is None else date.fromisoformat(covers_to),
    )
