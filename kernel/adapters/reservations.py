"""The life of a ticket's reservation in `dispatch_reservations`, as sizer and executor share it.

in_flight ──▶ at_venue ──▶ released
    └──────────────────────────┘
in_flight  the sizer wrote the ticket; the venue does not hold its money yet, so it counts against what is available
at_venue   an order stands at the venue, whose own options buying power already lacks the money
released   the order has ended or the ticket can no longer be sent; `release_reason` says which

The executor calls `mark_at_venue` in the transaction that records the venue's acknowledgement (never before it: money
that neither side holds could be spent twice) and `release` in the one that records the order's end, or the refusal of
the ticket. The sizer itself releases what is still in flight long after the ticket's expiry, unless an order of it is
SENDING or UNKNOWN: the venue may have that one.
1. Both are conditional updates: repeated or late calls change nothing, and a released reservation stays released.
2. Neither needs the account's lock: they only ever free money of the sizer's count.
"""

from kernel.adapters.postgres import Connection


async def mark_at_venue(connection: Connection, ticket_id: str) -> bool:
    """Say that the venue holds the ticket's money now; returns whether that changed anything."""
    cursor = await connection.execute(
        "UPDATE dispatch_reservations SET state = 'at_venue', updated_at = now()"
        " WHERE ticket_id = %s AND state = 'in_flight'",
        (ticket_id,),
    )
    return cursor.rowcount == 1


async def release(connection: Connection, ticket_id: str, reason: str) -> bool:
    """Let the ticket's money go, for a `reason` such as an order status or a rejection code; returns whether it was held."""
    cursor = await connection.execute(
        "UPDATE dispatch_reservations SET state = 'released', release_reason = %s, updated_at = now()"
        " WHERE ticket_id = %s AND state <> 'released'",
        (reason, ticket_id),
    )
    return cursor.rowcount == 1
