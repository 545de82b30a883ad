"""Orders, their ledger, and the outbox through which every step of theirs is published."""

from alembic import op

revision = "0003"
down_revision = "0002"

_STATUSES = "'NEW', 'SENDING', 'ACKNOWLEDGED', 'PARTIALLY_FILLED', 'FILLED', 'CANCELED', 'REJECTED', 'EXPIRED', 'UNKNOWN'"


def upgrade() -> None:
    op.execute(
        f"""
        CREATE TABLE dispatch_orders (
            client_order_id    text        PRIMARY KEY,   -- our id at the venue, derived from the ticket
            ticket_id          text        NOT NULL UNIQUE,
            signal_id          text        NOT NULL,
            account_id         text        NOT NULL,
            ticket             bytea       NOT NULL,      -- the message's wire bytes
            request_hash       text        NOT NULL,
            status             text        NOT NULL CHECK (status IN ({_STATUSES})),
            sequence           integer     NOT NULL CHECK (sequence > 0),
            venue_order_id     text        UNIQUE,
            contracts          integer     NOT NULL CHECK (contracts > 0),
            filled_contracts   integer     NOT NULL CHECK (filled_contracts BETWEEN 0 AND contracts),
            average_fill_price numeric(18,6),             -- USD per share
            venue_at           timestamptz,
            reason             text,
            expires_at         timestamptz NOT NULL,      -- the ticket's, in market time
            created_at         timestamptz NOT NULL DEFAULT now(),
            updated_at         timestamptz NOT NULL DEFAULT now(),
            CHECK ((average_fill_price IS NULL) = (filled_contracts = 0))
        )
        """
    )
    # The sweep reads these; the ended ones, nearly all rows, stay out of the index.
    op.execute(
        """
        CREATE INDEX dispatch_orders_unsettled ON dispatch_orders (created_at)
        WHERE status IN ('NEW', 'SENDING', 'UNKNOWN', 'ACKNOWLEDGED', 'PARTIALLY_FILLED')
        """
    )
    op.execute(
        f"""
        CREATE TABLE dispatch_executions (
            client_order_id  text          NOT NULL REFERENCES dispatch_orders,
            sequence         integer       NOT NULL CHECK (sequence > 0),
            execution_id     text          NOT NULL UNIQUE,  -- of the Execution message
            ticket_id        text          NOT NULL,
            signal_id        text          NOT NULL,
            account_id       text          NOT NULL,
            venue_order_id   text,
            ticker           text          NOT NULL,
            occ_symbol       text          NOT NULL,
            action           text          NOT NULL,
            strategy         text          NOT NULL,
            direction        text          NOT NULL,
            tier             text          NOT NULL,
            status           text          NOT NULL CHECK (status IN ({_STATUSES})),
            contracts        integer       NOT NULL,         -- ordered
            filled_contracts integer       NOT NULL,
            price            numeric(18,6) NOT NULL,         -- USD per share: average fill, before a fill the limit
            notional         numeric(18,6) NOT NULL,         -- USD: filled; before a fill ordered; 0 if ended unfilled
            mid              numeric(18,6) NOT NULL,         -- the decision's, USD per share
            spread_pct       numeric(18,6),                  -- of the mid, on the quote decided on
            total_risk_usd   numeric(18,6) NOT NULL,
            score            double precision NOT NULL,
            reason           text,
            simulated_ts     timestamptz   NOT NULL DEFAULT now(),  -- when this row was written
            market_ts        timestamptz   NOT NULL,                -- the same instant in market time
            venue_ts         timestamptz,                           -- the venue's own time of the step
            PRIMARY KEY (client_order_id, sequence)
        )
        """
    )
    op.execute("CREATE INDEX dispatch_executions_recent ON dispatch_executions (simulated_ts)")
    op.execute("CREATE INDEX dispatch_executions_story ON dispatch_executions (signal_id)")
    op.execute(
        """
        CREATE TABLE dispatch_outbox (
            id           bigserial   PRIMARY KEY,
            message_id   text        NOT NULL UNIQUE,
            topic        text        NOT NULL,   -- unprefixed name
            key          text        NOT NULL,
            payload      bytea       NOT NULL,   -- the message's wire bytes
            created_at   timestamptz NOT NULL DEFAULT now(),
            published_at timestamptz
        )
        """
    )
    op.execute("CREATE INDEX dispatch_outbox_waiting ON dispatch_outbox (id) WHERE published_at IS NULL")


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_outbox")
    op.execute("DROP TABLE dispatch_executions")
    op.execute("DROP TABLE dispatch_orders")
