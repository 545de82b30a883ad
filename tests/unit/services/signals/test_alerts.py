import json
from decimal import Decimal
from typing import Any

import pytest

from kernel.domain.options import Direction, Strategy
from services.signals.core.alerts import Alert, AlertRefused, content_hash, read_alert

GOOD = {"id": "tv-1", "ticker": "SPY", "direction": "bullish", "strategy": "swing"}


def read(**changes: Any) -> Alert | AlertRefused:
    return read_alert(json.dumps(GOOD | changes).encode())


def alert(**changes: Any) -> Alert:
    answer = read(**changes)
    assert isinstance(answer, Alert), answer
    return answer


def fields(answer: Alert | AlertRefused) -> list[str]:
    assert isinstance(answer, AlertRefused)
    return [problem.field for problem in answer.problems]


def test_four_fields_make_an_alert() -> None:
    made = alert()
    assert (made.id, made.ticker) == ("tv-1", "SPY")
    assert (made.direction, made.strategy) == (Direction.BULLISH, Strategy.SWING)
    assert (made.setup, made.price, made.expires_in_s) == ("alert", None, None)


@pytest.mark.parametrize("name", GOOD)
def test_each_of_the_four_is_required(name: str) -> None:
    without = {key: value for key, value in GOOD.items() if key != name}
    assert fields(read_alert(json.dumps(without).encode())) == [name]


@pytest.mark.parametrize(("word", "direction"), [("buy", Direction.BULLISH), ("sell", Direction.BEARISH)])
def test_the_action_words_of_tradingview_name_a_direction(word: str, direction: Direction) -> None:
    assert alert(direction=word).direction is direction


def test_numbers_never_pass_through_binary_floats() -> None:
    body = json.dumps(GOOD)[:-1] + ', "price": 520.10, "stop": 0.1}'
    made = read_alert(body.encode())
    assert isinstance(made, Alert)
    assert (made.price, made.stop) == (Decimal("520.10"), Decimal("0.1"))


def test_a_price_may_come_as_text_as_charts_send_it() -> None:
    assert alert(price="520.10").price == Decimal("520.10")


def test_digits_beyond_the_sixth_are_rounded_off() -> None:
    assert alert(atr=1.23456789).atr == Decimal("1.234568")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("id", ""),
        ("id", "x" * 129),
        ("id", "a\x00b"),
        ("id", "a\nb"),
        ("id", "\ud800"),
        ("id", 7),
        ("ticker", "spy"),
        ("ticker", "NOT A TICKER"),
        ("direction", "up"),
        ("direction", ["buy"]),
        ("strategy", "scalp"),
        ("setup", "a\tb"),
        ("price", -1),
        ("price", 0),
        ("price", 1e-9),
        ("price", 1e12),
        ("price", "NaN"),
        ("price", "Infinity"),
        ("price", True),
        ("stop", "low"),
        ("expires_in_s", 0),
        ("expires_in_s", 86401),
        ("surprise", 1),
    ],
)
def test_a_bad_value_is_refused_by_the_name_of_its_field(name: str, value: object) -> None:
    assert fields(read(**{name: value})) == [name]


def test_every_field_that_is_wrong_is_named() -> None:
    assert fields(read(ticker="spy", price=-1, surprise=1)) == ["ticker", "price", "surprise"]


@pytest.mark.parametrize(
    ("direction", "levels", "wrong"),
    [
        ("bullish", {"price": 520, "stop": 515, "target": 530}, []),
        ("bullish", {"price": 520, "stop": 521}, ["stop"]),
        ("bullish", {"price": 520, "stop": 520}, ["stop"]),
        ("bullish", {"price": 520, "target": 519}, ["target"]),
        ("bullish", {"stop": 530, "target": 520}, ["target"]),
        ("bearish", {"price": 520, "stop": 525, "target": 510}, []),
        ("bearish", {"price": 520, "stop": 519}, ["stop"]),
        ("bearish", {"price": 520, "target": 521}, ["target"]),
    ],
)
def test_stop_and_target_lie_on_their_sides_of_the_price(
    direction: str, levels: dict[str, int], wrong: list[str]
) -> None:
    answer = read(direction=direction, **levels)
    assert (fields(answer) if isinstance(answer, AlertRefused) else []) == wrong


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b'"SPY"',
        b"null",
        b'{"id": NaN}',
        b'{"id": Infinity}',
        b'{"id": -Infinity}',
        b'{"price": 1e99999999999999999999}',
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
)
def test_a_body_that_is_no_alert_at_all_is_refused_as_body(body: bytes) -> None:
    assert fields(read_alert(body)) == ["body"]


def test_a_field_given_twice_is_refused_by_name() -> None:
    assert fields(read_alert(b'{"ticker": "SPY", "ticker": "QQQ"}')) == ["ticker"]


def test_what_is_shown_of_a_senders_field_names_is_bounded_and_printable() -> None:
    many = {f"field {n}": n for n in range(1000)} | {"x" * 5000: 1, "\ud800": 1}
    answer = read_alert(json.dumps(many).encode())
    assert isinstance(answer, AlertRefused)
    assert len(answer.problems) <= 20
    lone = read_alert(b'{"\\ud800": 1, "\\ud800": 2}')
    assert fields(lone)[0].encode()
    assert max(len(p.field) for p in answer.problems) <= 64


def test_what_a_sender_wrote_is_not_repeated_in_the_problem() -> None:
    answer = read(ticker="my secret")
    assert isinstance(answer, AlertRefused)
    assert "secret" not in answer.problems[0].problem


def test_the_same_request_written_differently_has_one_content() -> None:
    one = read_alert(
        b'{"id":"a","ticker":"SPY","direction":"buy","strategy":"swing","price":520,"expires_in_s":60}'
    )
    two = read_alert(
        b'{ "expires_in_s": 6.00e1, "strategy":"swing", "direction":"bullish", "ticker":"SPY",'
        b'"price":"520.00", "id":"a"}'
    )
    assert isinstance(one, Alert)
    assert isinstance(two, Alert)
    assert content_hash(one) == content_hash(two)


@pytest.mark.parametrize(
    "change",
    [
        {"ticker": "QQQ"},
        {"direction": "bearish"},
        {"strategy": "day_trade"},
        {"setup": "other"},
        {"price": 1},
        {"stop": 1},
        {"target": 1},
        {"atr": 1},
        {"expires_in_s": 1},
    ],
)
def test_any_other_wish_has_another_content(change: dict[str, object]) -> None:
    assert content_hash(alert(**change)) != content_hash(alert())
