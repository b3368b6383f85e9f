"""Alembic's entry: runs the revisions on the connection that ``tandem.store.migrate`` gives."""

from alembic import context

from tandem.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
