"""The venue's chain through the selector's own eyes: the same adapters, the same ranking, nothing sent."""

import asyncio
import os
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from dispatch.candidates import Candidates, judge
from kernel.adapters.alpaca import AlpacaGateway
from kernel.adapters.alpaca_account import AlpacaAccount
from kernel.adapters.alpaca_calendar import AlpacaCalendars
from kernel.domain.calendar import market_day
from kernel.domain.errors import TradingError
from kernel.domain.options import Direction, Strategy, right_for_buyer
from kernel.domain.params import TradingParams
from kernel.domain.tiers import risk_budget
from kernel.runtime.clock import VenueClock
from kernel.runtime.params import load_params
from kernel.runtime.settings import ServiceSettings
from services.selector.adapters.alpaca_chain import AlpacaChains
from services.selector.core.validation import CALENDAR_DAYS_BACK, calendar_days_ahead, expiration_window
from services.selector.settings import SelectorSettings


class NothingToRank(TradingError):
    """The venue knows no such underlying, or lists no contract in the strategy's window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """A judged chain at `now` (the venue's time); `budget_usd` is what one contract may cost."""

    underlying: str
    now: datetime
    spot: Decimal
    budget_usd: Decimal
    candidates: Candidates


async def view_chain(
    settings: ServiceSettings, underlying: str, direction: Direction, strategy: Strategy
) -> ChainView:
    """Ask the venue and rank its chain as the selector would for a signal sent now."""
    params = load_params(settings.params_file)
    async with AlpacaGateway(settings, VenueClock()) as gateway:
        await gateway.synchronise_clock()
        return await _view(gateway, params, underlying, direction, strategy)


async def _view(
    gateway: AlpacaGateway, params: TradingParams, underlying: str, direction: Direction, strategy: Strategy
) -> ChainView:
    feeds = SelectorSettings.from_env(os.environ)
    today = market_day(gateway.clock.now())
    first, last = expiration_window(today, params.selector.strategies[strategy])
    chain, account, calendar = await asyncio.gather(
        AlpacaChains(gateway, feeds.option_feed, feeds.stock_feed).chain(
            underlying, right_for_buyer(direction), first, last
        ),
        AlpacaAccount(gateway).account(),
        AlpacaCalendars(
            gateway, days_back=CALENDAR_DAYS_BACK, days_ahead=calendar_days_ahead(params.selector)
        ).around(today),
    )
    if chain.spot is None or not len(chain):
        raise NothingToRank(f"the venue lists no contract of {underlying} in the window of {strategy.value}")
    budget = risk_budget(account.equity_usd, account.options_buying_power_usd, strategy, params.sizer)
    now = gateway.clock.now()
    candidates = judge(
        chain, strategy, budget_usd=budget.budget_usd, calendar=calendar, params=params.selector, now=now
    )
    return ChainView(
        underlying=underlying,
        now=now,
        spot=chain.spot,
        budget_usd=budget.budget_usd,
        candidates=candidates,
    )
