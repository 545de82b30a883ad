"""Requests are counted by account, API and minute of the machine's clock."""

from datetime import UTC, datetime, timedelta

from simulator.rate_limit import RateLimiter

START = datetime(2026, 6, 5, 14, 15, 20, tzinfo=UTC)


class Wall:
    """A wall clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def test_the_request_after_the_limit_is_refused_until_the_next_minute() -> None:
    wall = Wall()
    limiter = RateLimiter(2, wall=wall)
    allowed = [limiter.admit("a", "/v2/orders").is_allowed for _ in range(3)]
    wall.now += timedelta(seconds=39)
    allowed.append(limiter.admit("a", "/v2/orders").is_allowed)
    wall.now += timedelta(seconds=1)
    allowed.append(limiter.admit("a", "/v2/orders").is_allowed)
    assert allowed == [True, True, False, False, True]


def test_accounts_and_apis_count_apart() -> None:
    limiter = RateLimiter(1, wall=Wall())
    asked = [("a", "/v2/account"), ("b", "/v2/account"), ("a", "/v2/stocks/bars"), ("a", "/v1beta1/news")]
    assert [limiter.admit(*one).is_allowed for one in asked] == [True, True, True, False]


def test_headers_tell_limit_remaining_and_the_second_of_the_reset() -> None:
    limiter = RateLimiter(200, wall=Wall())
    limiter.admit("a", "/v2/account")
    headers = dict(limiter.admit("a", "/v2/account").headers_beside([]))
    assert headers == {
        b"x-ratelimit-limit": b"200",
        b"x-ratelimit-remaining": b"198",
        b"x-ratelimit-reset": str(int(START.timestamp()) + 40).encode(),
    }


def test_an_answer_that_tells_of_a_limit_itself_keeps_its_own() -> None:
    allowance = RateLimiter(200, wall=Wall()).admit("a", "/v2/account")
    assert [name for name, _ in allowance.headers_beside([(b"X-RateLimit-Limit", b"1")])] == [
        b"x-ratelimit-remaining",
        b"x-ratelimit-reset",
    ]
