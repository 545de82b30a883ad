"""What a gate is, and the words all of them share."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from kernel.contracts.messages import RejectionCode, Ticket
from kernel.domain.money import plain, usd_per_contract
from kernel.domain.options import OptionSymbol
from services.executor.core.facts import AccountFacts, Fact, Facts
from services.executor.core.gates.limits import Limits

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no: its code, one sentence for a person, and the figures behind it."""

    code: RejectionCode
    message: str
    figures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class No:
    """A gate's no before it has its code."""

    message: str
    figures: dict[str, str]


Ask = Callable[[Ticket, Facts, Limits], No | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One question: `when` says for people when it is answered no, `bounds` names the parameters that decide."""

    code: RejectionCode
    ask: Ask
    when: str
    bounds: tuple[str, ...] = ()
    needs: frozenset[Fact] = frozenset()

    def refusal(self, ticket: Ticket, facts: Facts, limits: Limits) -> Refusal | None:
        """Return this gate's no, or None."""
        no = self.ask(ticket, facts, limits)
        return None if no is None else Refusal(code=self.code, message=no.message, figures=no.figures)


def no(message: str, **figures: object) -> No:
    """Return a no with its figures as text."""
    return No(message=message, figures={name: shown(value) for name, value in figures.items()})


def shown(value: object) -> str:
    """Write a figure: amounts plainly, times in ISO form, what is missing as `none`."""
    match value:
        case None:
            return "none"
        case Decimal():
            return plain(value) if value.is_finite() else str(value)
        case float():
            return f"{value:g}"
        case datetime():
            return value.isoformat()
        case _:
            return str(value)


def within(value: Decimal | None, bound: Decimal | None) -> bool:
    """Tell whether a figure is at most its bound; no figure and no bound is no."""
    if value is None or bound is None:
        return False
    return value.is_finite() and bound.is_finite() and value <= bound


def positive(value: Decimal | None) -> bool:
    """Tell whether a figure is a number above zero."""
    return value is not None and value.is_finite() and value > 0


def cost_usd(ticket: Ticket) -> Decimal:
    """Return what the ticket's order may cost: its contracts at the price ceiling, NaN if that is no price."""
    if ticket.contracts <= 0 or not positive(ticket.price_ceiling):
        return Decimal("NaN")
    return ticket.contracts * usd_per_contract(ticket.price_ceiling)


def equity_usd(account: AccountFacts | None) -> Decimal | None:
    """Return the account's equity if it is a number above zero."""
    return account.equity_usd if account is not None and positive(account.equity_usd) else None


def smaller_bound(usd_max: Decimal, pct_max: Decimal, equity: Decimal | None) -> Decimal | None:
    """Return the tighter of a bound in USD and one in percent of equity; None without equity."""
    return None if equity is None else min(usd_max, equity * pct_max / 100)


def root_of(occ_symbol: str) -> str | None:
    """Return the root of an OCC symbol; None if it is none."""
    try:
        return OptionSymbol.parse(occ_symbol).root
    except ValueError:
        return None
