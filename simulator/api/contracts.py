"""/v2/options/contracts: the option contracts, with Alpaca's defaults.

1. Without `expiration_date_lte` (and without an exact date) the listing ends at the coming weekend.
2. A contract that expired today stays active until midnight; later it is inactive, and listed only when asked for.
3. `deliverables` appear only where `show_deliverables` asks for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from kernel.domain.calendar import market_day
from kernel.domain.options import Right
from simulator.api.requests import (
    choice,
    day,
    default_expiration_to,
    flag,
    instant,
    next_token,
    number,
    page,
    text_list,
    within,
)
from simulator.api.wire import answer, raw_answer, refuse
from simulator.desk import Desk
from simulator.market_view import MarketView
from simulator.markets.market import ListedContract
from simulator.venue.identity import asset_id_of
from simulator.venue.instruments import Instrument, instrument_of
from simulator.venue.money_text import money_text
from simulator.venue.refusals import not_found

#: How far back inactive contracts are looked for when no date is given.
_INACTIVE_FOR = timedelta(days=7)


class ContractStatus(StrEnum):
    """Alpaca's names."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class Style(StrEnum):
    """When a contract may be exercised."""

    AMERICAN = "american"
    EUROPEAN = "european"


def contract_routes(desk: Desk) -> APIRouter:
    """Return the routes of option contracts."""
    router = APIRouter(prefix="/v2/options")
    view = desk.view

    @router.get("/contracts")
    async def contracts(request: Request) -> Response:
        params, at = request.query_params, instant(request)
        offset, limit = page(params, default=100, maximum=10_000)
        found = _matching(view, params, at)
        shown, today = found[offset : offset + limit], market_day(at)
        in_full = flag(params, "show_deliverables")
        rows = b",".join(_text(row, row.symbol.expiration < today, in_full) for row in shown)
        token = orjson.dumps(next_token(offset, limit, len(found)))
        return raw_answer(b'{"option_contracts":[%b],"next_page_token":%b}' % (rows, token))

    @router.get("/contracts/{symbol_or_id}")
    async def contract(symbol_or_id: str, request: Request) -> Response:
        at = instant(request)
        row = _find(view, symbol_or_id, at)
        if row is None:
            return refuse(not_found(f"option contract {symbol_or_id} not found"))
        in_full = flag(request.query_params, "show_deliverables")
        return answer(_json(row, inactive=row.symbol.expiration < market_day(at), deliverables=in_full))

    return router


def _matching(view: MarketView, params: Mapping[str, str], at: datetime) -> Sequence[ListedContract]:
    status = choice(params, "status", ContractStatus, ContractStatus.ACTIVE)
    first, last = _expirations(params, market_day(at))
    underlyings = text_list(params, "underlying_symbols") or list(view.market.underlyings())
    if status is ContractStatus.ACTIVE:
        rows: Iterable[ListedContract] = (row for u in underlyings for row in view.contracts(u, at).values())
    else:
        rows = (row for u in underlyings for row in _expired(view, u, first, at))
    low, high = number(params, "strike_price_gte"), number(params, "strike_price_lte")
    right, root = choice(params, "type", Right), params.get("root_symbol")
    style, in_pennies = choice(params, "style", Style), params.get("ppind")
    return [
        row
        for row in rows
        if within(row.symbol.expiration, first, last)
        and within(row.symbol.strike, low, high)
        and right in (None, row.symbol.right)
        and root in (None, "", row.symbol.root)
        and style in (None, _style(_instrument(row)))
        and (not in_pennies or flag(params, "ppind") == _is_penny(_instrument(row)))
    ]


def _expirations(params: Mapping[str, str], today: date) -> tuple[date | None, date | None]:
    """Return the range of expirations asked for; without an upper end it is the coming weekend."""
    exact = day(params, "expiration_date")
    if exact is not None:
        return exact, exact
    last = day(params, "expiration_date_lte")
    return day(params, "expiration_date_gte"), last or default_expiration_to(today)


def _expired(view: MarketView, underlying: str, since: date | None, at: datetime) -> list[ListedContract]:
    """Return the contracts that were listed on the day `since` (a week ago by default) and have expired."""
    today = market_day(at)
    listed = _listed_on(view, underlying, since or today - _INACTIVE_FOR)
    return [row for row in listed if row.symbol.expiration < today]


def _listed_on(view: MarketView, underlying: str, day: date) -> Sequence[ListedContract]:
    """Return what was listed at the first session from `day` on."""
    session = next((s for s in view.market.calendar.sessions if s.day >= day), None)
    return [] if session is None else view.market.contracts(underlying, session.opens_at)


def _find(view: MarketView, symbol_or_id: str, at: datetime) -> ListedContract | None:
    row = view.contract(symbol_or_id, at) or _find_expired(view, symbol_or_id, at)
    if row is not None:
        return row
    every = (item for name in view.market.underlyings() for item in view.contracts(name, at).items())
    return next((row for symbol, row in every if asset_id_of(symbol) == symbol_or_id), None)


def _find_expired(view: MarketView, symbol: str, at: datetime) -> ListedContract | None:
    try:
        instrument = instrument_of(symbol)
    except ValueError:
        return None
    if instrument.option is None or not instrument.option.expiration < market_day(at):
        return None
    try:
        last_day = view.market.calendar.last_session_on_or_before(instrument.option.expiration).day
    except LookupError:
        return None
    listed = _listed_on(view, instrument.underlying, last_day)
    return next((row for row in listed if str(row.symbol) == symbol), None)


def _instrument(row: ListedContract) -> Instrument:
    return instrument_of(str(row.symbol))


def _style(instrument: Instrument) -> Style:
    return Style.EUROPEAN if instrument.is_european else Style.AMERICAN


def _is_penny(instrument: Instrument) -> bool:
    """Tell whether prices move in cents: index options trade in nickels and dimes."""
    return not instrument.is_cash_settled


@lru_cache(maxsize=65536)
def _text(row: ListedContract, inactive: bool, deliverables: bool) -> bytes:
    return orjson.dumps(_json(row, inactive=inactive, deliverables=deliverables))


def _json(row: ListedContract, *, inactive: bool, deliverables: bool) -> dict[str, Any]:
    option, instrument = row.symbol, _instrument(row)
    symbol, strike = str(option), money_text(option.strike)
    return {
        "id": asset_id_of(symbol),
        "symbol": symbol,
        "name": f"{instrument.underlying} {option.expiration:%b %d %Y} {strike} {option.right.capitalize()}",
        "status": ContractStatus.INACTIVE if inactive else ContractStatus.ACTIVE,
        "tradable": not inactive,
        "expiration_date": option.expiration.isoformat(),
        "root_symbol": option.root,
        "underlying_symbol": instrument.underlying,
        "underlying_asset_id": asset_id_of(instrument.underlying),
        "type": option.right,
        "style": _style(instrument),
        "strike_price": strike,
        "multiplier": str(instrument.multiplier),
        "size": str(instrument.multiplier),
        "open_interest": None if row.open_interest is None else str(row.open_interest),
        "open_interest_date": row.open_interest_date,
        "close_price": None if row.close_price is None else money_text(row.close_price),
        "close_price_date": row.close_price_date,
        **({"deliverables": [_deliverable(instrument)]} if deliverables else {}),
    }


def _deliverable(instrument: Instrument) -> dict[str, Any]:
    """Return what an exercise delivers: the underlying's shares, or cash that is known only then."""
    terms = {"allocation_percentage": "100", "settlement_type": "T+1", "delayed_settlement": False}
    if instrument.is_cash_settled:
        return {"type": "cash", "symbol": "USD", "amount": None, "settlement_method": "CADF", **terms}
    return {
        "type": "equity",
        "symbol": instrument.underlying,
        "asset_id": asset_id_of(instrument.underlying),
        "amount": str(instrument.multiplier),
        "settlement_method": "CCC",
        **terms,
    }
