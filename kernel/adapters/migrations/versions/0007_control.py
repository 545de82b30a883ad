"""The switch that stops trading, and every change it ever saw."""

from alembic import op

revision = "0007"
down_revision = "0006"

_STATES = "'ACTIVE', 'REDUCING', 'HALTED'"


def upgrade() -> None:
    op.execute(
        f"""
        CREATE TABLE dispatch_control (
            scope         text        PRIMARY KEY,   -- * is every account of this database
            state         text        NOT NULL CHECK (state IN ({_STATES})),
            reason        text        NOT NULL,
            changed_by    text        NOT NULL,      -- a person, or the stage whose breaker tripped it
            since         timestamptz NOT NULL,
            version       integer     NOT NULL CHECK (version > 0),
            counts_from   timestamptz NOT NULL,      -- the last resume: breakers count what came after it
            cancel_orders boolean     NOT NULL DEFAULT false,
            CHECK (state <> 'ACTIVE' OR NOT cancel_orders)
        )
        """
    )
    op.execute(
        f"""
        CREATE TABLE dispatch_control_history (
            scope         text        NOT NULL,
            version       integer     NOT NULL,
            state         text        NOT NULL CHECK (state IN ({_STATES})),
            reason        text        NOT NULL,
            changed_by    text        NOT NULL,
            since         timestamptz NOT NULL,
            cancel_orders boolean     NOT NULL,
            PRIMARY KEY (scope, version)
        )
        """
    )
    op.execute(
        """
        INSERT INTO dispatch_control (scope, state, reason, changed_by, since, version, counts_from)
        VALUES ('*', 'ACTIVE', 'never stopped', 'migration', now(), 1, now())
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE dispatch_control_history")
    op.execute("DROP TABLE dispatch_control")
