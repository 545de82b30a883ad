"""What a decision saw, written so that it can be decided again.

Entry points: `to_items`, `from_items`.
1. `from_items(to_items(g))` is g, column for column and digit for digit.
2. A chain travels as columns, in JSON that zlib has packed: like figures side by side pack to about a third of what
   rows would take, and the receiver turns each list into an array in one go.
3. What an OCC symbol says (right, strike, expiration) is not written twice; it is read from the symbol again.
4. What was asked for is kept with the answers: who decides again can tell an answer from one that was never given.
"""

import zlib
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from kernel.contracts.messages import EvidenceItem
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.clock import microseconds, moment
from kernel.domain.options import Right
from services.selector.core.account import Account
from services.selector.core.chain import NO_DAY, Chain, Days, Ints, occ_columns
from services.selector.core.decision import Gathered, Question

COLUMNS_ENCODING = "columns+json+zlib"
JSON_ENCODING = "json+zlib"
_QUESTION, _CHAIN, _ACCOUNT, _CALENDAR = "question", "chain", "account", "calendar"
#: Level 6 packs 2,000 contracts a tenth tighter than level 1 and takes three times as long, on the way of a signal.
_LEVEL = 1
_NO_DAY_NUMBER = -1

_DATES = ("day_bar_date", "previous_bar_date", "trade_date")
_FIGURES: dict[str, type[np.generic]] = {
    "bid": np.int64,
    "ask": np.int64,
    "quoted_at_us": np.int64,
    "day_bar_volume": np.int64,
    "previous_bar_volume": np.int64,
    "trade_size": np.int64,
    "delta": np.float64,
    "open_interest": np.int64,
    "tradable": np.bool_,
    "unreadable": np.bool_,
}


def to_items(gathered: Gathered) -> tuple[EvidenceItem, ...]:
    """Return the evidence of `gathered`: the question, the chain, the account, the calendar."""
    question, chain, account = gathered.question, gathered.chain, gathered.account
    return (
        _item(_QUESTION, question.at, JSON_ENCODING, _question_document(question)),
        _item(_CHAIN, chain.observed_at, COLUMNS_ENCODING, _chain_document(chain)),
        _item(_ACCOUNT, account.observed_at, JSON_ENCODING, _account_document(account)),
        _item(_CALENDAR, chain.observed_at, JSON_ENCODING, _calendar_document(gathered.calendar)),
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


def _item(name: str, observed_at: datetime, encoding: str, document: dict[str, Any]) -> EvidenceItem:
    body = zlib.compress(orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY), _LEVEL)
    return EvidenceItem(name=name, observed_at=observed_at, encoding=encoding, body=body)


def _open(item: EvidenceItem) -> dict[str, Any]:
    document: dict[str, Any] = orjson.loads(zlib.decompress(item.body))
    return document


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


def _chain_document(chain: Chain) -> dict[str, Any]:
    return {
        "underlying": chain.underlying,
        "spot": None if chain.spot is None else str(chain.spot),
        "skipped": chain.skipped,
        "symbols": chain.symbols,
        **{name: np.ascontiguousarray(getattr(chain, name)) for name in _FIGURES},
        **{name: _day_numbers(getattr(chain, name)) for name in _DATES},
    }


def _read_chain(item: EvidenceItem) -> Chain:
    document = _open(item)
    symbols = tuple(document["symbols"])
    occ = occ_columns(symbols)
    columns: dict[str, Any] = {name: np.array(document[name], kind) for name, kind in _FIGURES.items()}
    columns |= {name: _days(document[name]) for name in _DATES}
    return Chain(
        underlying=document["underlying"],
        spot=None if document["spot"] is None else Decimal(document["spot"]),
        observed_at=item.observed_at,
        symbols=symbols,
        is_call=occ.is_call,
        strike=occ.strike,
        expiration=occ.expiration,
        skipped=document["skipped"],
        **columns,
    )


def _day_numbers(days: Days) -> Ints:
    return np.where(np.isnat(days), _NO_DAY_NUMBER, days.astype(np.int64))


def _days(numbers: list[int]) -> Days:
    days = np.array(numbers, np.int64)
    return np.where(days == _NO_DAY_NUMBER, NO_DAY, days.astype("datetime64[D]"))


def _account_document(account: Account) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "equity_usd": str(account.equity_usd),
        "options_buying_power_usd": str(account.options_buying_power_usd),
        "blocked": account.blocked,
    }


def _read_account(item: EvidenceItem) -> Account:
    document = _open(item)
    return Account(
        account_id=document["account_id"],
        equity_usd=Decimal(document["equity_usd"]),
        options_buying_power_usd=Decimal(document["options_buying_power_usd"]),
        blocked=document["blocked"],
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
    document = _open(item)
    covers_to = document["covers_to"]
    return TradingCalendar(
        [
            Session(date.fromisoformat(day), moment(opens_us), moment(closes_us))
            for day, opens_us, closes_us in document["sessions"]
        ],
        covers_to=None if covers_to is None else date.fromisoformat(covers_to),
    )
