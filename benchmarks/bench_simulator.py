"""How fast the simulator takes orders, over HTTP with its state and its journal on disk. Prints JSON.

python -m benchmarks.bench_simulator [--orders 2000] [--clients 4]

The venue is one process with one thread that answers, so one core; the clients are threads of this process.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.bench_chains import bench_chains

ORDERS, CLIENTS = 2000, 4
_KEYS = {"APCA-API-KEY-ID": "bench", "APCA-API-SECRET-KEY": "bench", "Content-Type": "application/json"}
_DEADLINE_S = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--orders", type=int, default=ORDERS)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    arguments = parser.parse_args()
    print(json.dumps({"simulator": bench_simulator(arguments.orders, arguments.clients)}))


def bench_simulator(orders: int = ORDERS, clients: int = CLIENTS) -> dict[str, Any]:
    """Return every figure of the simulator."""
    return {"orders": bench_orders(orders, clients), "chains": bench_chains()}


def bench_orders(orders: int = ORDERS, clients: int = CLIENTS) -> dict[str, Any]:
    """Return orders accepted a second, and their answers' times in milliseconds; every order is traded too."""
    with tempfile.TemporaryDirectory() as folder, _venue(Path(folder)) as (host, cpu_s):
        symbols = _symbols(host)
        _send(host, symbols, "warm", 50)
        taken: list[float] = []
        senders = [
            threading.Thread(target=lambda n=n: taken.extend(_send(host, symbols, f"{n}", orders // clients)))
            for n in range(clients)
        ]
        began_s, cpu_began_s = time.perf_counter(), cpu_s()
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        elapsed_s, cpu_taken_s = time.perf_counter() - began_s, cpu_s() - cpu_began_s
        return _figures(sorted(taken), elapsed_s, cpu_taken_s, clients, _filled(host))


def _figures(taken: list[float], elapsed_s: float, cpu_s: float, clients: int, filled: int) -> dict[str, Any]:
    return {
        "orders": len(taken),
        "clients": clients,
        "filled": filled,
        "orders_per_s": round(len(taken) / elapsed_s, 1),
        "orders_per_cpu_s": round(len(taken) / cpu_s, 1),
        "answer_ms": {
            "median": round(taken[len(taken) // 2] * 1000, 2),
            "p99": round(taken[len(taken) * 99 // 100] * 1000, 2),
        },
    }


def _send(host: str, symbols: list[str], name: str, count: int) -> list[float]:
    """Send market buys one after the other on one connection; return how long each answer took, seconds."""
    connection, taken = http.client.HTTPConnection(host, timeout=_DEADLINE_S), []
    for number in range(count):
        order = {
            "symbol": symbols[number % len(symbols)], "qty": "1", "side": "buy", "type": "market",
            "time_in_force": "day", "client_order_id": f"{name}-{number}",
        }  # fmt: skip
        began_s = time.perf_counter()
        connection.request("POST", "/v2/orders", json.dumps(order), _KEYS)
        answer = connection.getresponse()
        text = answer.read()
        taken.append(time.perf_counter() - began_s)
        if answer.status != http.client.OK:
            sys.exit(f"an order was refused: {answer.status} {text.decode()}")
    connection.close()
    return taken


def _symbols(host: str) -> list[str]:
    rows = _get(host, "/v2/options/contracts?underlying_symbols=SPY&limit=10000&type=call")[
        "option_contracts"
    ]
    middle = len(rows) // 2
    return [row["symbol"] for row in rows[middle : middle + 8]]


def _filled(host: str) -> int:
    """Return how many of all orders traded, once none is open."""
    ends_at = time.monotonic() + _DEADLINE_S
    while _get(host, "/sim/accounts")[0]["open_orders"] and time.monotonic() < ends_at:
        time.sleep(0.05)
    return len(_get(host, "/sim/journal?kind=fill&limit=200000"))


def _get(host: str, path: str) -> Any:
    connection = http.client.HTTPConnection(host, timeout=_DEADLINE_S)
    connection.request("GET", path, headers=_KEYS)
    return json.loads(connection.getresponse().read())


@contextmanager
def _venue(folder: Path) -> Iterator[tuple[str, Any]]:
    """Run a venue; yield its host and port, and a reading of the CPU seconds it has taken (Linux)."""
    ready = folder / "ready.json"
    files = {"state": folder / "state.sqlite", "journal": folder / "journal.jsonl", "ready-file": ready}
    options = [text for name, path in files.items() for text in (f"--{name}", str(path))]
    command = [sys.executable, "-m", "simulator", "--equity", "1000000000", "--seed", "1", *options]
    process = subprocess.Popen(command)
    try:
        ends_at = time.monotonic() + _DEADLINE_S
        while not ready.exists() and process.poll() is None and time.monotonic() < ends_at:
            time.sleep(0.05)
        where = json.loads(ready.read_text())
        yield f"{where['host']}:{where['port']}", lambda: _cpu_s(process.pid)
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
