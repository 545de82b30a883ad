"""Two ways in, one message out: alerts that are sent to us, and setups the scanner finds.

1. An alert is Accepted only when the log has acknowledged its signal; it is kept in the database before that, and the
   relay publishes what was kept and not yet acknowledged. Publishing twice is harmless: the bytes are the same.
2. A setup's signal id names rule, underlying, day and direction: scanning again, or elsewhere, asks for no second trade.
3. The scanner decides at the venue's time taken after the last answer came in.
4. A signal's evidence, the alert as it was sent or the bars as they were seen, is written before the signal.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime

from kernel.contracts.messages import Signal
from kernel.contracts.origin import Origin
from kernel.contracts.topics import EVIDENCE, SIGNALS
from kernel.domain.calendar import Session, market_day
from kernel.domain.errors import InvariantBroken, TradingError, TransientError
from kernel.domain.params import SignalsParams
from kernel.runtime.logging import get_logger, story
from kernel.stream.stage import Emission, Emissions, Publisher
from services.signals.core.alerts import Accepted, Alert, Conflicting, content_hash, signal_from_alert
from services.signals.core.build import signal_from_setup
from services.signals.core.evidence import Scan, evidence_of_alert, evidence_of_setup
from services.signals.core.scanning import detect
from services.signals.core.setups import MarketView, NoSetup, Setup
from services.signals.core.trend_pullback import sessions_needed
from services.signals.ports import Alerts, Bars, Calendars, KeptAlert, MarketTime

_log = get_logger()


class AlertDesk:
    """An AlertIntake over a store of alerts and the log."""

    def __init__(
        self,
        *,
        time: MarketTime,
        alerts: Alerts,
        publisher: Publisher,
        origin: Origin,
        params: SignalsParams,
    ) -> None:
        self._time = time
        self._alerts = alerts
        self._publisher = publisher
        self._origin = origin
        self._params = params

    async def accept(self, alert: Alert, body: bytes) -> Accepted | Conflicting:
        """Take in the alert that was read from `body`, once per id."""
        signal = signal_from_alert(self._origin, self._params, alert, await self._time.now())
        wanted = content_hash(alert)
        kept = await self._alerts.keep(alert.id, wanted, signal, body)
        if kept.content_hash != wanted:
            return Conflicting(kept.signal.meta.id)
        if not kept.published:
            await self._publish(kept)
        return Accepted(kept.signal.meta.id, first=not kept.published)

    async def publish_waiting(self) -> None:
        """Publish what was kept and never acknowledged: a request that broke off, a log that was down."""
        for kept in await self._alerts.unpublished():
            await self._publish(kept)

    async def _publish(self, kept: KeptAlert) -> None:
        signal = kept.signal
        assert signal.external_id is not None, "every alert has its sender's id"
        evidence = [] if kept.body is None else [Emission(EVIDENCE, evidence_of_alert(signal, kept.body))]
        with story(signal.meta.id):
            await self._publisher.publish([*evidence, Emission(SIGNALS, signal)])
            await self._alerts.mark_published(signal.external_id)
            _log.info("alert became a signal", external_id=signal.external_id, **_words(signal))


class Scanner:
    """Runs the strategies over a watchlist."""

    def __init__(
        self,
        *,
        time: MarketTime,
        calendars: Calendars,
        bars: Bars,
        publisher: Publisher,
        origin: Origin,
        params: SignalsParams,
        underlyings: Sequence[str],
    ) -> None:
        self._time = time
        self._calendars = calendars
        self._bars = bars
        self._publisher = publisher
        self._origin = origin
        self._params = params
        self._underlyings = underlyings
        self._day: date | None = None
        self._published: set[str] = set()

    async def scan(self) -> None:
        """Look once; publish each setup that is new today. Raises TransientError."""
        # Gather.
        looked_at = await self._time.now()
        session = await self._running_session(looked_at)
        if session is None:
            return
        views = await self._views(session)
        now = await self._time.now()
        # Decide.
        answers = [(view, answer) for view in views for answer in detect(view, self._params, now)]
        needed = sessions_needed(self._params)
        # Emit.
        for view, answer in answers:
            if isinstance(answer, NoSetup):
                _tell_no(answer)
            elif answer.cause not in self._published:
                await self._publish(answer, Scan(looked_at=looked_at, view=view, sessions_needed=needed), now)
                self._published.add(answer.cause)

    async def _running_session(self, now: datetime) -> Session | None:
        today = market_day(now)
        session = (await self._calendars.around(today)).session_on(today)
        if session is None or not session.opens_at <= now < session.closes_at:
            return None
        if session.day != self._day:
            self._day = session.day
            self._published.clear()
        return session

    async def _views(self, session: Session) -> list[MarketView]:
        minute = await self._bars.minute_bars(self._underlyings, session)
        daily = await self._bars.daily_bars(self._underlyings, session.day)
        return [
            MarketView(
                underlying=underlying,
                session=session,
                minute_bars=tuple(minute.get(underlying, ())),
                daily_bars=tuple(daily.get(underlying, ())),
            )
            for underlying in self._underlyings
        ]

    async def _publish(self, setup: Setup, scan: Scan, now: datetime) -> None:
        signal = signal_from_setup(self._origin, setup, now)
        emissions: Emissions = [
            Emission(EVIDENCE, evidence_of_setup(signal, scan)),
            Emission(SIGNALS, signal),
        ]
        with story(signal.meta.id):
            await self._publisher.publish(emissions)
            _log.info("setup became a signal", setup=setup.rule, **_words(signal))


class Timetable:
    """Calls a scan once per interval of market time, whatever speed the venue's time runs at."""

    #: The venue publishes a minute's bar a moment after the minute's end.
    SETTLE_S = 2.0
    #: How often the venue's time is compared with the next turn, in machine time.
    POLL_S = 0.2

    def __init__(
        self,
        *,
        time: MarketTime,
        interval_s: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._time = time
        self._interval_s = interval_s
        self._sleep = sleep

    async def next_turn(self, last: int | None) -> int:
        """Return the number of the present interval once it differs from `last`; a clock set back counts as a change."""
        while True:
            turn = int(((await self._time.now()).timestamp() - self.SETTLE_S) // self._interval_s)
            if turn != last:
                return turn
            await self._sleep(self.POLL_S)

    async def keep_calling(self, scan: Callable[[], Awaitable[None]]) -> None:
        """Call `scan` at every turn, for ever. `scan` retries what may pass; a refusal waits for the next turn."""
        turn: int | None = None
        while True:
            turn = await self.next_turn(turn)
            try:
                await scan()
            except (TransientError, InvariantBroken):
                raise
            except TradingError as e:
                # A ticker or a feed the venue refuses is for a person to mend; alerts go on meanwhile.
                _log.error("the scan was refused", reason=str(e))


def _tell_no(answer: NoSetup) -> None:
    _log.debug(
        "no setup",
        setup=answer.rule,
        underlying=answer.underlying,
        direction=answer.direction,
        reason=answer.reason,
        **answer.figures,
    )


def _words(signal: Signal) -> dict[str, str]:
    idea = signal.idea
    return {
        "underlying": idea.underlying,
        "direction": idea.direction.value,
        "strategy": idea.strategy.value,
        "expires_at": idea.expires_at.isoformat(),
    }
