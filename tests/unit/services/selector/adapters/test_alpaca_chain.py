from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest

from kernel.adapters.alpaca import AlpacaGateway, VenueRefused
from kernel.domain.errors import VenueUnavailable
from kernel.domain.options import Right
from services.selector.adapters.alpaca_chain import AlpacaChains
from services.selector.core.chain import Chain
from tests.fakes.gateway import FakeGateway

CALL, NEXT = "SPY260612C00520000", "SPY260612C00525000"
FIRST, LAST = date(2026, 6, 5), date(2026, 6, 15)


def page(*symbols: str, token: str | None = None) -> dict[str, Any]:
    rows = [{"symbol": s, "tradable": True, "open_interest": "12"} for s in symbols]
    return {"option_contracts": rows, "next_page_token": token}


def a_gateway(**answers: Any) -> FakeGateway:
    return FakeGateway(
        **{
            "get_option_chain": {CALL: {}, NEXT: {}},
            "get_stock_snapshot": {"SPY": {"latestTrade": {"p": 520.5}}},
            "get_option_contracts": [page(CALL, NEXT) for _ in range(9)],
        }
        | answers
    )


def chains_of(gateway: FakeGateway) -> AlpacaChains:
    return AlpacaChains(cast("AlpacaGateway", gateway), "indicative", "iex")


async def ask(chains: AlpacaChains, **values: Any) -> Chain:
    asked = {"underlying": "SPY", "right": Right.CALL, "first": FIRST, "last": LAST} | values
    return await chains.chain(**asked)


async def test_snapshots_spot_and_listing_become_one_chain() -> None:
    chain = await ask(chains_of(a_gateway()))
    assert chain.symbols == (CALL, NEXT)
    assert chain.spot == Decimal("520.5")
    assert chain.tradable.tolist() == [True, True]
    assert chain.open_interest.tolist() == [12, 12]


async def test_the_venue_filters_by_right_window_and_feed() -> None:
    gateway = a_gateway()
    await ask(chains_of(gateway), right=Right.PUT)
    (request,) = gateway.requests("get_option_chain")
    assert request["type"] == "put"
    assert request["feed"] == "indicative"
    assert (str(request["expiration_date_gte"]), str(request["expiration_date_lte"])) == (
        "2026-06-05",
        "2026-06-15",
    )
    (listing,) = gateway.requests("get_option_contracts")
    assert listing["type"] == "put"
    assert (str(listing["expiration_date_gte"]), str(listing["expiration_date_lte"])) == (
        "2026-06-05",
        "2026-06-15",
    )
    assert listing["limit"] == 10_000
    assert gateway.requests("get_stock_snapshot") == [{"symbols": "SPY", "feed": "iex"}]


async def test_all_pages_of_the_listing_are_read() -> None:
    gateway = a_gateway(get_option_contracts=[page(CALL, token="MTAw"), page(NEXT)])
    chain = await ask(chains_of(gateway))
    assert chain.tradable.tolist() == [True, True]
    assert [r.get("page_token") for r in gateway.requests("get_option_contracts")] == [None, "MTAw"]


async def test_the_listing_is_asked_for_once_a_day_and_window() -> None:
    gateway = a_gateway()
    chains = chains_of(gateway)
    await ask(chains)
    await ask(chains)
    assert len(gateway.requests("get_option_contracts")) == 1
    assert len(gateway.requests("get_option_chain")) == 2
    await ask(chains, right=Right.PUT)
    await ask(chains, last=LAST + timedelta(days=1))
    assert len(gateway.requests("get_option_contracts")) == 3
    gateway.clock.advance(timedelta(days=1))
    await ask(chains)
    assert len(gateway.requests("get_option_contracts")) == 4


async def test_an_empty_listing_is_asked_for_again() -> None:
    gateway = a_gateway(get_option_contracts=[page(), page(CALL)])
    chains = chains_of(gateway)
    assert (await ask(chains)).tradable.tolist() == [False, False]
    assert (await ask(chains)).tradable.tolist() == [True, False]


@pytest.mark.parametrize("answer", [{}, None])
async def test_an_underlying_the_venue_does_not_have_gives_an_empty_chain_without_spot(answer: Any) -> None:
    gateway = a_gateway(get_option_chain={}, get_stock_snapshot=answer, get_option_contracts=[page()])
    chain = await ask(chains_of(gateway), underlying="NOPE")
    assert (len(chain), chain.spot) == (0, None)


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("method", ["get_option_chain", "get_stock_snapshot", "get_option_contracts"])
async def test_a_refused_symbol_is_an_unknown_underlying(status: int, method: str) -> None:
    no = VenueRefused(status, None, "invalid symbol")
    gateway = a_gateway(**{method: [no] if method == "get_option_contracts" else no})
    assert (await ask(chains_of(gateway))).spot is None


async def test_refused_keys_are_not_an_unknown_underlying() -> None:
    with pytest.raises(VenueRefused):
        await ask(chains_of(a_gateway(get_option_chain=VenueRefused(403, None, "forbidden"))))


async def test_a_venue_that_is_down_is_said_to_be() -> None:
    with pytest.raises(VenueUnavailable):
        await ask(chains_of(a_gateway(get_stock_snapshot=VenueUnavailable("the venue answered 503"))))


async def test_a_failed_listing_is_not_kept() -> None:
    gateway = a_gateway(get_option_contracts=[VenueUnavailable("503"), page(CALL)])
    chains = chains_of(gateway)
    with pytest.raises(VenueUnavailable):
        await ask(chains)
    assert (await ask(chains)).tradable.tolist() == [True, False]
