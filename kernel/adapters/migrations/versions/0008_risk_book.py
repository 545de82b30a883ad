"""What the gates read under the account's lock: premium of the day, traffic, the venue's refusals, the highest equity."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # Both empty for the orders of older revisions: those count at their limit, and not for the day.
    op.execute("ALTER TABLE dispatch_orders ADD COLUMN price_ceiling numeric(18,6)")  # USD per share
    op.execute("ALTER TABLE dispatch_orders ADD COLUMN market_day date")  # of its first step
    op.execute(
        "ALTER TABLE dispatch_executions ADD COLUMN code text"
    )  # of the Rejection, where the step made one
    op.execute(
        """
        CREATE INDEX dispatch_executions_sent ON dispatch_executions (account_id, occ_symbol, market_ts)
        WHERE sequence = 1 AND status = 'SENDING'
        """
    )
    op.execute(
        """
        CREATE INDEX dispatch_executions_venue_rejected ON dispatch_executions (account_id, simulated_ts)
        WHERE code = 'VENUE_REJECTED'
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_day_premiums (
            account_id  text          NOT NULL,
            market_day  date          NOT NULL,
            premium_usd numeric(18,6) NOT NULL,  -- what the day's orders have cost or may still cost
            PRIMARY KEY (account_id, market_day)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_equity_highs (
            account_id text          PRIMARY KEY,
            equity_usd numeric(18,6) NOT NULL,
            seen_at    timestamptz   NOT NULL DEFAULT now()
        )
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_redeliveries (
            account_id text        NOT NULL,
            ticket_id  text        NOT NULL,
            at         timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    op.execute("CREATE INDEX dispatch_redeliveries_recent ON dispatch_redeliveries (account_id, at)")


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_redeliveries")
    op.execute("DROP TABLE dispatch_equity_highs")
    op.execute("DROP TABLE dispatch_day_premiums")
    op.execute("DROP INDEX dispatch_executions_venue_rejected")
    op.execute("DROP INDEX dispatch_executions_sent")
    op.execute("ALTER TABLE dispatch_executions DROP COLUMN code")
    op.execute("ALTER TABLE dispatch_orders DROP COLUMN market_day")
    op.execute("ALTER TABLE dispatch_orders DROP COLUMN price_ceiling")
