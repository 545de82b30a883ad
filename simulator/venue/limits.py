"""What a broker allows of orders at all, whatever the account holds: contracts that expire today, an order's notional."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.venue.account import Account
from simulator.venue.funds import unit_cost
from simulator.venue.instruments import Instrument
from simulator.venue.money_text import money_text
from simulator.venue.orders import OPENING, Intent, OrderRequest
from simulator.venue.permissions import legs_of
from simulator.venue.quotes import QuoteOf
from simulator.venue.refusals import Refusal, forbidden, unprocessable


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None limits nothing: Alpaca has both limits and tells neither."""

    expiring_today: int | None = None
    order_notional_usd: Decimal | None = None

    def check(
        self,
        account: Account,
        request: OrderRequest,
        intents: Sequence[Intent],
        *,
        today: date,
        quote_of: QuoteOf,
    ) -> Refusal | None:
        """Refuse an order for options beyond a limit."""
        if not any(instrument.option for instrument in request.instruments):
            return None
        return self._check_notional(request, quote_of) or self._check_expiring(
            account, request, intents, today
        )

    def _check_notional(self, request: OrderRequest, quote_of: QuoteOf) -> Refusal | None:
        if self.order_notional_usd is None:
            return None
        notional = abs(unit_cost(request, quote_of)) * request.qty * CONTRACT_MULTIPLIER
        if notional <= self.order_notional_usd:
            return None
        told, limit = money_text(notional), money_text(self.order_notional_usd)
        return unprocessable(f"options order notional is {told} must be <= {limit}")

    def _check_expiring(
        self, account: Account, request: OrderRequest, intents: Sequence[Intent], today: date
    ) -> Refusal | None:
        if self.expiring_today is None:
            return None
        requested = sum(
            leg.ratio_qty * request.qty
            for leg, intent in zip(legs_of(request), intents, strict=True)
            if intent in OPENING and _ends_on(leg.instrument, today)
        )
        have = _held(account, today) + _opening(account, today)
        if not requested or requested + have <= self.expiring_today:
            return None
        return forbidden(
            "exceeded account limit for contracts expiring today "
            f"(requested: {requested}, held+open: {have}, limit: {self.expiring_today})"
        )


NO_LIMITS = Limits()


def _held(account: Account, today: date) -> int:
    return sum(abs(held.qty) for held in account.positions.values() if _ends_on(held.instrument, today))


def _opening(account: Account, today: date) -> int:
    return sum(
        part.promised_qty
        for order in account.open_orders.values()
        for part in order.parts
        if part.instrument and part.intent in OPENING and _ends_on(part.instrument, today)
    )


def _ends_on(instrument: Instrument, today: date) -> bool:
    return instrument.option is not None and instrument.option.expiration == today
