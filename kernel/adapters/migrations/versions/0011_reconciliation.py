"""What we hold by contract, what explains it, how the last comparison with the venue ended, and who listens to it."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE dispatch_positions (
            account_id     text          NOT NULL,
            symbol         text          NOT NULL,
            quantity       numeric(18,6) NOT NULL DEFAULT 0,  -- signed: what the ledger says we hold
            venue_quantity numeric(18,6) NOT NULL DEFAULT 0,  -- signed: what the venue's activities add up to
            updated_at     timestamptz   NOT NULL DEFAULT now(),
            PRIMARY KEY (account_id, symbol)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_venue_events (
            account_id      text          NOT NULL,
            event_id        text          NOT NULL,   -- the venue's, or derived from what was seen
            kind            text          NOT NULL,
            symbol          text,
            quantity        numeric(18,6) NOT NULL,   -- signed contracts or shares it moved
            cash_usd        numeric(18,6) NOT NULL,   -- what it added to cash
            venue_order_id  text,
            client_order_id text,                     -- of an order, where it is about one
            order_contracts numeric(18,6) NOT NULL DEFAULT 0,  -- of our order: contracts it counts as filled
            expects         numeric(18,6) NOT NULL DEFAULT 0,  -- what an activity has still to confirm
            expects_usd     numeric(18,6) NOT NULL DEFAULT 0,
            note            text          NOT NULL,
            venue_at        timestamptz   NOT NULL,   -- market time
            noted_at        timestamptz   NOT NULL DEFAULT now(),
            PRIMARY KEY (account_id, event_id)
        )
        """
    )
    op.execute(
        """
        CREATE INDEX dispatch_venue_events_of_orders ON dispatch_venue_events (client_order_id)
        WHERE order_contracts <> 0
        """
    )
    op.execute(
        """
        CREATE INDEX dispatch_venue_events_expected ON dispatch_venue_events (account_id)
        WHERE expects <> 0
        """
    )
    op.execute("CREATE INDEX dispatch_venue_events_recent ON dispatch_venue_events (account_id, noted_at)")
    op.execute(
        """
        CREATE TABLE dispatch_foreign_orders (
            account_id      text          NOT NULL,
            venue_order_id  text          NOT NULL,
            client_order_id text          NOT NULL,
            symbol          text          NOT NULL,
            side            text          NOT NULL,
            contracts       numeric(18,6) NOT NULL,
            status          text          NOT NULL,   -- the venue's word when it was last looked at
            seen_at         timestamptz   NOT NULL DEFAULT now(),
            PRIMARY KEY (account_id, venue_order_id)
        )
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_reconciliation (
            account_id    text          PRIMARY KEY,
            version       bigint        NOT NULL DEFAULT 0,  -- counts what was written: a pass writes on what it read
            baseline_at   timestamptz   NOT NULL,            -- market time of the first sight
            first_seen_at timestamptz   NOT NULL DEFAULT now(),
            cash_usd      numeric(18,6) NOT NULL,            -- what the ledger expects to find
            fills_since   timestamptz   NOT NULL,            -- market time up to which fills were taken
            pass_at       timestamptz   NOT NULL DEFAULT now(),
            pass_epoch    bigint        NOT NULL,
            pass_ms       double precision NOT NULL,
            clean_at      timestamptz,
            clean_epoch   bigint,
            suspects      jsonb         NOT NULL DEFAULT '[]',  -- differences nothing explains; drift once confirmed
            drift         text[]        NOT NULL DEFAULT '{}'   -- a line for each confirmed one
        )
        """
    )
    op.execute(
        """
        CREATE TABLE dispatch_listeners (
            account_id   text        PRIMARY KEY,
            epoch        bigint      NOT NULL,   -- counts the listeners there were
            stream_ready boolean     NOT NULL,
            stream_at    timestamptz,            -- since when
            beat_at      timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    # Our orders since first sight: contracts filled by the ledger, and by the venue's fills.
    op.execute(
        """
        CREATE VIEW dispatch_own_fills AS
        SELECT o.account_id, o.client_order_id, o.filled_contracts, coalesce((
            SELECT sum(e.order_contracts) FROM dispatch_venue_events e
            WHERE e.client_order_id = o.client_order_id AND e.order_contracts <> 0
        ), 0) AS taken
        FROM dispatch_orders o JOIN dispatch_reconciliation r USING (account_id)
        WHERE o.created_at > r.first_seen_at
        """
    )


def downgrade() -> None:
    op.execute("DROP VIEW dispatch_own_fills")
    for table in ("listeners", "reconciliation", "foreign_orders", "venue_events", "positions"):
        op.execute(f"DROP TABLE dispatch_{table}")
