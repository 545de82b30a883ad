"""What the ledger holds by contract: moved by the fills of our own orders, in the transaction of the order's step."""

from decimal import Decimal

from kernel.adapters.postgres import Connection
from kernel.contracts.messages import Ticket
from kernel.contracts.parts import Side
from services.executor.core.order_life import Order


async def add_fills(connection: Connection, before: Order, after: Order) -> None:
    """Move the positions by what `after` has filled more than `before`."""
    contracts = after.filled_contracts - before.filled_contracts
    if contracts:
        await add_contracts(connection, after.ticket, Decimal(contracts))


async def add_contracts(connection: Connection, ticket: Ticket, contracts: Decimal) -> None:
    """Move the positions by so many contracts of a ticket: each leg by its ratio, to its side."""
    for leg in ticket.legs:
        signed = contracts * leg.ratio * (1 if leg.side is Side.BUY else -1)
        await connection.execute(_MOVE, (ticket.account.account_id, leg.occ_symbol, signed))


_MOVE = """
    INSERT INTO dispatch_positions AS p (account_id, symbol, quantity) VALUES (%s, %s, %s)
    ON CONFLICT (account_id, symbol) DO UPDATE SET quantity = p.quantity + excluded.quantity, updated_at = now()
"""
