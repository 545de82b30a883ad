"""Decisions: what a stage answered to an input, so that a redelivery gets the same answer."""

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE dispatch_decisions (
            stage      text        NOT NULL,
            input_id   text        NOT NULL,
            topics     text[]      NOT NULL,   -- unprefixed names, in the order they are written
            payloads   bytea[]     NOT NULL,   -- the messages' wire bytes
            decided_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (stage, input_id),
            CHECK (cardinality(topics) = cardinality(payloads))
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_decisions")
