"""Answers that are lost, late or refused on the way, updates that are lost or doubled, and damaged chains."""

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.requests import OptionChainRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import OrderType

from simulator.server import VenueThread
from tests.fakes.market import spy
from tests.integration.simulator.at_venue import KEYS, a_buy, eventually, inject, journal, refusal_of
from tests.integration.simulator.updates import UpdateListener


@pytest.fixture
def raw_options(venue: VenueThread) -> OptionHistoricalDataClient:
    return OptionHistoricalDataClient("key", "secret", raw_data=True, url_override=venue.url)


def test_a_venue_that_is_down_answers_503_as_often_as_asked(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "down", count=2, path="/v2/account")
    for _ in range(2):
        with pytest.raises(APIError) as error:
            trading.get_account()
        assert error.value.status_code == 503
    assert trading.get_clock().is_open
    assert trading.get_account().cash == "100000"


def test_an_answer_lost_after_acceptance_leaves_the_order_behind(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "error_after_accept", path="/v2/orders", method="POST")
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert error.value.status_code == 504
    assert trading.get_order_by_client_id("ticket-1").symbol == spy(520)


def test_trap_alpaca_py_sends_an_order_again_after_504_and_meets_its_duplicate(
    venue: VenueThread, trading: TradingClient
) -> None:
    """A 504 can follow an accepted order: without a client order id the repeat would be a second order."""
    trading._retry, trading._retry_wait = 3, 0
    inject(venue, "error_after_accept", path="/v2/orders", method="POST")
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert refusal_of(error) == (422, {"code": 40010001, "message": "client_order_id must be unique"})
    assert len(venue.desk.account.orders) == 1
    posts = [row["status"] for row in journal(venue, "request") if row["method"] == "POST"]
    assert posts == [504, 422]


def test_an_error_before_acceptance_leaves_nothing_behind(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "error_before_accept", path="/v2/orders", method="POST")
    with pytest.raises(APIError) as error:
        trading.submit_order(a_buy(client_order_id="ticket-1"))
    assert error.value.status_code == 500
    with pytest.raises(APIError) as error:
        trading.get_order_by_client_id("ticket-1")
    assert error.value.status_code == 404


def test_an_answer_held_back_too_long_leaves_the_order_behind(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "timeout", path="/v2/orders", method="POST", delay_ms=1500)
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{venue.url}/v2/orders",
            data=a_buy(client_order_id="ticket-1", type=OrderType.LIMIT).model_dump_json(exclude_none=True),
            headers=KEYS,
            timeout=0.2,
        )
    assert trading.get_order_by_client_id("ticket-1").symbol == spy(520)


def test_dropped_and_doubled_updates_reach_the_listener_so(
    venue: VenueThread, trading: TradingClient
) -> None:
    inject(venue, "drop_updates", count=2)
    inject(venue, "duplicate_updates", count=1)
    with UpdateListener(venue) as listener:
        trading.submit_order(a_buy())
        eventually(lambda: len(listener.heard) == 2, "the fill, twice")
    assert [update.event for update in listener.heard] == ["fill", "fill"]
    assert listener.heard[0].execution_id == listener.heard[1].execution_id


def test_damaged_chains_are_as_asked(venue: VenueThread, raw_options: OptionHistoricalDataClient) -> None:
    wanted = OptionChainRequest(underlying_symbol="SPY")
    for kind in ("empty_chain", "chain_without_greeks", "quote_nan"):
        inject(venue, kind)
    assert raw_options.get_option_chain(wanted) == {}
    assert not any("greeks" in row for row in raw_options.get_option_chain(wanted).values())
    bids = [row["latestQuote"]["bp"] for row in raw_options.get_option_chain(wanted).values()]
    assert {str(bid) for bid in bids} == {"nan", "None"}
    assert raw_options.get_option_chain(wanted)[spy(520)]["greeks"]["delta"] == 0.5


def test_faults_are_listed_and_cleared(venue: VenueThread, trading: TradingClient) -> None:
    inject(venue, "down", count=None)
    waiting = requests.get(f"{venue.url}/sim/faults", timeout=30).json()
    assert [(fault["kind"], fault["count"]) for fault in waiting] == [("down", None)]
    requests.delete(f"{venue.url}/sim/faults", timeout=30).raise_for_status()
    assert trading.get_clock().is_open


def test_an_unknown_fault_is_a_bad_request(venue: VenueThread) -> None:
    answer = requests.post(f"{venue.url}/sim/faults", json={"kind": "earthquake"}, timeout=30)
    assert answer.status_code == 400
