"""Figures of the books in as many digits as the venue tells them: fractional shares have nine decimals."""

from alembic import op

revision = "0012"
down_revision = "0011"

_FIGURES = {
    "dispatch_positions": ("quantity", "venue_quantity"),
    "dispatch_venue_events": ("quantity", "cash_usd", "order_contracts", "expects", "expects_usd"),
    "dispatch_foreign_orders": ("contracts",),
    "dispatch_reconciliation": ("cash_usd",),
}


def upgrade() -> None:
    _change_to("numeric")


def downgrade() -> None:
    _change_to("numeric(18,6)")


def _change_to(kind: str) -> None:
    op.execute("DROP VIEW dispatch_own_fills")
    for table, columns in _FIGURES.items():
        op.execute(f"ALTER TABLE {table} " + ", ".join(f"ALTER {column} TYPE {kind}" for column in columns))
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
