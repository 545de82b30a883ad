"""How long the selector thinks: a chain validated and scored, parsed, kept as evidence and read back. Prints JSON.

python -m benchmarks.bench_scoring [--contracts 5000] [--rounds 200]
"""

import argparse
import json
import random
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from kernel.domain.account import Account
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.options import OptionSymbol, Right, Strategy
from kernel.runtime.params import load_params
from services.selector.adapters.chain_parsing import Listed, parse_chain
from services.selector.core.chain import Chain
from services.selector.core.decision import Gathered, Question
from services.selector.core.evidence import from_items, to_items
from services.selector.core.ranking import rank

NOW = datetime(2026, 6, 5, 15, 30, tzinfo=UTC)
PARAMS = load_params(Path(__file__).parents[1] / "config" / "trading_params.json")
SEED = 20_260_605
CONTRACTS, ROUNDS = 5000, 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(json.dumps({"scoring": bench_scoring(arguments.contracts, arguments.rounds)}))


def bench_scoring(contracts: int = CONTRACTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return times in milliseconds (median and slowest) and sizes in bytes."""
    gathered = _gathered(_chain(contracts))
    items = to_items(gathered)
    small = _snapshots(500)
    return {
        "contracts": contracts,
        "qualified": _judge(gathered).qualified,
        "validate_and_score_ms": _timed(lambda: _judge(gathered).best(), rounds),
        "parse_500_snapshots_ms": _timed(lambda: _parse(small), rounds),
        "evidence_encode_ms": _timed(lambda: to_items(gathered), rounds // 4),
        "evidence_decode_ms": _timed(lambda: from_items(items), rounds // 4),
        "evidence_bytes": _size(gathered),
        "evidence_bytes_2000_contracts": _size(_gathered(_chain(2000))),
    }


def _size(gathered: Gathered) -> int:
    return sum(len(item.body) for item in to_items(gathered))


def _judge(gathered: Gathered) -> Any:
    return rank(
        gathered.chain,
        Strategy.SWING,
        budget_usd=Decimal(2000),
        calendar=gathered.calendar,
        params=PARAMS.selector,
        now=NOW,
    )


def _timed(work: Callable[[], object], rounds: int) -> dict[str, float]:
    """Return the median and the slowest of `rounds` runs, in milliseconds."""
    work()
    spent: list[float] = []
    for _ in range(max(rounds, 1)):
        started = time.perf_counter()
        work()
        spent.append((time.perf_counter() - started) * 1000)
    spent.sort()
    return {"p50": round(spent[len(spent) // 2], 3), "max": round(spent[-1], 3)}


def gathered_of(contracts: int, seed: int = SEED) -> Gathered:
    """Return what a selector gathers of a synthetic chain; another seed gives other quotes."""
    return _gathered(_parse(_snapshots(contracts, seed)))


def _snapshots(count: int, seed: int = SEED) -> dict[str, dict[str, Any]]:
    """Return a chain as the venue sends it: several expirations, strikes around 520, quotes of the last minutes."""
    chance = random.Random(seed)
    answer: dict[str, dict[str, Any]] = {}
    for i in range(count):
        expiration = date(2026, 6, 12) + timedelta(days=7 * (i % 5))
        strike = Decimal(300) + Decimal(i // 5) / 2
        mid, half = chance.uniform(0.2, 12), chance.uniform(0.005, 0.3)
        at = NOW - timedelta(microseconds=chance.randrange(400_000_000))
        answer[str(OptionSymbol("SPY", expiration, Right.CALL, strike))] = {
            "latestQuote": {
                "t": _text(at),
                "bp": round(mid - half, 2),
                "ap": round(mid + half, 2),
                "bs": 9,
                "as": 9,
            },
            "latestTrade": {"t": _text(at), "p": round(mid, 2), "s": chance.randrange(1, 50)},
            "dailyBar": {"t": "2026-06-05T04:00:00Z", "v": chance.randrange(3000)},
            "prevDailyBar": {"t": "2026-06-04T04:00:00Z", "v": chance.randrange(3000)},
            "greeks": {
                "delta": round(chance.random(), 4),
                "gamma": 0.01,
                "theta": -0.1,
                "vega": 0.2,
                "rho": 0.1,
            },
            "impliedVolatility": 0.2,
        }
    return answer


def _text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "123Z")


def _parse(snapshots: dict[str, dict[str, Any]]) -> Chain:
    listing = dict.fromkeys(snapshots, Listed(1200, tradable=True))
    return parse_chain("SPY", Decimal(520), snapshots, listing, NOW)


def _chain(count: int) -> Chain:
    return _parse(_snapshots(count))


def _gathered(chain: Chain) -> Gathered:
    account = Account(
        account_id="PA0000000001",
        equity_usd=Decimal(100_000),
        options_buying_power_usd=Decimal(100_000),
        observed_at=NOW,
    )
    question = Question(at=NOW, right=Right.CALL, first=NOW.date(), last=NOW.date() + timedelta(days=45))
    return Gathered(question=question, chain=chain, account=account, calendar=_calendar())


def _calendar() -> TradingCalendar:
    first = date(2026, 5, 26)
    days = [first + timedelta(days=n) for n in range(80)]
    sessions = [
        Session(
            day,
            datetime(day.year, day.month, day.day, 13, 30, tzinfo=UTC),
            datetime(day.year, day.month, day.day, 20, tzinfo=UTC),
        )
        for day in days
        if day.weekday() < 5
    ]
    return TradingCalendar(sessions, covers_to=days[-1])


if __name__ == "__main__":
    main()
