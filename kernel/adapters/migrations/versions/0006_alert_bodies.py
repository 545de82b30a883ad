"""An alert's body, kept until the log has it: the evidence of its signal, written before the signal."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    # Empty for what an older revision keeps while both run; such a signal has no evidence.
    op.execute("ALTER TABLE dispatch_alerts ADD COLUMN body bytea")


def downgrade() -> None:
    op.execute("ALTER TABLE dispatch_alerts DROP COLUMN body")
