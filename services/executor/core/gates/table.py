"""The table of gates, in the order they are asked: first what is wrong with the ticket, last what only stands in its way."""

from collections.abc import Collection, Sequence

from kernel.contracts.messages import RejectionCode, Ticket
from services.executor.core.facts import Fact, Facts
from services.executor.core.gates import hours, price, stake, standing, ticket, traffic
from services.executor.core.gates.gate import Ask, Gate, Refusal
from services.executor.core.gates.limits import Limits


def _gate(
    code: RejectionCode, ask: Ask, when: str, bounds: Sequence[str] = (), needs: Collection[Fact] = ()
) -> Gate:
    return Gate(code=code, ask=ask, when=when, bounds=tuple(bounds), needs=frozenset(needs))


_STAKE = (Fact.ACCOUNT, Fact.POSITIONS, Fact.BOOK)
GATES: tuple[Gate, ...] = (
    _gate(RejectionCode.STRUCTURE_NOT_AVAILABLE, ticket.structure, "anything but buying one option to open"),
    _gate(
        RejectionCode.LIMIT_NOT_POSITIVE, ticket.limit_positive, "the limit is zero, negative or no number"
    ),
    _gate(RejectionCode.LIMIT_ABOVE_CEILING, ticket.ceiling, "the limit is above the ticket's own ceiling"),
    _gate(
        RejectionCode.CONTRACTS_ABOVE_MAXIMUM,
        ticket.own_maximum,
        "more contracts than the ticket's own maximum, or none",
    ),
    _gate(
        RejectionCode.CLOCK_SKEW,
        hours.clocks_agree,
        "this machine's clock is off the real venue's",
        ["executor.clock_skew_s_max"],
    ),
    _gate(RejectionCode.TICKET_EXPIRED, ticket.ticket_expired, "at or past the ticket's expiry"),
    _gate(RejectionCode.SIGNAL_EXPIRED, ticket.signal_expired, "at or past its signal's expiry"),
    _gate(RejectionCode.MARKET_CLOSED, hours.market_open, "no session is running; a half day ends early"),
    _gate(
        RejectionCode.EXPIRY_DAY_CUTOFF,
        hours.before_the_last_minutes,
        "the contract's last session is today and in its last minutes, or it is over",
        ["selector.expiry_day_cutoff_min"],
    ),
    _gate(
        RejectionCode.UNDERLYING_NOT_ALLOWED,
        ticket.underlying_allowed,
        "the underlying, or the contract's root, is not on the list; an empty list lets all pass",
        ["executor.gates.underlyings"],
    ),
    _gate(
        RejectionCode.HOST_NOT_ALLOWED,
        standing.host_allowed,
        "orders would go to a host that is neither Alpaca's paper host nor a loopback address",
        needs=[Fact.VENUE],
    ),
    _gate(
        RejectionCode.ACCOUNT_NOT_USABLE,
        standing.account_usable,
        "the account is blocked, is not the ticket's, or lacks its number, equity, last equity or buying power",
        needs=[Fact.ACCOUNT],
    ),
    _gate(
        RejectionCode.CONTRACTS_ABOVE_LIMIT,
        stake.contracts,
        "more contracts than any order may have, or than the account's tier lets, whatever the ticket claims",
        ["executor.gates.contracts_max", "sizer.tiers"],
        [Fact.ACCOUNT],
    ),
    _gate(
        RejectionCode.PREMIUM_ABOVE_LIMIT,
        stake.order_premium,
        "the order may cost too much",
        ["executor.gates.order_premium_usd_max", "executor.gates.order_premium_pct_max"],
        [Fact.ACCOUNT],
    ),
    _gate(
        RejectionCode.QUOTE_NOT_USABLE,
        price.quote_usable,
        "the option's bid, ask or time is missing, zero, crossed or no number, or its underlying has no price",
        needs=[Fact.QUOTE, Fact.PRICE],
    ),
    _gate(
        RejectionCode.QUOTE_TOO_OLD,
        price.quote_fresh,
        "the quote is too old at the time of sending, or as far in the future",
        ["executor.gates.quote_age_s_max"],
        [Fact.QUOTE],
    ),
    _gate(
        RejectionCode.SPREAD_TOO_WIDE,
        price.spread_narrow,
        "the spread at the time of sending, in percent of the mid",
        ["executor.gates.spread_pct_max"],
        [Fact.QUOTE],
    ),
    _gate(
        RejectionCode.PRICE_ABOVE_COLLAR,
        price.not_above_collar,
        "the limit is too far above the ask",
        ["executor.gates.price_collar_pct"],
        [Fact.QUOTE],
    ),
    _gate(
        RejectionCode.PRICE_BELOW_COLLAR,
        price.not_below_collar,
        "the limit is too far below the bid",
        ["executor.gates.price_collar_pct"],
        [Fact.QUOTE],
    ),
    _gate(
        RejectionCode.PRICE_BELOW_INTRINSIC,
        price.not_below_intrinsic,
        "the limit is under what exercise would bring: it, the quote or the underlying's price is broken",
        ["executor.gates.intrinsic_tolerance_pct"],
        [Fact.PRICE],
    ),
    _gate(
        RejectionCode.DAILY_LOSS_ABOVE_LIMIT,
        traffic.daily_loss,
        "equity is too far below the previous close",
        ["executor.gates.daily_loss_pct_max"],
        [Fact.ACCOUNT],
    ),
    _gate(
        RejectionCode.STREAM_NOT_READY,
        standing.stream_ready,
        "nobody listens to the venue's updates; asked again for a while first",
        ["executor.readiness_patience_s"],
        [Fact.READINESS],
    ),
    _gate(
        RejectionCode.RECONCILING,
        standing.reconciled,
        "our books were not compared with the venue's yet; asked again for a while first",
        ["executor.readiness_patience_s"],
        [Fact.READINESS],
    ),
    _gate(
        RejectionCode.DRIFT_UNEXPLAINED,
        standing.no_drift,
        "a difference to the venue's books stands that nothing explains; asked again for a while first",
        ["executor.readiness_patience_s"],
        [Fact.READINESS],
    ),
    _gate(
        RejectionCode.TRADING_HALTED,
        standing.not_halted,
        "the kill switch stands at HALTED, or nobody knows where it stands",
        needs=[Fact.BOOK],
    ),
    _gate(
        RejectionCode.REDUCING_ONLY,
        standing.not_reducing,
        "the kill switch stands at REDUCING and the order opens a position",
        needs=[Fact.BOOK],
    ),
    _gate(
        RejectionCode.ORDER_RATE_ABOVE_LIMIT,
        traffic.rate,
        "too many tickets within a minute of real time: taken up, refused ones too, or delivered again",
        ["executor.gates.orders_per_minute_max"],
        [Fact.BOOK],
    ),
    _gate(
        RejectionCode.CONSECUTIVE_REJECTS,
        traffic.not_refused_in_a_row,
        "the venue has refused too many orders in a row; counted anew when a person resumes trading",
        ["executor.gates.consecutive_rejects_max"],
        [Fact.BOOK],
    ),
    _gate(
        RejectionCode.DRAWDOWN_ABOVE_LIMIT,
        traffic.drawdown,
        "equity is too far below the highest seen; counted anew when a person resumes trading",
        ["executor.gates.drawdown_pct_max"],
        [Fact.ACCOUNT, Fact.BOOK],
    ),
    _gate(
        RejectionCode.SAME_ORDER_AGAIN,
        traffic.not_again,
        "an order on the same contract and side was sent a moment ago, market time",
        ["executor.gates.same_order_window_s"],
        [Fact.BOOK],
    ),
    _gate(
        RejectionCode.OPEN_POSITIONS_ABOVE_LIMIT,
        stake.open_positions,
        "with this contract, positions and live orders are on too many contracts",
        ["executor.gates.open_positions_max"],
        [Fact.POSITIONS, Fact.BOOK],
    ),
    _gate(
        RejectionCode.DAY_PREMIUM_ABOVE_LIMIT,
        stake.day_premium,
        "the market day's orders, with this one, have cost or may cost too much",
        ["executor.gates.day_premium_usd_max", "executor.gates.day_premium_pct_max"],
        [Fact.ACCOUNT, Fact.BOOK],
    ),
    _gate(
        RejectionCode.RISK_ABOVE_LIMIT,
        stake.risk,
        "positions and live orders, with this one, have too much premium at stake",
        ["executor.gates.risk_usd_max", "executor.gates.risk_pct_max"],
        _STAKE,
    ),
    _gate(
        RejectionCode.UNDERLYING_EXPOSURE_ABOVE_LIMIT,
        stake.underlying_exposure,
        "the same for the options of one underlying",
        ["executor.gates.underlying_usd_max", "executor.gates.underlying_pct_max"],
        _STAKE,
    ),
    _gate(
        RejectionCode.BUYING_POWER_TOO_SMALL,
        stake.buying_power,
        "the buying power, less what orders of ours may cost beyond what the venue holds for them, is less than it may cost",
        needs=[Fact.ACCOUNT, Fact.BOOK],
    ),
)


def _gates(*codes: RejectionCode) -> tuple[Gate, ...]:
    return tuple(gate for gate in GATES if gate.code in codes)


#: What is asked again of an order that walks: at what time its next attempt may be sent (to open a position, less late),
#: and on what quote.
HOURS = _gates(RejectionCode.MARKET_CLOSED)
OPENING_HOURS = _gates(RejectionCode.MARKET_CLOSED, RejectionCode.EXPIRY_DAY_CUTOFF)
QUOTED = _gates(RejectionCode.QUOTE_TOO_OLD, RejectionCode.SPREAD_TOO_WIDE)


def check(ticket: Ticket, facts: Facts, limits: Limits, gates: Sequence[Gate] = GATES) -> Refusal | None:
    """Return the first gate's no, or None when the order may be sent."""
    for gate in gates:
        refusal = gate.refusal(ticket, facts, limits)
        if refusal is not None:
            return refusal
    return None


def answerable(known: Collection[Fact], gates: Sequence[Gate] = GATES) -> tuple[Gate, ...]:
    """Return the gates that need nothing else than what is `known`."""
    return tuple(gate for gate in gates if gate.needs <= frozenset(known))
