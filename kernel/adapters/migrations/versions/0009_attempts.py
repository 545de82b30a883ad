"""Attempts of orders, and in the ledger which attempt a step is of and what its fills cost."""

from alembic import op

revision = "0009"
down_revision = "0008"

_STATUSES = "'NEW', 'SENDING', 'ACKNOWLEDGED', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'UNKNOWN'"


def upgrade() -> None:
    op.execute(
        f"""
        CREATE TABLE dispatch_attempts (
            client_order_id    text          PRIMARY KEY,   -- our id at the venue; the first attempt's is the order's
            order_id           text          NOT NULL REFERENCES dispatch_orders,
            number             integer       NOT NULL CHECK (number > 0),
            limit_price        numeric(18,6) NOT NULL,      -- USD per share
            contracts          integer       NOT NULL CHECK (contracts > 0),  -- asked for
            status             text          NOT NULL CHECK (status IN ({_STATUSES})),
            replaces           boolean       NOT NULL,      -- its figures count those of the attempt before too
            requests           integer       NOT NULL,      -- how often the venue was asked for it
            began_at           timestamptz,                 -- market time
            venue_order_id     text          UNIQUE,
            filled_contracts   integer       NOT NULL CHECK (filled_contracts BETWEEN 0 AND contracts),
            average_fill_price numeric(18,6),               -- USD per share
            id_claimed         boolean       NOT NULL,
            UNIQUE (order_id, number)
        )
        """
    )
    op.execute(
        """
        CREATE UNIQUE INDEX dispatch_attempts_alive ON dispatch_attempts (order_id)
        WHERE status IN ('ACKNOWLEDGED', 'PARTIALLY_FILLED')
        """
    )
    op.execute(
        """
        INSERT INTO dispatch_attempts
            (client_order_id, order_id, number, limit_price, contracts, status, replaces, requests, began_at,
             venue_order_id, filled_contracts, average_fill_price, id_claimed)
        SELECT o.client_order_id, o.client_order_id, 1, e.price, o.contracts, o.status, false, 1, e.market_ts,
               o.venue_order_id, o.filled_contracts, o.average_fill_price, o.id_claimed
        FROM dispatch_orders o JOIN dispatch_executions e USING (client_order_id) WHERE e.sequence = 1
        """
    )
    op.execute("ALTER TABLE dispatch_executions ADD COLUMN attempt integer NOT NULL DEFAULT 1")
    op.execute("ALTER TABLE dispatch_executions ADD COLUMN slippage numeric(18,6)")  # USD


def downgrade() -> None:
    op.execute("ALTER TABLE dispatch_executions DROP COLUMN slippage")
    op.execute("ALTER TABLE dispatch_executions DROP COLUMN attempt")
    op.execute("DROP TABLE dispatch_attempts")
