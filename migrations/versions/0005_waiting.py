"""Watchers who wait for a decision without a subscription."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "waiting",
        sa.Column("package", KeyText, nullable=False),
        sa.Column("aor", KeyText, nullable=False),
        sa.Column("watcher", KeyText, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("display", sa.Text(), nullable=True),
        sa.Column("since", sa.Double(), nullable=False),
        sa.Column("expires", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("package", "aor", "watcher", name=op.f("pk_waiting")),
    )


def downgrade() -> None:
    op.drop_table("waiting")
