"""/v2/account and /v2/positions: what the account owns and may spend, valued at the instant of the answer."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import market_day
from kernel.domain.money import CONTRACT_MULTIPLIER
from simulator.api.requests import instant
from simulator.api.wire import answer, refuse
from simulator.desk import Desk
from simulator.venue.identity import asset_id_of
from simulator.venue.money_text import money_text
from simulator.venue.positions import Position
from simulator.venue.refusals import not_found
from simulator.wire_time import rfc3339

#: Below this equity there is no margin account (Regulation T, $2,000).
_MARGIN_FROM_USD = Decimal(2000)


def account_routes(desk: Desk, opened_at: datetime) -> APIRouter:
    """Return the account and position routes of `desk`; `opened_at` is the account's creation."""
    router = APIRouter(prefix="/v2")

    @router.get("/account")
    async def account(request: Request) -> Response:
        return answer(_account_json(desk, instant(request), opened_at))

    @router.get("/positions")
    async def positions(request: Request) -> Response:
        at = instant(request)
        return answer([_position_json(desk, held, at) for held in desk.account.positions.values()])

    @router.get("/positions/{symbol_or_id}")
    async def position(symbol_or_id: str, request: Request) -> Response:
        for symbol, held in desk.account.positions.items():
            if symbol_or_id in {symbol, asset_id_of(symbol)}:
                return answer(_position_json(desk, held, instant(request)))
        return refuse(not_found("position does not exist"))

    return router


def _account_json(desk: Desk, at: datetime, opened_at: datetime) -> dict[str, Any]:
    account = desk.account
    market_value = sum(
        (_price_now(desk, held, at) * held.qty * CONTRACT_MULTIPLIER for held in account.positions.values()),
        Decimal(0),
    )
    return {
        "id": account.account_id,
        "admin_configurations": {},
        "user_configurations": None,
        "account_number": "PA" + account.account_id.replace("-", "")[:10].upper(),
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "options_approved_level": 3,
        "options_trading_level": 3,
        "currency": "USD",
        **_figures(account.cash_usd, market_value, account.options_buying_power_usd),
        "accrued_fees": "0",
        "trading_blocked": False,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": rfc3339(opened_at),
        "trade_suspended_by_user": False,
        "shorting_enabled": True,
        "last_equity": money_text(account.starting_cash_usd),
        "balance_asof": market_day(opened_at).isoformat(),
        "crypto_tier": 0,
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    }


def _figures(cash: Decimal, market_value: Decimal, options_buying_power: Decimal) -> dict[str, str]:
    """Relations of a real paper account: Reg T is twice, intraday four times what options may use."""
    equity = cash + market_value
    margin = equity >= _MARGIN_FROM_USD
    figures = {
        "buying_power": options_buying_power * (4 if margin else 1),
        "regt_buying_power": options_buying_power * (2 if margin else 1),
        "effective_buying_power": options_buying_power * (4 if margin else 1),
        "non_marginable_buying_power": options_buying_power,
        "options_buying_power": options_buying_power,
        "cash": cash,
        "portfolio_value": equity,
        "equity": equity,
        "long_market_value": market_value,
        "short_market_value": Decimal(0),
        "position_market_value": market_value,
        "initial_margin": market_value,
        "maintenance_margin": market_value,
        "last_maintenance_margin": Decimal(0),
        "sma": Decimal(0),
    }
    return {name: money_text(figure) for name, figure in figures.items()} | {
        "multiplier": "4" if margin else "1"
    }


def _position_json(desk: Desk, held: Position, at: datetime) -> dict[str, Any]:
    price = _price_now(desk, held, at)
    value, cost = price * held.qty * CONTRACT_MULTIPLIER, held.cost_basis_usd
    gain = value - cost
    gain_share = money_text(round(gain / cost, 16)) if cost else "0"
    return {
        "asset_id": asset_id_of(held.symbol),
        "symbol": held.symbol,
        "exchange": "",
        "asset_class": "us_option",
        "asset_marginable": False,
        "qty": str(held.qty),
        "qty_available": str(desk.account.available_qty(held.symbol)),
        "avg_entry_price": money_text(round(held.avg_entry_price, 6)),
        "side": "long",
        "market_value": money_text(value),
        "cost_basis": money_text(cost),
        "unrealized_pl": money_text(gain),
        "unrealized_plpc": gain_share,
        "unrealized_intraday_pl": money_text(gain),
        "unrealized_intraday_plpc": gain_share,
        "current_price": money_text(price),
        "lastday_price": money_text(price),
        "change_today": "0",
    }


def _price_now(desk: Desk, held: Position, at: datetime) -> Decimal:
    """Value at the mid; at the one side quoted, or at cost, where there is no mid."""
    quote = desk.view.nbbo(held.symbol, at)
    return quote.mid or quote.bid or quote.ask or held.avg_entry_price
