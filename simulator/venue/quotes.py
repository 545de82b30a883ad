"""The quote an order meets."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from kernel.domain.money import mid_price


@dataclass(frozen=True, slots=True, kw_only=True)
class Nbbo:
    """Best bid and ask in USD per share; None where nobody quotes. Sizes in contracts or shares, None if untold."""

    bid: Decimal | None
    ask: Decimal | None
    bid_size: int | None = None
    ask_size: int | None = None

    @property
    def mid(self) -> Decimal | None:
        """The exact midpoint, or None when a side is missing."""
        return None if self.bid is None or self.ask is None else mid_price(self.bid, self.ask)


NO_QUOTE = Nbbo(bid=None, ask=None)

#: Tells the quote of a symbol now; `NO_QUOTE` while its market is closed or nobody quotes.
QuoteOf = Callable[[str], Nbbo]
