"""A market by its name on the command line."""

from datetime import date
from pathlib import Path

from kernel.domain.errors import ConfigError
from simulator.markets.days import Days
from simulator.markets.market import Market
from simulator.markets.recorded import RecordedMarket, recordings
from simulator.markets.recorded.files import Progress, unheard
from simulator.markets.synthetic import SyntheticMarket

_SYNTHETIC = "synthetic"
_LEAN = "lean:"


def open_market(
    spec: str, *, seed: int, symbol: str | None, day: date | Days | None, progress: Progress = unheard
) -> Market:
    """Return the market that `spec` names: `synthetic`, or `lean:FOLDER`, which needs `symbol` and `day`.

    `seed` and a `day` of choice (of several, the first) are the synthetic market's; it lists its own underlyings whatever
    `symbol` says. A recorded market takes several symbols, parted by commas, and days in a row: those of them that were
    recorded. Raises ConfigError whose text names the remedy.
    """
    days = Days(day, day) if isinstance(day, date) else day
    if spec == _SYNTHETIC:
        return SyntheticMarket(seed, days.first if days else None)
    if not spec.startswith(_LEAN):
        msg = f"no market is called {spec!r}; use 'synthetic' or 'lean:FOLDER'"
        raise ConfigError(msg)
    folder = Path(spec.removeprefix(_LEAN)).expanduser()
    if symbol is None or days is None:
        msg = f"a recorded market needs a symbol and a day; {folder} has {_choices(folder)}"
        raise ConfigError(msg)
    symbols = [name.strip().upper() for name in symbol.split(",")]
    return RecordedMarket(folder, symbols, days.first, days.last, progress=progress)


def _choices(folder: Path) -> str:
    found = [f"{symbol} {day}" for symbol, days in recordings(folder).items() for day in days]
    return ", ".join(sorted(found)) or "none"
