"""Whether a working order may be walked now, and at what market; asked before each attempt is begun, and sent.

1. What the switch, the session or standing drift would keep from being sent as a new order is not walked either; exits
   are, as far as the switch and the session let them. That a new listener has not compared yet stops no walk.
2. A quote that the gates would not send an order on is no market.
"""

from collections.abc import Sequence

from kernel.contracts.parts import Side
from kernel.domain.calendar import market_day
from kernel.domain.clock import Clock
from kernel.domain.params import TradingParams
from services.executor.core.facts import Facts, Quote
from services.executor.core.gates import Gate, Limits, Refusal, check
from services.executor.core.gates.table import HOURS, OPENING_HOURS, QUOTED
from services.executor.core.order_life import Order
from services.executor.core.switching import OPENING, refusal_by
from services.executor.core.walking import Market, market_of_buyer, market_of_seller
from services.executor.ports import Quotes, ReadinessBoard, Sessions, Standing


class WalkConditions:
    """Asks for them. Each method raises TransientError."""

    def __init__(
        self,
        *,
        switch: Standing,
        readiness: ReadinessBoard,
        sessions: Sessions,
        quotes: Quotes,
        clock: Clock,
        params: TradingParams,
    ) -> None:
        self._switch = switch
        self._readiness = readiness
        self._sessions = sessions
        self._quotes = quotes
        self._clock = clock
        self._limits = Limits.of(params)

    async def why_not(self, order: Order) -> str | None:
        """Return why no attempt of an order is begun or sent now; None if one may be."""
        stopped = refusal_by(await self._switch.read(), order.ticket.action)
        if stopped is not None:
            return stopped.message
        opens = order.ticket.action in OPENING
        if opens and (await self._readiness.readiness()).drift:
            return "the books differ from the venue, and nothing explains it"
        closed = await self._refusal(order, OPENING_HOURS if opens else HOURS)
        return None if closed is None else closed.message

    async def market(self, order: Order) -> Market | None:
        """Return the market of an order's contract as a gate would trade in it."""
        leg = order.ticket.legs[0]
        quote = await self._quotes.nbbo(leg.occ_symbol)
        if quote is None or quote.bid is None or quote.ask is None:
            return None
        if await self._refusal(order, QUOTED, quote) is not None:
            return None
        of = market_of_buyer if leg.side is Side.BUY else market_of_seller
        return of(quote.bid, quote.ask)

    async def _refusal(
        self, order: Order, gates: Sequence[Gate], quote: Quote | None = None
    ) -> Refusal | None:
        calendar = await self._sessions.around(market_day(self._clock.now()))
        facts = Facts(now=self._clock.now(), calendar=calendar, clock_skew_s=None, quote=quote)
        return check(order.ticket, facts, self._limits, gates)
