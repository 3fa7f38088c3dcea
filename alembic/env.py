"""Runs the migrations on the connection that osrsdiff.storage.migrate has opened, locked and will commit."""

from alembic import context
from sqlalchemy import Connection


def run() -> None:
    """One transaction for all of them, and it is the caller's: a migration that fails leaves nothing."""
    connection = context.config.attributes.get("connection")
    if not isinstance(connection, Connection):
        raise SystemExit("Migrations are run by: osrsdiff db upgrade")
    context.configure(connection=connection, transactional_ddl=True, target_metadata=None)
    context.run_migrations()


run()
