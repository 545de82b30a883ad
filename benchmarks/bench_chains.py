"""How quickly the venue answers a chain of 5,000 contracts, page by page. Prints JSON.

python -m benchmarks.bench_chains [--contracts 5000] [--rounds 20]

The venue runs in a process of its own, on one core; the client in another. Between two rounds the market's clock is
moved by a second, so that every chain is computed and written anew.
"""

import argparse
import http.client
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson
import requests
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.requests import OptionChainRequest

from simulator.markets.synthetic import SyntheticMarket
from simulator.markets.synthetic.universe import INDEXES
from simulator.server import VenueThread
from simulator.settings import VenueSettings

UNDERLYING = "SPX"
CONTRACTS, ROUNDS = 5000, 20
LIMIT = 1000
_KEYS = {"APCA-API-KEY-ID": "key", "APCA-API-SECRET-KEY": "secret"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--contracts", type=int, default=CONTRACTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    print(json.dumps({"chains": bench_chains(arguments.contracts, arguments.rounds)}))


def bench_chains(contracts: int = CONTRACTS, rounds: int = ROUNDS) -> dict[str, Any]:
    """Return times in milliseconds (median and slowest) of a whole chain in pages of 1,000."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        url, last, starts_at = _boundary(ours.recv(), contracts)
        return _measure(url, last, datetime.fromisoformat(starts_at), rounds)
    finally:
        ours.send("stop")
        process.join(30)


def _boundary(told: tuple[str, str, list[tuple[str, int]]], contracts: int) -> tuple[str, str, str]:
    """Return the last expiration whose chain still has at most so many contracts."""
    url, starts_at, counts = told
    total, last = 0, counts[0][0]
    for day, count in counts:
        total += count
        if total > contracts:
            break
        last = day
    return url, last, starts_at


def _serve(pipe: Connection) -> None:
    market = SyntheticMarket(0, underlyings=INDEXES)
    columns = market.chain_columns(UNDERLYING, market.starts_at)
    days: Sequence[date] = columns.listing.expiration.tolist()
    counts = [(day.isoformat(), days.count(day)) for day in sorted(set(days))]
    with VenueThread(market, VenueSettings(speed=0)) as venue:
        pipe.send((venue.url, market.starts_at.isoformat(), counts))
        pipe.recv()


def _measure(url: str, last: str, starts_at: datetime, rounds: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    client = OptionHistoricalDataClient("key", "secret", url_override=url)
    raw = OptionHistoricalDataClient("key", "secret", raw_data=True, url_override=url)
    quick = OptionHistoricalDataClient("key", "secret", raw_data=True, url_override=url)
    quick._session.hooks["response"].append(_read_by_orjson)  # noqa: SLF001  alpaca-py offers no other way to it
    wanted = OptionChainRequest(underlying_symbol=UNDERLYING, expiration_date_lte=last)
    pages = _pages(connection, last)
    return {
        "contracts": sum(len(json.loads(page)["snapshots"]) for page in pages),
        "pages": len(pages),
        "bytes": sum(map(len, pages)),
        "chain_raw_http_ms": _timed(url, starts_at, rounds, lambda: _pages(connection, last)),
        "chain_alpaca_py_raw_data_ms": _timed(url, starts_at, rounds, lambda: raw.get_option_chain(wanted)),
        "chain_alpaca_py_raw_data_by_orjson_ms": _timed(
            url, starts_at, rounds, lambda: quick.get_option_chain(wanted)
        ),
        "chain_alpaca_py_parsed_ms": _timed(
            url, starts_at, max(rounds // 4, 1), lambda: client.get_option_chain(wanted)
        ),
    }


def _pages(connection: http.client.HTTPConnection, last: str) -> list[bytes]:
    pages: list[bytes] = []
    token = ""
    while not pages or token:
        query = {"limit": LIMIT, "expiration_date_lte": last, **({"page_token": token} if token else {})}
        connection.request(
            "GET", f"/v1beta1/options/snapshots/{UNDERLYING}?{urlencode(query)}", headers=_KEYS
        )
        body = connection.getresponse().read()
        pages.append(body)
        # The token stands at the end: a client that only counts bytes need not read the rest.
        token = json.loads(b"{" + body[body.rindex(b'"next_page_token"') :])["next_page_token"] or ""
    return pages


def _read_by_orjson(response: requests.Response, *_args: object, **_kwargs: object) -> None:
    """Let alpaca-py read JSON by orjson, as our own adapter has it."""
    response.json = partial(orjson.loads, response.content)  # type: ignore[method-assign]


def _timed(url: str, starts_at: datetime, rounds: int, work: Callable[[], object]) -> dict[str, float]:
    spent: list[float] = []
    for number in range(rounds + 1):
        at = (starts_at + timedelta(seconds=number + 1)).isoformat()
        requests.post(f"{url}/sim/clock", json={"at": at}, timeout=30).raise_for_status()
        started = time.perf_counter()
        work()
        spent.append((time.perf_counter() - started) * 1000)
    spent = sorted(spent[1:])
    return {"median": round(spent[len(spent) // 2], 1), "max": round(spent[-1], 1)}


if __name__ == "__main__":
    main()
