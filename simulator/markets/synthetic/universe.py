"""The names a synthetic market trades, and what sets each apart."""

from dataclasses import dataclass

from simulator.markets.synthetic.smile import Smile

#: Skew and curvature; an index is bought as insurance, so its puts stand higher.
STOCK_SMILE = Smile(skew=-0.3, curve=0.7)
INDEX_SMILE = Smile(skew=-0.5, curve=0.75)


@dataclass(frozen=True, slots=True, kw_only=True)
class Underlying:
    """One name.

    `price_usd` is the level it returns to over months; `volatility` and `dividend` are yearly; `market_share` is the
    correlation of its moves with the market's; `share_volume` is a day's (0: an index, which has no quote of its own);
    `option_volume` is what the busiest contract trades in a day; `strike_step_usd` is the spacing of near expirations;
    `spread_factor` scales the width of option quotes (1.0: a liquid single name).
    """

    symbol: str
    price_usd: float
    volatility: float
    dividend: float
    market_share: float
    share_volume: int
    option_volume: int
    strike_step_usd: float
    spread_factor: float
    #: Weekdays (Monday 0) of the weekly expirations.
    expires_on: tuple[int, ...] = (4,)
    #: Standard deviation of the gap after a quarterly report, in log price; 0: it does not report.
    earnings_move: float = 0.0
    smile: Smile = STOCK_SMILE
    #: What its option symbols begin with, where that is not its own symbol.
    option_root: str | None = None
    #: European contracts, settled in cash; else American ones, for shares.
    is_european: bool = False
    days_listed: int = 60
    strikes_each_way: int = 26
    #: Option prices are multiples of the first below $3 and of the second from there on.
    ticks_usd: tuple[float, float] = (0.01, 0.01)

    @property
    def is_index(self) -> bool:
        """Tell whether nobody trades it."""
        return self.share_volume == 0

    @property
    def root(self) -> str:
        """Return what its option symbols begin with."""
        return self.option_root or self.symbol


_EVERY_OTHER_DAY = (0, 2, 4)
_EVERY_DAY = (0, 1, 2, 3, 4)

UNDERLYINGS: tuple[Underlying, ...] = (
    Underlying(
        symbol="SPY",
        price_usd=590.0,
        volatility=0.14,
        dividend=0.012,
        market_share=0.97,
        share_volume=60_000_000,
        option_volume=40_000,
        strike_step_usd=1.0,
        spread_factor=0.5,
        expires_on=_EVERY_OTHER_DAY,
        smile=INDEX_SMILE,
    ),
    Underlying(
        symbol="QQQ",
        price_usd=510.0,
        volatility=0.18,
        dividend=0.006,
        market_share=0.92,
        share_volume=40_000_000,
        option_volume=24_000,
        strike_step_usd=1.0,
        spread_factor=0.6,
        expires_on=_EVERY_OTHER_DAY,
        smile=INDEX_SMILE,
    ),
    Underlying(
        symbol="IWM",
        price_usd=215.0,
        volatility=0.20,
        dividend=0.012,
        market_share=0.85,
        share_volume=25_000_000,
        option_volume=8_000,
        strike_step_usd=1.0,
        spread_factor=0.8,
        expires_on=_EVERY_OTHER_DAY,
        smile=INDEX_SMILE,
    ),
    Underlying(
        symbol="AAPL",
        price_usd=210.0,
        volatility=0.25,
        dividend=0.005,
        market_share=0.65,
        share_volume=50_000_000,
        option_volume=14_000,
        strike_step_usd=2.5,
        spread_factor=1.0,
        earnings_move=0.035,
    ),
    Underlying(
        symbol="MSFT",
        price_usd=440.0,
        volatility=0.22,
        dividend=0.007,
        market_share=0.7,
        share_volume=20_000_000,
        option_volume=5_000,
        strike_step_usd=2.5,
        spread_factor=1.4,
        earnings_move=0.04,
    ),
    Underlying(
        symbol="NVDA",
        price_usd=135.0,
        volatility=0.42,
        dividend=0.0,
        market_share=0.65,
        share_volume=200_000_000,
        option_volume=30_000,
        strike_step_usd=1.0,
        spread_factor=0.8,
        earnings_move=0.065,
    ),
    Underlying(
        symbol="TSLA",
        price_usd=320.0,
        volatility=0.55,
        dividend=0.0,
        market_share=0.5,
        share_volume=100_000_000,
        option_volume=25_000,
        strike_step_usd=2.5,
        spread_factor=1.0,
        earnings_move=0.08,
    ),
    Underlying(
        symbol="AMD",
        price_usd=120.0,
        volatility=0.45,
        dividend=0.0,
        market_share=0.6,
        share_volume=40_000_000,
        option_volume=7_000,
        strike_step_usd=1.0,
        spread_factor=1.1,
        earnings_move=0.07,
    ),
)

#: An index: nobody trades it, its contracts are the afternoon-settled SPXW, with prices in nickels and dimes.
INDEXES: tuple[Underlying, ...] = (
    Underlying(
        symbol="SPX",
        price_usd=5900.0,
        volatility=0.14,
        dividend=0.012,
        market_share=0.98,
        share_volume=0,
        option_volume=6_000,
        strike_step_usd=5.0,
        spread_factor=0.5,
        expires_on=_EVERY_DAY,
        smile=INDEX_SMILE,
        option_root="SPXW",
        is_european=True,
        days_listed=365,
        strikes_each_way=55,
        ticks_usd=(0.05, 0.10),
    ),
)
