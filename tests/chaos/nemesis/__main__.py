"""`make chaos`: one run from the command line. Exit code 0: no violation; 1: at least one, and the logs are kept."""

import argparse
import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

from tests.chaos.nemesis import report
from tests.chaos.nemesis.report import Asked
from tests.chaos.nemesis.run import run


def main() -> int:
    """Run as the arguments say."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.nemesis", description=__doc__)
    parser.add_argument("--minutes", type=float, default=2.0, help="how long signals are sent (2)")
    parser.add_argument("--seed", type=int, default=1, help="what the faults are drawn from (1)")
    parser.add_argument("--rate", type=float, default=8.0, help="signals a second (8)")
    parser.add_argument(
        "--order-every", type=int, default=1, help="one signal in so many can become an order (1)"
    )
    parser.add_argument(
        "--apart",
        type=float,
        help="for recovery times: only kills and restarts, each alone, so many seconds from the next",
    )
    parser.add_argument("--report", type=Path, help="where the report goes: FILE.md and FILE.json")
    parser.add_argument("--keep", action="store_true", help="keep logs and data though nothing is wrong")
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="dispatch-nemesis-"))
    folder.chmod(0o755)  # the database runs as another user where this runs as root
    asked = Asked(given.seed, given.minutes, given.rate, given.order_every, given.apart)
    done = asyncio.run(run(folder, asked, _say))
    if given.report:
        report.write(done, given.report)
    sys.stdout.write(report.markdown(done.summary()))
    if done.violations or given.keep:
        _say(f"logs and data: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if done.violations else 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
