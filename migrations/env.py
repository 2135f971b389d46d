"""Alembic's entry: presentity hands over its connection and transaction, or a developer names a URL."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from presence.storage import provisioning_models  # noqa: F401  the rest of the tables
from presence.storage.database import open_database
from presence.storage.models import Base


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        # SQLite alters tables by copying them.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("name the database: alembic -c migrations/alembic.ini -x url=sqlite:////tmp/a ...")
    with open_database(url).writing() as own:
        run(own)
