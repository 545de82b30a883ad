"""/v2/account and its configurations: what the account may spend, valued at the instant of the answer.

Fields of pattern day trading are absent, as Alpaca's are since July 2026; in a PATCH they are ignored.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import market_day
from simulator.api.requests import instant, json_object
from simulator.api.wire import answer, refuse
from simulator.brokerage import Holding
from simulator.desk import Desk
from simulator.passage import price_at
from simulator.venue.configuration import Configuration, changed
from simulator.venue.money_text import money_text
from simulator.venue.refusals import Refusal
from simulator.wire_time import rfc3339

#: Below this equity there is no margin account (Regulation T, $2,000).
_MARGIN_FROM_USD = Decimal(2000)


def account_routes(holding: Holding) -> APIRouter:
    """Return the account routes of a holding."""
    router, desk = APIRouter(prefix="/v2/account"), holding.desk

    @router.get("")
    async def account(request: Request) -> Response:
        return answer(_account_json(desk, instant(request), holding.opened_at))

    @router.get("/configurations")
    async def configurations() -> Response:
        return answer(_configuration_json(desk.account.configuration))

    @router.patch("/configurations")
    async def configure(request: Request) -> Response:
        outcome = changed(desk.account.configuration, await json_object(request))
        if isinstance(outcome, Refusal):
            return refuse(outcome)
        desk.configure(outcome, instant(request))
        return answer(_configuration_json(outcome))

    return router


def _account_json(desk: Desk, at: datetime, opened_at: datetime) -> dict[str, Any]:
    account, today = desk.account, market_day(at)
    configuration = account.configuration
    figures, multiplier = _figures(desk, at)
    return {
        "id": account.account_id,
        "admin_configurations": {},
        "user_configurations": None,
        "account_number": "PA" + account.account_id.replace("-", "")[:10].upper(),
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "options_approved_level": account.rights.approved_level,
        "options_trading_level": account.rights.level,
        "currency": "USD",
        **_texts(figures, ("buying_power", "regt_buying_power", "effective_buying_power")),
        **_texts(figures, ("non_marginable_buying_power", "options_buying_power", "cash")),
        "accrued_fees": "0",
        **_texts(figures, ("portfolio_value",)),
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": rfc3339(opened_at),
        "trade_suspended_by_user": configuration.suspend_trade,
        "multiplier": str(multiplier),
        "shorting_enabled": multiplier > 1 and not configuration.no_shorting,
        **_texts(figures, ("equity",)),
        "last_equity": money_text(account.last_equity_usd(today)),
        **_texts(figures, ("long_market_value", "short_market_value", "position_market_value")),
        **_texts(figures, ("initial_margin", "maintenance_margin")),
        "last_maintenance_margin": "0",
        "sma": "0",
        "balance_asof": _last_session_before(desk, today).isoformat(),
        "crypto_tier": 0,
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    }


def _figures(desk: Desk, at: datetime) -> tuple[dict[str, Decimal], int]:
    """Return the amounts and the multiplier; relations of a real paper account: Reg T is twice what options may use."""
    account, value = desk.account, price_at(desk.view, at)
    values = [held.value_usd(value(held)) for held in account.positions.values()]
    long = sum((usd for usd in values if usd > 0), Decimal(0))
    short = sum((usd for usd in values if usd < 0), Decimal(0))
    equity, power = account.cash_usd + long + short, account.options_buying_power_usd
    most = int(account.configuration.max_margin_multiplier)
    multiplier = most if equity >= _MARGIN_FROM_USD else 1
    figures = {
        "buying_power": power * multiplier,
        "regt_buying_power": power * min(multiplier, 2),
        "effective_buying_power": power * multiplier,
        "non_marginable_buying_power": power,
        "options_buying_power": power,
        "cash": account.cash_usd,
        "portfolio_value": equity,
        "equity": equity,
        "long_market_value": long,
        "short_market_value": short,
        "position_market_value": long + short,
        # Long options are paid in full; short ones need their spread's margin.
        "initial_margin": long + account.margin_usd,
        "maintenance_margin": long + account.margin_usd,
    }
    return figures, multiplier


def _texts(figures: Mapping[str, Decimal], names: tuple[str, ...]) -> dict[str, str]:
    return {name: money_text(figures[name]) for name in names}


def _last_session_before(desk: Desk, today: date) -> date:
    days = [session.day for session in desk.view.market.calendar.sessions if session.day < today]
    return days[-1] if days else today - timedelta(days=1)


def _configuration_json(configuration: Configuration) -> dict[str, Any]:
    return {
        "no_shorting": configuration.no_shorting,
        "suspend_trade": configuration.suspend_trade,
        "fractional_trading": configuration.fractional_trading,
        "max_margin_multiplier": configuration.max_margin_multiplier,
        "trade_confirm_email": configuration.trade_confirm_email,
        "ptp_no_exception_entry": configuration.ptp_no_exception_entry,
        "max_options_trading_level": configuration.max_options_trading_level,
        "disable_overnight_trading": configuration.disable_overnight_trading,
    }
