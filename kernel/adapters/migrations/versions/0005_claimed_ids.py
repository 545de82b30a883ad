"""Whether the venue has called an order's id taken: then it is never closed before the venue shows the order."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("ALTER TABLE dispatch_orders ADD COLUMN id_claimed boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE dispatch_orders DROP COLUMN id_claimed")
