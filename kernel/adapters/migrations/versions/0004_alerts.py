"""Alerts: what came in by the webhook, one row per sender's own id, with the signal's bytes until the log has them."""

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE dispatch_alerts (
            external_id  text        PRIMARY KEY,
            content_hash text        NOT NULL,   -- SHA-256 of what the alert asks for
            signal_id    text        NOT NULL UNIQUE,
            payload      bytea       NOT NULL,   -- the signal's wire bytes
            published_at timestamptz,            -- when the log had acknowledged the signal
            created_at   timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX dispatch_alerts_waiting ON dispatch_alerts (created_at) WHERE published_at IS NULL
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_alerts")
