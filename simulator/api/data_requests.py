"""What market data routes read from a request: feed, symbols, span, pages; and how they refuse.

1. A refusal of the data API is a message without a code, unlike one of the trading API.
2. A page of a history ends at its limit over all symbols; its token names the next row by symbol, time and how many
   rows of that time came before, so no page has to be read again to find the next.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE, microseconds
from kernel.domain.clock import moment as moment_of
from simulator.api.requests import BadRequest, instant, moment, text_list, whole_number
from simulator.api.wire import answer
from simulator.feeds.rules import DataRules

_LIMIT, _LIMIT_MAX = 1000, 10_000
#: After so many rows a page lets other requests have their turn.
_ROWS_PER_TURN = 256
#: The basic plan has no data of the paid feeds younger than this.
_RECENT = timedelta(minutes=15)


class Forbidden(BadRequest):
    """The account's plan does not have what was asked for; answered with 403."""


class DataRoute(APIRoute):
    """A route whose refusals are the data API's."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        """Return the handler that turns refusals into answers."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                response: Response = await handler(request)
            except Forbidden as e:
                return answer({"message": str(e)}, 403)
            except BadRequest as e:
                return answer({"message": str(e)}, 400)
            return response

        return handle


def feed_of(params: Mapping[str, str], feeds: Iterable[str]) -> str | None:
    """Return the `feed` parameter, None where the venue is to choose; raises BadRequest."""
    feed = params.get("feed")
    if feed and feed not in feeds:
        msg = f"invalid feed: {feed}"
        raise BadRequest(msg)
    return feed or None


def symbols_of(params: Mapping[str, str], maximum: int | None = None) -> list[str]:
    """Return the `symbols` parameter in order, each once; raises BadRequest."""
    symbols = sorted(set(text_list(params, "symbols")))
    if not symbols:
        msg = "symbols is required"
        raise BadRequest(msg)
    if maximum is not None and len(symbols) > maximum:
        msg = f"too many symbols: at most {maximum}"
        raise BadRequest(msg)
    return symbols


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the next page begins."""

    symbol: str
    at_us: int
    skip: int

    @classmethod
    def read(cls, token: str) -> "_Place":
        try:
            symbol, at_us, skip = base64.b64decode(token, validate=True).decode().split("|")
            place = cls(symbol, int(at_us), int(skip))
            moment_of(place.at_us)
        except (binascii.Error, ValueError, OverflowError) as e:
            msg = f"invalid page_token: {token[:40]!r}"
            raise BadRequest(msg) from e
        if place.skip < 0:
            msg = f"invalid page_token: {token[:40]!r}"
            raise BadRequest(msg)
        return place

    @property
    def token(self) -> str:
        return base64.b64encode(f"{self.symbol}|{self.at_us}|{self.skip}".encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The part of a history that is asked for; `at` is the present, and `end` not later."""

    start: datetime
    end: datetime
    at: datetime
    limit: int
    newest_first: bool
    place: _Place | None


def read_span(request: Request) -> Span:
    """Read start, end, limit, sort and page_token; raises BadRequest. Without a start it is midnight in New York."""
    params, at = request.query_params, instant(request).replace(microsecond=0)
    start = moment(params, "start") or datetime.combine(
        market_day(at), datetime.min.time(), tzinfo=MARKET_ZONE
    )
    end = moment(params, "end") or max(at, start)
    if end < start:
        msg = "end should not be before start"
        raise BadRequest(msg)
    sort = params.get("sort") or "asc"
    if sort not in {"asc", "desc"}:
        msg = f"invalid sort: {sort}"
        raise BadRequest(msg)
    token = params.get("page_token")
    place = _Place.read(token) if token else None
    if place is not None and not start <= moment_of(place.at_us) <= end:
        msg = "invalid page_token: it is of another span"
        raise BadRequest(msg)
    return Span(
        start=start,
        end=min(end, at),
        at=at,
        limit=whole_number(params, "limit", _LIMIT, _LIMIT_MAX),
        newest_first=sort == "desc",
        place=place,
    )


def check_recent(rules: DataRules, feed: str, end: datetime, at: datetime, refusal: str) -> None:
    """Raise Forbidden where the plan does not have what is asked for so soon."""
    if not rules.allows(feed) and end > at - _RECENT:
        raise Forbidden(refusal)


#: Rows of one symbol from one instant to another, each with its time, in the order asked for.
RowsOf = Callable[[str, datetime, datetime], Iterable[tuple[datetime, dict[str, Any]]]]


async def read_page(
    symbols: list[str], span: Span, rows_of: RowsOf
) -> tuple[dict[str, list[dict[str, Any]]], str | None]:
    """Return one page by symbol, and the token of the next or None; a symbol without rows is absent."""
    found: dict[str, list[dict[str, Any]]] = {}
    told = 0
    for symbol in symbols:
        if span.place is not None and symbol < span.place.symbol:
            continue
        place = span.place if span.place is not None and span.place.symbol == symbol else None
        counter = _Counter()
        for at, row in rows_of(symbol, *_bounds(span, place)):
            number = counter.number(microseconds(at))
            if place is not None and microseconds(at) == place.at_us and number < place.skip:
                continue
            if told == span.limit:
                return found, _Place(symbol, microseconds(at), number).token
            found.setdefault(symbol, []).append(row)
            told += 1
            if told % _ROWS_PER_TURN == 0:
                await asyncio.sleep(0)
    return found, None


class _Counter:
    """Numbers rows of the same time."""

    def __init__(self) -> None:
        self._at_us = -1
        self._next = 0

    def number(self, at_us: int) -> int:
        self._next = self._next + 1 if at_us == self._at_us else 0
        self._at_us = at_us
        return self._next


def _bounds(span: Span, place: _Place | None) -> tuple[datetime, datetime]:
    if place is None:
        return span.start, span.end
    reached = min(moment_of(place.at_us), span.end)
    return (span.start, reached) if span.newest_first else (reached, span.end)
