"""What a signal was decided on, written so that it can be decided again. A signal is its own input.

Entry points: `evidence_of_alert`, `alert_in`; `evidence_of_setup`, `scan_in`.
1. What is read back is what was written: an alert's bytes as they came, bars digit for digit.
2. Evidence follows from the signal and from what was seen, so writing it twice writes the same bytes.
3. Bars travel as columns, in JSON that zlib has packed: a session's minutes are a few KB.
4. How long an average the daily bars were asked for is kept with them: who decides again can tell a short history from
   one that was not asked for.
"""

import json
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from kernel.contracts.messages import Evidence, EvidenceItem, Signal
from kernel.domain.calendar import Session
from kernel.domain.clock import microseconds, moment
from kernel.domain.ids import derive_id
from services.signals.core.bars import DailyBar, MinuteBar, Prices
from services.signals.core.setups import MarketView

_STEP = "evidence"
_ALERT, _SESSION, _MINUTES, _DAYS = "alert", "session", "minute_bars", "daily_bars"
_JSON, _COLUMNS = "json", "columns+json+zlib"
_PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One underlying's part of a scan: when the scanner looked for a session, what it saw, and for which average.

    `sessions_needed`: sessions the slowest average is made of.
    """

    looked_at: datetime
    view: MarketView
    sessions_needed: int


def evidence_of_alert(signal: Signal, body: bytes) -> Evidence:
    """Return the evidence of an alert's signal: the request's body, which holds no token."""
    item = EvidenceItem(name=_ALERT, observed_at=signal.meta.occurred_at, encoding=_JSON, body=body)
    return _evidence(signal, (item,))


def alert_in(evidence: Evidence) -> bytes | None:
    """Return an alert's body, or None where the signal is not an alert's."""
    return next((item.body for item in evidence.items if item.name == _ALERT), None)


def evidence_of_setup(signal: Signal, scan: Scan) -> Evidence:
    """Return the evidence of a scanner's signal."""
    view, seen_at = scan.view, signal.meta.occurred_at
    minutes = {"starts_at": [microseconds(bar.starts_at) for bar in view.minute_bars]}
    days = {"day": [bar.day.isoformat() for bar in view.daily_bars], "sessions_needed": scan.sessions_needed}
    return _evidence(
        signal,
        (
            EvidenceItem(
                name=_SESSION,
                observed_at=scan.looked_at,
                encoding=_JSON,
                body=_json({"underlying": view.underlying, **_session_words(view.session)}),
            ),
            _packed(_MINUTES, seen_at, minutes | _columns(view.minute_bars)),
            _packed(_DAYS, seen_at, days | _columns(view.daily_bars)),
        ),
    )


def scan_in(evidence: Evidence) -> Scan:
    """Return what the scanner saw; raises KeyError, TypeError, ValueError, ArithmeticError or zlib.error if it cannot."""
    found = {item.name: item for item in evidence.items}
    session = json.loads(found[_SESSION].body)
    minutes, days = (json.loads(zlib.decompress(found[name].body)) for name in (_MINUTES, _DAYS))
    return Scan(
        looked_at=found[_SESSION].observed_at,
        view=MarketView(
            underlying=session["underlying"],
            session=Session(
                day=date.fromisoformat(session["day"]),
                opens_at=datetime.fromisoformat(session["opens_at"]),
                closes_at=datetime.fromisoformat(session["closes_at"]),
            ),
            minute_bars=tuple(
                MinuteBar(starts_at=moment(at_us), **prices)
                for at_us, prices in zip(minutes["starts_at"], _rows(minutes), strict=True)
            ),
            daily_bars=tuple(
                DailyBar(day=date.fromisoformat(day), **prices)
                for day, prices in zip(days["day"], _rows(days), strict=True)
            ),
        ),
        sessions_needed=days["sessions_needed"],
    )


def _evidence(signal: Signal, items: tuple[EvidenceItem, ...]) -> Evidence:
    signature = {"id": derive_id(signal.meta.id, _STEP), "causation_id": signal.meta.id}
    return Evidence(
        meta=signal.meta.model_copy(update=signature),
        input_id=signal.meta.id,
        decided_at=signal.meta.occurred_at,
        items=items,
    )


def _session_words(session: Session) -> dict[str, str]:
    return {name: value.isoformat() for name, value in asdict(session).items()}


def _columns(bars: Sequence[Prices]) -> dict[str, list[Any]]:
    prices = {name: [str(getattr(bar, name)) for bar in bars] for name in _PRICES}
    return prices | {"volume": [bar.volume for bar in bars]}


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [
        {**dict(zip(_PRICES, map(Decimal, prices), strict=True)), "volume": volume}
        for *prices, volume in zip(*(columns[name] for name in (*_PRICES, "volume")), strict=True)
    ]


def _packed(name: str, observed_at: datetime, document: object) -> EvidenceItem:
    body = zlib.compress(_json(document))
    return EvidenceItem(name=name, observed_at=observed_at, encoding=_COLUMNS, body=body)


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
