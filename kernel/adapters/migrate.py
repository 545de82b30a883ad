"""Brings a database to today's tables. Several processes may ask at once; one does it, the others find it done."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from kernel.domain.errors import DatabaseUnavailable

#: Any fixed number: the advisory lock that keeps two migrations from running at once.
_LOCK = 5_319_087


def migrate(database_url: str) -> None:
    """Apply every migration that is missing; raises DatabaseUnavailable when the server cannot be reached."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except OperationalError as e:
        raise DatabaseUnavailable(f"the database did not answer: {str(e.orig).splitlines()[0]}") from e
