"""What is left of the venue's requests a minute: one bucket for each account and API, shared by all processes."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    # `account` is a hash of the key id. `counted_at` ahead of now: the venue refused, nothing is granted before it.
    op.execute("""
        CREATE TABLE dispatch_request_buckets (
            account text NOT NULL,
            budget text NOT NULL,
            limit_per_minute integer NOT NULL,
            capacity double precision NOT NULL,
            per_s double precision NOT NULL,
            tokens double precision NOT NULL,
            counted_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (account, budget)
        ) WITH (fillfactor = 50)
    """)


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_request_buckets")
