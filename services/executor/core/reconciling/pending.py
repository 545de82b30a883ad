"""What has happened at the venue and is told by no activity before tomorrow: read off the figures themselves.

Entry points: `renamed`, `settled`.
1. Exercise, assignment and expiry move positions and cash at once, their activities come the next day. So contracts
   that are gone are explained when shares and cash moved exactly as the strikes say; those that nothing moved for,
   when the session of their last day is over too. What leaves cash unexplained explains nothing: it may be a sale.
2. Of one underlying the calls with the lowest strikes and the puts with the highest are the ones in the money.
3. A contract is adjusted when it is gone and another took its place: the same day and right, and either a digit behind
   its root and as many contracts, or strike × contracts the same.
4. Ids follow from account, contract, day and the figures, so two passes or two workers find the same event.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import accumulate, product

from kernel.domain.calendar import market_day
from kernel.domain.clock import MARKET_ZONE
from kernel.domain.ids import derive_id
from kernel.domain.money import CONTRACT_MULTIPLIER
from kernel.domain.options import OptionSymbol, Right
from services.executor.core.reconciling.activities import Kind, option_of
from services.executor.core.reconciling.books import Difference, Event, cash_agrees

#: The latest close there is: until then a contract that is gone on its last day may have been sold. On half days what
#: expires stands unexplained for three hours, in which nothing trades.
_LATEST_CLOSE = time(16)
_SATURDAY = 5
_NO_CASH = Decimal(0)
#: Ways to split the gone contracts into exercised and expired that are tried at most.
_WAYS_MAX = 4096


@dataclass(frozen=True, slots=True)
class _Gone:
    symbol: str
    option: OptionSymbol
    #: Signed as it was held.
    quantity: Decimal
    #: What the ledger held, and what there is.
    figures: str

    @property
    def shares(self) -> Decimal:
        """Return the shares that exercising (or being assigned) it brings."""
        return (1 if self.option.right is Right.CALL else -1) * self.quantity * CONTRACT_MULTIPLIER

    @property
    def cash_usd(self) -> Decimal:
        return -self.option.strike * self.shares


@dataclass(frozen=True, slots=True)
class _Way:
    """One reading of an underlying's gone contracts."""

    exercised: tuple[_Gone, ...]
    expired: tuple[_Gone, ...]

    @property
    def cash_usd(self) -> Decimal:
        return sum((gone.cash_usd for gone in self.exercised), Decimal(0))


def renamed(account_id: str, positions: Mapping[str, Difference], now: datetime) -> list[Event]:
    """Return the events of contracts that were adjusted; `positions` are the differences by symbol."""
    gone = [(s, o, d.expected) for s, d in positions.items() if (o := option_of(s)) and d.found == 0]
    come = [(s, o, d.found) for s, d in positions.items() if (o := option_of(s)) and d.expected == 0]
    writer, events, used = _Writer(account_id, now), list[Event](), set[str]()
    for old, old_option, held in gone:
        for new, new_option, found in come:
            if new not in used and _is_adjusted(old_option, held, new_option, found):
                used.add(new)
                figures = f"{held.normalize():f} {old}>{found.normalize():f} {new}"
                events.append(writer.event(Kind.CONTRACT_ADJUSTED, old, -held, figures))
                events.append(writer.event(Kind.CONTRACT_ADJUSTED, new, found, figures))
                break
    return events


def settled(
    account_id: str, positions: Mapping[str, Difference], cash_usd: Decimal, now: datetime
) -> list[Event]:
    """Return the events of contracts exercised, assigned or expired; `cash_usd` is what the venue has more.

    None where the cash that is left does not agree.
    """
    by_root: dict[str, list[_Gone]] = {}
    for gone in _gone(positions):
        by_root.setdefault(gone.option.root, []).append(gone)
    choices = []
    for root, contracts in sorted(by_root.items()):
        shares = positions[root].amount if root in positions else Decimal(0)
        possible = [way for way in _ways(contracts, shares) if _is_possible(way, now)]
        if possible:
            choices.append(possible)
    ways, writer = _nearest(choices, cash_usd), _Writer(account_id, now)
    if not cash_agrees(cash_usd, _cash_usd(ways)):
        return []
    return [event for way in ways for event in _events(writer, way)]


def _gone(positions: Mapping[str, Difference]) -> Iterable[_Gone]:
    for symbol, difference in sorted(positions.items()):
        option, held, left = option_of(symbol), difference.expected, difference.found
        if option is not None and held != 0 and left * held >= 0 and abs(left) < abs(held):
            yield _Gone(symbol, option, held - left, f"{held.normalize():f}>{left.normalize():f}")


def _ways(contracts: Sequence[_Gone], shares: Decimal) -> Iterable[_Way]:
    """Return the ways that bring so many shares."""
    calls = sorted((c for c in contracts if c.option.right is Right.CALL), key=lambda c: c.option.strike)
    puts = sorted((c for c in contracts if c.option.right is Right.PUT), key=lambda c: -c.option.strike)
    of_calls, of_puts = _shares(calls), _shares(puts)
    for n, m in product(range(len(of_calls)), range(len(of_puts))):
        if of_calls[n] + of_puts[m] == shares:
            yield _Way((*calls[:n], *puts[:m]), (*calls[n:], *puts[m:]))


def _shares(contracts: Sequence[_Gone]) -> list[Decimal]:
    """Return the shares that the first none, one, two, … of the contracts bring."""
    return list(accumulate((gone.shares for gone in contracts), initial=Decimal(0)))


def _is_possible(way: _Way, now: datetime) -> bool:
    return all(_is_past(gone.option.expiration, now) for gone in way.expired)


def _is_past(expiration: date, now: datetime) -> bool:
    last_day = expiration - timedelta(days=1) if expiration.weekday() == _SATURDAY else expiration
    return now >= datetime.combine(last_day, _LATEST_CLOSE, MARKET_ZONE)


def _nearest(choices: Sequence[Sequence[_Way]], cash_usd: Decimal) -> tuple[_Way, ...]:
    """Return a way for each underlying so that they leave the least cash unexplained; the fewest exercised if equal."""
    tried = (ways for ways, _ in zip(product(*choices), range(_WAYS_MAX), strict=False))
    return min(tried, key=lambda ways: _left(ways, cash_usd), default=())


def _left(ways: Sequence[_Way], cash_usd: Decimal) -> tuple[Decimal, int]:
    return abs(cash_usd - _cash_usd(ways)), sum(len(way.exercised) for way in ways)


def _cash_usd(ways: Iterable[_Way]) -> Decimal:
    return sum((way.cash_usd for way in ways), Decimal(0))


def _events(writer: "_Writer", way: _Way) -> Iterable[Event]:
    for gone in way.expired:
        yield writer.event(Kind.EXPIRY_PENDING, gone.symbol, -gone.quantity, gone.figures)
    for gone in way.exercised:
        kind = Kind.EXERCISE_PENDING if gone.quantity > 0 else Kind.ASSIGNMENT_PENDING
        figures = f"{gone.symbol}:{gone.figures}"
        yield writer.event(kind, gone.symbol, -gone.quantity, figures)
        yield writer.event(kind, gone.option.root, gone.shares, figures, gone.cash_usd)


def _is_adjusted(old: OptionSymbol, held: Decimal, new: OptionSymbol, found: Decimal) -> bool:
    if (old.expiration, old.right) != (new.expiration, new.right) or held * found <= 0:
        return False
    if new.root != old.root:
        return new.root.rstrip("0123456789") == old.root.rstrip("0123456789") and held == found
    return old.strike != new.strike and old.strike * held == new.strike * found


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes events of one account, as seen at `now`."""

    account_id: str
    now: datetime

    def event(
        self, kind: Kind, symbol: str, quantity: Decimal, figures: str, cash_usd: Decimal = _NO_CASH
    ) -> Event:
        return Event(
            id=derive_id(f"{self.account_id}:{symbol}", f"{kind}:{market_day(self.now)}:{figures}"),
            kind=kind,
            at=self.now,
            symbol=symbol,
            quantity=quantity,
            cash_usd=cash_usd,
            expects=quantity,
            expects_usd=cash_usd,
            note=f"{figures}; the venue's activity is expected the next day",
        )
