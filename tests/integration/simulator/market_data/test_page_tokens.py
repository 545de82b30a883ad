"""Page tokens: garbage, and places that no page of this listing begins at, are refused and never an error of the venue."""

import base64
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.requests import OptionBarsRequest, StockBarsRequest
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.client import TradingClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.server import VenueThread
from tests.integration.simulator.at_venue import refusal_of
from tests.integration.simulator.data_clients import get, options, refused, stocks

SPAN = {"start": "2026-06-01T13:30:00Z", "end": "2026-06-01T14:00:00Z"}
OPTION = "SPY260731C00568000"
HISTORIES = {
    "/v1beta1/options/bars": {"symbols": OPTION, "timeframe": "1Min"},
    "/v1beta1/options/trades": {"symbols": OPTION},
    "/v2/stocks/bars": {"symbols": "SPY", "timeframe": "1Min"},
    "/v2/stocks/trades": {"symbols": "SPY"},
    "/v2/stocks/quotes": {"symbols": "SPY"},
    "/v2/stocks/SPY/bars": {"timeframe": "1Min"},
}
LISTINGS = {
    "/v1beta1/options/snapshots/SPY": {},
    "/v1beta1/options/snapshots": {"symbols": OPTION},
    "/v2/options/contracts": {"underlying_symbols": "SPY"},
}


def token_of(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


IN_SPAN_US = 1780320600000000
NO_PLACE = {
    "no base64": "!",
    "no text": "//8=",
    "no place": token_of("nonsense"),
    "an offset": "MTAw",
    "a negative place": token_of(f"SPY|{IN_SPAN_US}|-1"),
    "a time that is none": token_of("SPY|soon|0"),
    "a time beyond all calendars": token_of(f"SPY|{10**30}|0"),
    "before the start": token_of(f"SPY|{IN_SPAN_US - 3600 * 10**6}|0"),
    "after the end": token_of(f"SPY|{IN_SPAN_US + 36000 * 10**6}|0"),
    "a negative time": token_of("SPY|-1|0"),
}
NO_OFFSET = {
    "no base64": "!",
    "no text": "//8=",
    "no number": token_of("x"),
    "a negative offset": token_of("-1"),
    "a part": token_of("1.5"),
    "beyond 64 bits": token_of("9" * 40),
}


@pytest.mark.parametrize("path", HISTORIES)
@pytest.mark.parametrize("token", NO_PLACE.values(), ids=NO_PLACE)
def test_a_token_of_no_page_of_a_history_is_a_bad_request(venue: VenueThread, path: str, token: str) -> None:
    status, body = refused(venue, path, **HISTORIES[path], **SPAN, page_token=token)
    assert (status, set(body)) == (400, {"message"})
    assert body["message"].startswith("invalid page_token")


@pytest.mark.parametrize("path", LISTINGS)
@pytest.mark.parametrize("token", NO_OFFSET.values(), ids=NO_OFFSET)
def test_a_token_of_no_page_of_a_listing_is_a_bad_request(venue: VenueThread, path: str, token: str) -> None:
    status, body = refused(venue, path, **LISTINGS[path], page_token=token)
    assert (status, body["message"].startswith("invalid page_token")) == (400, True)
    assert body.get("code") == (40010000 if path.startswith("/v2/") else None)


@pytest.mark.parametrize("path", LISTINGS)
def test_an_offset_behind_the_last_row_is_an_empty_page(venue: VenueThread, path: str) -> None:
    answer = get(venue, path, **LISTINGS[path], page_token=token_of("2000000000"))
    rows = next(value for name, value in answer.json().items() if name != "next_page_token")
    assert (answer.status_code, len(rows), answer.json()["next_page_token"]) == (200, 0, None)


def test_alpaca_py_raises_what_the_venue_refuses(venue: VenueThread) -> None:
    """Its requests have no token of their own, so one is slipped in, as its own paging would."""
    for client, request in (
        (options(venue), OptionBarsRequest(symbol_or_symbols=OPTION, timeframe=TimeFrame.Minute)),
        (stocks(venue), StockBarsRequest(symbol_or_symbols="SPY", timeframe=TimeFrame.Minute)),
    ):
        prefix = "options" if "Option" in type(client).__name__ else "stocks"
        fields = request.to_request_fields() | {"symbols": "SPY", "page_token": "!"}
        with pytest.raises(APIError) as error:
            client.get(f"/{prefix}/bars", fields)
        assert refusal_of(error) == (400, {"message": "invalid page_token: '!'"})


@pytest.mark.parametrize("token", ["!", "-1", "0", "9" * 40, "20260610::none", "20260610113406977::", "\x00"])
def test_a_token_that_is_no_activity_is_a_bad_request(venue: VenueThread, token: str) -> None:
    client = TradingClient("key", "secret", url_override=venue.url)
    with pytest.raises(APIError) as error:
        client.get("/account/activities", {"page_token": token})
    status, body = refusal_of(error)
    assert (status, body["code"]) == (400, 40010000)
    assert body["message"].startswith("invalid page_token")


@pytest.mark.parametrize(
    "params",
    [{"after_order_id": "!"}, {"before_order_id": "-1"}, {"after_order_id": "9" * 60}, {"limit": "-1"}],
)
def test_a_place_that_is_no_order_is_a_bad_request(venue: VenueThread, params: dict[str, str]) -> None:
    client = TradingClient("key", "secret", url_override=venue.url)
    with pytest.raises(APIError) as error:
        client.get("/orders", params)
    status, body = refusal_of(error)
    assert (status, body["code"]) == (400, 40010000)


texts = st.one_of(
    st.text(max_size=30),
    st.binary(max_size=30).map(lambda raw: base64.b64encode(raw).decode()),
    st.tuples(st.text(max_size=8), st.integers(), st.integers()).map(
        lambda place: base64.b64encode("|".join(map(str, place)).encode("utf-8", "replace")).decode()
    ),
    st.integers().map(lambda offset: token_of(str(offset))),
)


@given(token=texts, path=st.sampled_from([*HISTORIES, *LISTINGS]))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_token_it_is_a_page_or_a_refusal(venue: VenueThread, token: str, path: str) -> None:
    params: dict[str, Any] = {**HISTORIES.get(path, LISTINGS.get(path, {})), **SPAN, "page_token": token}
    answer = get(venue, path, **params)
    assert answer.status_code in {200, 400}, answer.text
    assert isinstance(answer.json(), dict)
