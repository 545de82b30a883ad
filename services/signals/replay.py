"""The signals stage on recorded evidence: the live desk and the live scanner, their ports answering from it.

A signal is where a story begins, so it is its own input: what is compared with the signal decided again is the signal.
1. An alert's signal is decided again from the alert as it was sent, a scanner's from the bars as they were seen.
2. An operator's signal is a person's wish, decided by nobody here: it has no evidence and no answer.
3. Only signals that were given can be decided again. A scan that found nothing left no evidence, so what other
   parameters would have found in it is not known.
4. An average over more sessions than were asked for then is NotRecorded. One over fewer begins earlier than it would
   have live, and so differs in its last digits.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from kernel.contracts.base import Message
from kernel.contracts.messages import Evidence, Signal, SignalSource
from kernel.contracts.origin import Origin
from kernel.contracts.topics import SIGNALS
from kernel.domain.calendar import Session, TradingCalendar
from kernel.domain.params import SignalsParams, TradingParams
from kernel.stream.replaying import NotRecorded
from kernel.stream.stage import Emission, Emissions
from services.signals.core.alerts import Alert, read_alert
from services.signals.core.bars import DailyBar, MinuteBar
from services.signals.core.evidence import Scan, alert_in, scan_in
from services.signals.core.trend_pullback import sessions_needed
from services.signals.ports import KeptAlert
from services.signals.stage import AlertDesk, Scanner

NAME = "signals"


class SignalsReplay:
    """Decides signals again; see kernel.stream.replaying.Replay."""

    consumes = SIGNALS
    answers = (SIGNALS,)

    def __init__(self, params: TradingParams, revision: str) -> None:
        self._params = params.signals
        self._origin = Origin(NAME, revision, params.config_hash)

    async def decide(self, message: Signal, evidence: Evidence | None) -> Emissions:
        """Return the signal as it is decided now, or nothing if it is not given any more; raises NotRecorded."""
        if not self.decided(message):
            return []
        if evidence is None:
            raise NotRecorded(f"no evidence of signal {message.meta.id}")
        body = alert_in(evidence)
        if body is not None:
            return await self._accepted(body, evidence.decided_at)
        found = await self._scanned(_read(evidence), evidence.decided_at)
        return [signal for signal in found if signal.message.meta.id == message.meta.id]

    def decided(self, message: Message) -> bool:
        """Tell the signals this stage decided on from an operator's."""
        return isinstance(message, Signal) and message.source is not SignalSource.OPERATOR

    async def _accepted(self, body: bytes, at: datetime) -> Emissions:
        alert, log = read_alert(body), _Log()
        if isinstance(alert, Alert):
            desk = AlertDesk(
                time=_Standing(at),
                alerts=_NothingKept(),
                publisher=log,
                origin=self._origin,
                params=self._params,
            )
            await desk.accept(alert, body)
        return log.signals

    async def _scanned(self, scan: Scan, at: datetime) -> Emissions:
        market, log = _Market(scan, at, self._params), _Log()
        scanner = Scanner(
            time=market,
            calendars=market,
            bars=market,
            publisher=log,
            origin=self._origin,
            params=self._params,
            underlyings=[scan.view.underlying],
        )
        await scanner.scan()
        return log.signals


class _Log:
    """Keeps the signals; the evidence of a decision taken again is the evidence it was given."""

    def __init__(self) -> None:
        self.signals: list[Emission[Any]] = []

    async def publish(self, emissions: Emissions) -> None:
        self.signals += [e for e in emissions if e.topic.name == SIGNALS.name]


class _Standing:
    """Time that stands where the alert was taken in."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    async def now(self) -> datetime:
        return self._at


class _NothingKept:
    """No earlier alert of any id, so that the decision is taken; what it gives is not kept."""

    async def keep(self, external_id: str, content_hash: str, signal: Signal, body: bytes) -> KeptAlert:
        del external_id
        return KeptAlert(content_hash=content_hash, signal=signal, body=body, published=False)

    async def mark_published(self, external_id: str) -> None:
        del external_id

    async def unpublished(self) -> Sequence[KeptAlert]:
        return []


class _Market:
    """The market as one scan saw it. The clock moves once: from when it looked to when it had its answers."""

    def __init__(self, scan: Scan, decided_at: datetime, params: SignalsParams) -> None:
        self._scan = scan
        self._decided_at = decided_at
        self._params = params
        self._now = scan.looked_at

    async def now(self) -> datetime:
        return self._now

    async def around(self, day: date) -> TradingCalendar:
        session = self._scan.view.session
        if day != session.day:
            raise NotRecorded(f"the session of {day} was not asked for then, that of {session.day} was")
        return TradingCalendar([session])

    async def minute_bars(
        self, underlyings: Sequence[str], session: Session
    ) -> Mapping[str, Sequence[MinuteBar]]:
        del underlyings, session
        self._now = self._decided_at
        return {self._scan.view.underlying: self._scan.view.minute_bars}

    async def daily_bars(self, underlyings: Sequence[str], day: date) -> Mapping[str, Sequence[DailyBar]]:
        del underlyings, day
        needed, asked = sessions_needed(self._params), self._scan.sessions_needed
        if needed > asked:
            raise NotRecorded(
                f"daily bars for an average over {needed} sessions were not asked for then, for {asked} they were"
            )
        return {self._scan.view.underlying: self._scan.view.daily_bars}


def _read(evidence: Evidence) -> Scan:
    try:
        return scan_in(evidence)
    except (KeyError, TypeError, ValueError, ArithmeticError, zlib.error) as e:
        raise NotRecorded(f"the evidence of signal {evidence.input_id} cannot be read: {e!r}") from e
