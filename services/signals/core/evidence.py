"""What the scanner saw, written so that the same setup can be found again.

Invariant: `read_view(evidence_of(…, view, …).items)` detects exactly what `view` detects.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.contracts.base import Meta
from kernel.contracts.messages import Evidence, EvidenceItem
from kernel.domain.calendar import Session
from services.signals.core.bars import DailyBar, MinuteBar, Prices
from services.signals.core.setups import MarketView

_ENCODING = "json"


def evidence_of(meta: Meta, signal_id: str, view: MarketView, now: datetime) -> Evidence:
    """Return the evidence of a signal found in `view` at `now`; a scanner's signal is its own input."""
    items = (
        _item("session", now, _session_words(view)),
        _item("minute_bars", now, [_words(bar.starts_at, bar) for bar in view.minute_bars]),
        _item("daily_bars", now, [_words(bar.day, bar) for bar in view.daily_bars]),
    )
    return Evidence(meta=meta, input_id=signal_id, decided_at=now, items=items)


def read_view(items: Iterable[EvidenceItem]) -> MarketView:
    """Return the view that was written into `items`."""
    by_name: dict[str, Any] = {item.name: json.loads(item.body) for item in items}
    session = by_name["session"]
    return MarketView(
        underlying=session["underlying"],
        session=Session(
            day=date.fromisoformat(session["day"]),
            opens_at=datetime.fromisoformat(session["opens_at"]),
            closes_at=datetime.fromisoformat(session["closes_at"]),
        ),
        minute_bars=tuple(
            MinuteBar(starts_at=datetime.fromisoformat(row[0]), **_prices(row))
            for row in by_name["minute_bars"]
        ),
        daily_bars=tuple(
            DailyBar(day=date.fromisoformat(row[0]), **_prices(row)) for row in by_name["daily_bars"]
        ),
    )


def _session_words(view: MarketView) -> dict[str, str]:
    session = {name: value.isoformat() for name, value in asdict(view.session).items()}
    return {"underlying": view.underlying, **session}


def _words(at: date, bar: Prices) -> list[str | int]:
    return [at.isoformat(), str(bar.open), str(bar.high), str(bar.low), str(bar.close), bar.volume]


def _prices(row: Sequence[Any]) -> dict[str, Any]:
    names = ("open", "high", "low", "close")
    prices = {name: Decimal(text) for name, text in zip(names, row[1:5], strict=True)}
    return {**prices, "volume": row[5]}


def _item(name: str, observed_at: datetime, document: object) -> EvidenceItem:
    body = json.dumps(document, separators=(",", ":")).encode()
    return EvidenceItem(name=name, observed_at=observed_at, encoding=_ENCODING, body=body)
