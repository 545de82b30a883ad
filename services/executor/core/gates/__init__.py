"""The gates before an order is sent: each is a question whose no has a typed code and its figures.

Entry point: `check(ticket, facts, limits)`; `GATES` is the table of all gates in the order they are asked.
1. All gates are hard: the first no ends the ticket, nothing overrides it, and every gate has a code of its own.
2. What is missing, zero where it must not be, or not a number fails closed.
3. A bound belongs to the allowed side, except an expiry and the cut-off on the day of expiration, which begin at theirs.
4. What an order costs is what it may cost: its contracts at the ticket's price ceiling.
"""

from services.executor.core.facts import Facts
from services.executor.core.gates.gate import Gate, Refusal
from services.executor.core.gates.limits import Limits
from services.executor.core.gates.table import GATES, answerable, check
from services.executor.core.gates.ticket import is_expired

__all__ = ["GATES", "Facts", "Gate", "Limits", "Refusal", "answerable", "check", "is_expired"]
