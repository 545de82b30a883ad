"""What is told of a contract that was looked at: SPY at 520, a day trade at 10:30, see tests/fakes/chains.py."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from dispatch.candidate_view import candidate_json, cells, contract_name, verdict
from dispatch.candidates import Candidate, Candidates, judge
from kernel.domain.options import Strategy
from kernel.testing.builders import NOW
from tests.fakes.chains import TODAY, Row, a_calendar, a_chain
from tests.fakes.params import params_with

GOOD = Row()


def judged(*rows: Row, budget: str = "1000", **selector: Any) -> Candidates:
    return judge(
        a_chain(*rows),
        Strategy.DAY_TRADE,
        budget_usd=Decimal(budget),
        calendar=a_calendar(),
        params=params_with(**selector).selector,
        now=NOW,
    )


def the_one(row: Row, **selector: Any) -> Candidate:
    (candidate,) = judged(row, **selector).best()
    return candidate


@pytest.mark.parametrize(
    ("row", "code", "text", "value", "limit"),
    [
        (
            GOOD.but(bid="2.30", ask="2.60"),
            "SPREAD_TOO_WIDE",
            "spread 12.2%, must be below 10%",
            12.244898,
            10,
        ),
        (GOOD.but(bid="0.28", ask="0.29"), "PREMIUM_TOO_LOW", "premium $0.285, at least $0.30", 0.285, 0.3),
        (GOOD.but(day_volume=120), "VOLUME_TOO_LOW", "volume 120, at least 200", 120, 200),
        (
            GOOD.but(quoted_at=NOW - timedelta(seconds=412)),
            "QUOTE_STALE",
            "quote 412 s old, at most 300 s",
            412,
            300,
        ),
        (GOOD.but(bid="2.52", ask="2.50"), "QUOTE_CROSSED", "bid $2.52 above ask $2.50", 2.52, 2.5),
        (
            GOOD.but(expiration=date(2026, 7, 2)),
            "OUTSIDE_EXPIRATION_WINDOW",
            "27 days to expiration, 0 to 7",
            27,
            7,
        ),
        (GOOD.but(expiration=TODAY - timedelta(days=1)), "EXPIRED", "expired 2026-06-04", -1, 0),
        (GOOD.but(delta=0.91), "DELTA_OUT_OF_BAND", "abs delta 0.910, inside 0.10 to 0.85", 0.91, 0.85),
        (GOOD.but(delta=-0.05), "DELTA_OUT_OF_BAND", "abs delta 0.050, inside 0.10 to 0.85", 0.05, 0.1),
        (
            GOOD.but(bid="12.40", ask="12.50"),
            "TOO_EXPENSIVE",
            "one contract $1,245.00, risk budget $1,000.00",
            1245,
            1000,
        ),
    ],
)
def test_a_miss_tells_the_figure_and_the_limit(
    row: Row, code: str, text: str, value: float, limit: float
) -> None:
    (miss,) = the_one(row).misses
    assert (miss.reason.value, miss.text) == (code, text)
    assert miss.value == pytest.approx(value)
    assert miss.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (GOOD.but(bid=None), "QUOTE_MISSING"),
        (GOOD.but(quoted_at=None), "QUOTE_MISSING"),
        (GOOD.but(delta=None), "DELTA_MISSING"),
        (GOOD.but(tradable=False), "NOT_TRADABLE"),
        (GOOD.but(unreadable=True, delta=None, bid=None), "VALUE_INVALID"),
    ],
)
def test_what_only_follows_from_another_reason_is_not_told(row: Row, code: str) -> None:
    (miss,) = the_one(row).misses
    assert miss.reason.value == code
    assert miss.value is None


def test_open_interest_that_is_too_low_is_told_only_where_it_is_known() -> None:
    (miss,) = the_one(GOOD.but(open_interest=3), open_interest_min=10).misses
    assert miss.text == "open interest 3, at least 10"
    assert the_one(GOOD.but(open_interest=None), open_interest_min=10).qualifies


def test_a_contract_that_expires_today_tells_how_long_was_left() -> None:
    (miss,) = the_one(GOOD.but(expiration=TODAY), expiry_day_cutoff_min=400).misses
    assert miss.text == "expires today, 330 min to the close, more than 400"


def test_everything_against_a_contract_is_told_the_selectors_own_reason_first() -> None:
    candidate = the_one(GOOD.but(bid="2.30", ask="2.60", day_volume=3, delta=0.02))
    assert candidate.contract.reason == candidate.misses[0].reason
    assert verdict(candidate) == (
        "SPREAD_TOO_WIDE: spread 12.2%, must be below 10%; volume 3, at least 200;"
        " abs delta 0.020, inside 0.10 to 0.85"
    )


def test_a_contract_that_qualifies_with_too_low_a_score_says_so() -> None:
    candidate = the_one(GOOD, min_score=99)
    assert candidate.qualifies
    assert verdict(candidate).startswith("qualifies, but scores 9")
    assert verdict(candidate).endswith("at least 99")
    assert verdict(the_one(GOOD)) == "ok"


def test_the_refused_are_told_by_the_score_they_would_have_had() -> None:
    better, worse = GOOD.but(tradable=False), GOOD.but(strike="560", day_volume=1)
    modest = GOOD.but(strike="525", bid="2.40", ask="2.60")
    candidates = judged(modest, worse, better)
    chosen = candidates.best(1)[0].total
    assert chosen is not None
    symbols = [c.contract.occ_symbol for c in candidates.refused(5, above=chosen)]
    assert symbols == [better.symbol]
    assert [c.contract.occ_symbol for c in candidates.refused(5)] == [better.symbol, worse.symbol]
    assert len(candidates.refused(1)) == 1


def test_the_cheapest_that_only_costs_too_much_is_found() -> None:
    cheap = GOOD.but(bid="2.49", ask="2.51")
    cheaper_but_thin = GOOD.but(strike="525", bid="1.49", ask="1.51", day_volume=1)
    dear = GOOD.but(strike="515", bid="5.49", ask="5.51")
    found = judged(cheap, cheaper_but_thin, dear, budget="100").only_too_expensive()
    assert found is not None
    assert found.contract.occ_symbol == cheap.symbol
    assert judged(GOOD).only_too_expensive() is None


def test_a_row_of_the_table_is_rounded_for_the_eye_and_json_is_not() -> None:
    candidate = the_one(GOOD.but(bid="2.30", ask="2.60"))
    told = cells(candidate)
    assert told[:8] == (GOOD.symbol, "7", "2.30", "2.60", "12.2%", "850", "0.50", "0.0%")
    assert cells(candidate, chosen=GOOD.symbol)[-1] == "chosen"
    document = candidate_json(candidate)
    assert document["reason"] == "SPREAD_TOO_WIDE"
    assert document["spread_pct"] == pytest.approx(12.2449, abs=1e-4)
    assert document["misses"][0]["unit"] == "pct"


def test_a_contract_without_delta_or_quote_has_no_score() -> None:
    assert cells(the_one(GOOD.but(delta=None)))[-2] == "-"
    assert candidate_json(the_one(GOOD.but(bid=None, ask=None)))["spread_pct"] is None


def test_contracts_are_named_as_traders_name_them() -> None:
    assert contract_name("SPY260717P00616000") == "SPY Jul 17 616 put"
    assert contract_name("AAPL260612C00232500") == "AAPL Jun 12 232.5 call"
    assert contract_name("odd") == "odd"
