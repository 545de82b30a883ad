"""Options on an index through alpaca-py: they are bought like others and cannot be exercised before they end."""

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import ExerciseStyle, OrderSide
from alpaca.trading.requests import GetOptionContractsRequest

from simulator.markets.synthetic import SyntheticMarket
from simulator.server import VenueThread
from simulator.settings import VenueSettings
from tests.integration.simulator.at_venue import at_market, filled, refusal_of


def test_a_european_contract_is_not_exercised_before_its_end(market: SyntheticMarket) -> None:
    with VenueThread(market, VenueSettings(speed=0, equity=1_000_000, partial_fills=0)) as venue:
        client = TradingClient("key", "secret", url_override=venue.url)
        wanted = GetOptionContractsRequest(
            underlying_symbols=["SPX"],
            style=ExerciseStyle.EUROPEAN,
            type="call",
            strike_price_lte=str(float(venue.desk.view.spot("SPX", market.starts_at) or 0) * 0.98),
            expiration_date_lte="2026-12-31",
            limit=1000,
        )
        deep = client.get_option_contracts(wanted).option_contracts[-1]
        assert deep.style is ExerciseStyle.EUROPEAN
        sent = client.submit_order(at_market(OrderSide.BUY, symbol=deep.symbol))
        requests.post(f"{venue.url}/sim/step", json={"seconds": 1}, timeout=30).raise_for_status()
        filled(client, sent)
        with pytest.raises(APIError) as error:
            client.exercise_options_position(deep.symbol)
        message = f"contract {deep.symbol} can be exercised at its expiration only"
        assert refusal_of(error) == (403, {"code": 40310000, "message": message})
        assert client.get_open_position(deep.symbol).qty == "1"
