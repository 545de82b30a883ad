"""Reservations: buying power promised to tickets, and the row per account that is locked while one is decided."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("CREATE TABLE dispatch_accounts (account_id text PRIMARY KEY)")
    op.execute(
        """
        CREATE TABLE dispatch_reservations (
            ticket_id      text          PRIMARY KEY,
            account_id     text          NOT NULL REFERENCES dispatch_accounts,
            signal_id      text          NOT NULL,
            underlying     text          NOT NULL,
            occ_symbol     text          NOT NULL,
            reserved_usd   numeric(18,6) NOT NULL CHECK (reserved_usd >= 0),  -- cost at the price ceiling
            risk_usd       numeric(18,6) NOT NULL CHECK (risk_usd >= 0),      -- worst case at the mid
            state          text          NOT NULL CHECK (state IN ('in_flight', 'at_venue', 'released')),
            release_reason text,
            expires_at     timestamptz   NOT NULL,                            -- the ticket's, in venue time
            created_at     timestamptz   NOT NULL DEFAULT now(),
            updated_at     timestamptz   NOT NULL DEFAULT now(),
            CHECK ((state = 'released') = (release_reason IS NOT NULL))
        )
        """
    )
    # Every decision reads these; the released ones, nearly all rows, stay out of the index.
    op.execute(
        """
        CREATE INDEX dispatch_reservations_in_flight ON dispatch_reservations (account_id)
        WHERE state = 'in_flight'
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_reservations")
    op.execute("DROP TABLE dispatch_accounts")
