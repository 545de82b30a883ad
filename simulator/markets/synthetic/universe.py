"""The names a synthetic market trades, and what sets each apart."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """One name.

    `price_usd` is the level it returns to over months; `volatility` and `dividend` are yearly; `share_volume` is a
    day's; `option_volume` is what the busiest contract trades in a day; `strike_step_usd` is the spacing of near
    expirations; `spread_factor` scales the width of option quotes (1.0: a liquid single name).
    """

    symbol: str
    price_usd: float
    volatility: float
    dividend: float
    share_volume: int
    option_volume: int
    strike_step_usd: float
    spread_factor: float
    #: Weekdays (Monday 0) of the weekly expirations.
    expires_on: tuple[int, ...] = (4,)


_EVERY_OTHER_DAY = (0, 2, 4)

UNDERLYINGS: tuple[Underlying, ...] = (
    Underlying(
        symbol="SPY",
        price_usd=590.0,
        volatility=0.14,
        dividend=0.012,
        share_volume=60_000_000,
        option_volume=40_000,
        strike_step_usd=1.0,
        spread_factor=0.5,
        expires_on=_EVERY_OTHER_DAY,
    ),
    Underlying(
        symbol="QQQ",
        price_usd=510.0,
        volatility=0.18,
        dividend=0.006,
        share_volume=40_000_000,
        option_volume=24_000,
        strike_step_usd=1.0,
        spread_factor=0.6,
        expires_on=_EVERY_OTHER_DAY,
    ),
    Underlying(
        symbol="IWM",
        price_usd=215.0,
        volatility=0.20,
        dividend=0.012,
        share_volume=25_000_000,
        option_volume=8_000,
        strike_step_usd=1.0,
        spread_factor=0.8,
        expires_on=_EVERY_OTHER_DAY,
    ),
    Underlying(
        symbol="AAPL",
        price_usd=210.0,
        volatility=0.25,
        dividend=0.005,
        share_volume=50_000_000,
        option_volume=14_000,
        strike_step_usd=2.5,
        spread_factor=1.0,
    ),
    Underlying(
        symbol="MSFT",
        price_usd=440.0,
        volatility=0.22,
        dividend=0.007,
        share_volume=20_000_000,
        option_volume=5_000,
        strike_step_usd=2.5,
        spread_factor=1.4,
    ),
    Underlying(
        symbol="NVDA",
        price_usd=135.0,
        volatility=0.42,
        dividend=0.0,
        share_volume=200_000_000,
        option_volume=30_000,
        strike_step_usd=1.0,
        spread_factor=0.8,
    ),
    Underlying(
        symbol="TSLA",
        price_usd=320.0,
        volatility=0.55,
        dividend=0.0,
        share_volume=100_000_000,
        option_volume=25_000,
        strike_step_usd=2.5,
        spread_factor=1.0,
    ),
    Underlying(
        symbol="AMD",
        price_usd=120.0,
        volatility=0.45,
        dividend=0.0,
        share_volume=40_000_000,
        option_volume=7_000,
        strike_step_usd=1.0,
        spread_factor=1.1,
    ),
)
