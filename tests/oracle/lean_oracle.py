"""Which contract is right at an instant of a recorded day, computed from the raw files alone.

Entry points: `best_contract`; `recorded_quote` and `recorded_spot` for what was quoted and traded. Written from the rules' words and the files' format, in plain Python: nothing of the
kernel, the services or the simulator is imported, the numbers of the strategy are written out again, and volatility is
found by bisection. What it shares with the program is the reading of the recording:
1. A bar is known at its end. An empty side of a quote stands as it was; a quote is as old as the last bar that ended.
2. The day's volume is that of the bars that ended; the spot is the close of the underlying's last minute that ended.
3. Delta is Black-Scholes without interest and dividends, from the mid and the spot. So it does not depend on the time
   left: a price fixes volatility times the root of time, and that is all that delta asks for.
"""

import math
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
#: Days within reach of the recordings on which the exchange was closed, and those on which it closed at 13:00.
HOLIDAYS = {
    date(2014, 7, 4),
    date(2014, 9, 1),
    date(2015, 12, 25),
    date(2016, 1, 1),
    date(2016, 1, 18),
    date(2016, 2, 15),
}
HALF_DAYS = {date(2014, 7, 3), date(2015, 12, 24)}

DECI_CENTS = 10_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS

#: By strategy: days to expiration, full-score band of absolute delta.
WINDOWS = {"day_trade": (0, 7, 0.35, 0.60), "swing": (7, 45, 0.30, 0.60)}
DELTA_FALL_OFF = 0.25
SCORE_MIN = 40


class Choice(NamedTuple):
    """A contract and its quality score, unrounded."""

    occ_symbol: str
    score: float


@dataclass(frozen=True)
class Contract:
    """What a file's name says. `strike_deci_cents` as written there."""

    root: str
    right: str
    strike_deci_cents: int
    expiration: date

    @property
    def occ_symbol(self) -> str:
        thousandths = self.strike_deci_cents // 10
        return f"{self.root}{self.expiration:%y%m%d}{self.right[0].upper()}{thousandths:08d}"

    @property
    def strike(self) -> Decimal:
        return Decimal(self.strike_deci_cents) / DECI_CENTS


class Quote(NamedTuple):
    known_ms: int
    bid: Decimal | None
    ask: Decimal | None


class Traded(NamedTuple):
    known_ms: int
    close: Decimal
    volume: int


@dataclass(frozen=True)
class Recording:
    """A day's files. Times in milliseconds since midnight in New York, rows ascending."""

    quotes: Mapping[Contract, list[Quote]]
    trades: Mapping[Contract, list[Traded]]
    stock: list[Traded]


@dataclass(frozen=True)
class Question:
    """What is asked: when, for which strategy, with how much money (USD)."""

    day: date
    at_ms: int
    spot: Decimal
    strategy: str
    budget: Decimal
    quote_age_ms: float


class Candidate(NamedTuple):
    """The figures a contract is scored by; percentages of mid and spot."""

    occ_symbol: str
    spread_pct: Decimal
    volume: int
    delta: float
    distance_pct: Decimal


def best_contract(
    folder: Path,
    symbol: str,
    day: date,
    at: datetime,
    *,
    direction: str,
    strategy: str,
    equity: Decimal,
    buying_power: Decimal,
    quote_age_s: float,
) -> Choice | None:
    """Return what to buy at `at` (an aware instant of `day`), or None when nothing may be bought.

    `direction` is bullish or bearish, `strategy` day_trade or swing, amounts are USD, `quote_age_s` is the greatest age
    of a quote. `folder` is laid out as LEAN's.
    """
    recording = read_recording(folder, symbol, day)
    at_ms = _ms_of(at, day)
    spot = _last(recording.stock, at_ms)
    if spot is None or not _open_ms() <= at_ms < _close_ms(day):
        return None
    budget = risk_budget(strategy, equity, buying_power)
    question = Question(day, at_ms, spot.close, strategy, budget, quote_age_s * 1000)
    right = "call" if direction == "bullish" else "put"
    candidates = [
        _candidate(contract, quotes, recording.trades.get(contract, []), question)
        for contract, quotes in recording.quotes.items()
        if contract.right == right
    ]
    scored = [(candidate, score(candidate, strategy)) for candidate in candidates if candidate]
    if not scored:
        return None
    best, total = min(scored, key=_rank)
    return Choice(best.occ_symbol, total) if total >= SCORE_MIN else None


def recorded_quote(folder: Path, underlying: str, symbol: str, at: datetime) -> Quote | None:
    """Return the quote of a contract, or of the underlying itself, at the start of the second of `at`."""
    day = at.astimezone(NEW_YORK).date()
    if symbol == underlying:
        quotes = _stock_quotes(folder, symbol, day)
    else:
        rows = read_recording(folder, underlying, day).quotes.items()
        quotes = next((found for contract, found in rows if contract.occ_symbol == symbol), [])
    return _quote_at(quotes, _ms_of(at.replace(microsecond=0), day))


def recorded_spot(folder: Path, underlying: str, at: datetime) -> Decimal:
    """Return the close of the underlying's last minute that ended by `at`."""
    day = at.astimezone(NEW_YORK).date()
    bar = _last(read_recording(folder, underlying, day).stock, _ms_of(at, day))
    assert bar is not None, f"{underlying} had not traded by {at}"
    return bar.close


def risk_budget(strategy: str, equity: Decimal, buying_power: Decimal) -> Decimal:
    """Return the dollars one trade may risk, by the table of tiers."""
    amount = max(equity, buying_power)
    if amount <= 2000:
        pct, swing = Decimal(25), Decimal(1)
    elif amount <= 5000:
        pct, swing = Decimal(12), Decimal(1)
    elif amount <= 25_000:
        pct, swing = Decimal(5), Decimal("1.25")
    else:
        pct, swing = Decimal(1), Decimal(2)
    return buying_power * pct / 100 * (swing if strategy == "swing" else 1)


def score(candidate: Candidate, strategy: str) -> float:
    """Return the quality score, 0 to 100."""
    _, _, low, high = WINDOWS[strategy]
    outside = max(low - abs(candidate.delta), abs(candidate.delta) - high, 0.0)
    return (
        40 * max(0.0, 1 - float(candidate.spread_pct) / 10)
        + 30 * (1 - math.exp(-candidate.volume / 364))
        + 20 * max(0.0, 1 - outside / DELTA_FALL_OFF)
        + 10 * max(0.0, 1 - float(candidate.distance_pct) / 5)
    )


def last_session(expiration: date) -> date:
    """Return the last day a contract trades."""
    session = expiration
    while session.weekday() >= 5 or session in HOLIDAYS:
        session -= timedelta(days=1)
    return session


def delta_of(right: str, mid: float, spot: float, strike: float) -> float | None:
    """Return the delta that explains a price, or None where no volatility does."""
    intrinsic = max(spot - strike, 0.0) if right == "call" else max(strike - spot, 0.0)
    time_value = mid - intrinsic
    if time_value <= 1e-9 or time_value >= min(spot, strike):
        return None
    low, high = 1e-9, 100.0
    for _ in range(200):
        deviation = (low + high) / 2
        low, high = (
            (deviation, high) if _time_value(spot, strike, deviation) < time_value else (low, deviation)
        )
    d1 = math.log(spot / strike) / high + high / 2
    return _normal(d1) if right == "call" else _normal(d1) - 1


def _candidate(
    contract: Contract, quotes: list[Quote], trades: list[Traded], question: Question
) -> Candidate | None:
    """Return the contract's figures if it may be bought, else None."""
    quote = _quote_at(quotes, question.at_ms)
    if quote is None or quote.bid is None or quote.ask is None or not 0 < quote.bid <= quote.ask:
        return None
    volume = sum(bar.volume for bar in trades if bar.known_ms <= question.at_ms)
    if question.at_ms - quote.known_ms > question.quote_age_ms or volume < 200:
        return None
    mid = (quote.bid + quote.ask) / 2
    # Not divided: the quotient of two decimals may be rounded to 10.
    if (quote.ask - quote.bid) * 10 >= mid or mid < Decimal("0.30") or mid * 100 > question.budget:
        return None
    delta = delta_of(contract.right, float(mid), float(question.spot), float(contract.strike))
    if delta is None or not _delta_fits(delta, question) or not _expiration_fits(contract, question):
        return None
    spread_pct = (quote.ask - quote.bid) / mid * 100
    distance_pct = abs(contract.strike - question.spot) / question.spot * 100
    return Candidate(contract.occ_symbol, spread_pct, volume, delta, distance_pct)


def _delta_fits(delta: float, question: Question) -> bool:
    _, _, low, high = WINDOWS[question.strategy]
    return low - DELTA_FALL_OFF < abs(delta) < high + DELTA_FALL_OFF


def _expiration_fits(contract: Contract, question: Question) -> bool:
    last = last_session(contract.expiration)
    fewest, most, _, _ = WINDOWS[question.strategy]
    in_its_last_hour = last == question.day and _close_ms(question.day) - question.at_ms <= HOUR_MS
    return fewest <= (last - question.day).days <= most and not in_its_last_hour


def _rank(scored: tuple[Candidate, float]) -> tuple[float, Decimal, int, Decimal, str]:
    candidate, total = scored
    return (
        -round(total, 9),
        candidate.spread_pct,
        -candidate.volume,
        candidate.distance_pct,
        candidate.occ_symbol,
    )


def _time_value(spot: float, strike: float, deviation: float) -> float:
    """Return what the option that is out of the money is worth; by parity the other one's time value is the same."""
    d1 = math.log(spot / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    if strike >= spot:
        return spot * _normal(d1) - strike * _normal(d2)
    return strike * _normal(-d2) - spot * _normal(-d1)


def _normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


def _quote_at(quotes: list[Quote], at_ms: int) -> Quote | None:
    known_ms, bid, ask = None, None, None
    for row in quotes:
        if row.known_ms <= at_ms:
            known_ms = row.known_ms
            bid = bid if row.bid is None else row.bid
            ask = ask if row.ask is None else row.ask
    return None if known_ms is None else Quote(known_ms, bid, ask)


def _last(bars: list[Traded], at_ms: int) -> Traded | None:
    known = [bar for bar in bars if bar.known_ms <= at_ms]
    return known[-1] if known else None


def _ms_of(at: datetime, day: date) -> int:
    local = at.astimezone(NEW_YORK)
    assert local.date() == day, f"{at} is not on {day} in New York"
    since = timedelta(
        hours=local.hour, minutes=local.minute, seconds=local.second, microseconds=local.microsecond
    )
    return since // timedelta(milliseconds=1)


def _open_ms() -> int:
    return 9 * HOUR_MS + 30 * MINUTE_MS


def _close_ms(day: date) -> int:
    return (13 if day in HALF_DAYS else 16) * HOUR_MS


@lru_cache(maxsize=4)
def read_recording(folder: Path, symbol: str, day: date) -> Recording:
    """Return a day's quotes and trades; the minute files where there are some, else the year's hours."""
    lower, options = symbol.lower(), folder / "option" / "usa"
    prefix, bar_ms = options / "minute" / lower / f"{day:%Y%m%d}", MINUTE_MS
    if not Path(f"{prefix}_quote_american.zip").exists():
        prefix, bar_ms = options / "hour" / f"{lower}_{day:%Y}", HOUR_MS
    quotes: dict[Contract, list[Quote]] = {}
    for name, start_ms, fields in _rows(Path(f"{prefix}_quote_american.zip"), day):
        quote = Quote(start_ms + bar_ms, _price(fields[4]), _price(fields[9]))
        quotes.setdefault(_contract(symbol, name), []).append(quote)
    trades: dict[Contract, list[Traded]] = {}
    for name, start_ms, fields in _rows(Path(f"{prefix}_trade_american.zip"), day):
        trades.setdefault(_contract(symbol, name), []).append(_traded(start_ms + bar_ms, fields))
    stock_file = folder / "equity" / "usa" / "minute" / lower / f"{day:%Y%m%d}_trade.zip"
    stock = [_traded(start_ms + MINUTE_MS, fields) for _, start_ms, fields in _rows(stock_file, day)]
    return Recording(quotes, trades, stock)


def _stock_quotes(folder: Path, symbol: str, day: date) -> list[Quote]:
    path = folder / "equity" / "usa" / "minute" / symbol.lower() / f"{day:%Y%m%d}_quote.zip"
    rows = _rows(path, day)
    return [Quote(start + MINUTE_MS, _price(fields[4]), _price(fields[9])) for _, start, fields in rows]


def _rows(path: Path, day: date) -> Iterator[tuple[str, int, list[str]]]:
    """Yield each row of the day: its file's name, its bar's start, its fields."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            for line in archive.read(name).decode().splitlines():
                fields = line.split(",")
                start_ms = _start_ms(fields[0], day)
                if start_ms is not None:
                    yield name, start_ms, fields


def _start_ms(text: str, day: date) -> int | None:
    """Read `36000000` (minute files) or `20140606 10:00` (hour files, a year in one); None for another day."""
    if " " not in text:
        return int(text)
    on, clock = text.split(" ")
    hour, minute = clock.split(":")
    return int(hour) * HOUR_MS + int(minute) * MINUTE_MS if on == f"{day:%Y%m%d}" else None


def _traded(known_ms: int, fields: list[str]) -> Traded:
    return Traded(known_ms, Decimal(fields[4]) / DECI_CENTS, int(fields[5]))


def _price(text: str) -> Decimal | None:
    return Decimal(text) / DECI_CENTS if text else None


@lru_cache(maxsize=8192)
def _contract(symbol: str, name: str) -> Contract:
    right, strike, expiration = name.removesuffix(".csv").split("_")[-3:]
    return Contract(symbol.upper(), right, int(strike), date.fromisoformat(expiration))
