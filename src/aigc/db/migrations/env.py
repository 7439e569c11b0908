"""Run by Alembic: applies the versions to the connection that `aigc.db.database` hands over."""

from alembic import context

from aigc.db.tables import Base

connection = context.config.attributes["connection"]
# Batch mode: SQLite can't alter most things of a table, so Alembic copies it.
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
