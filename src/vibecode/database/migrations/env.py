"""Alembic's entry: run by :func:`vibecode.database.engine.open_database`, never by hand."""

from alembic import context
from sqlalchemy import create_engine, pool

from vibecode.database.tables import Table

engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
with engine.connect() as connection:
    connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    connection.commit()  # else Alembic would find a transaction open, and leave committing to us
    context.configure(connection=connection, target_metadata=Table.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
