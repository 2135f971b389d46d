"""How far subscriptions to changes have come."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "change_position",
        sa.Column("subscription", KeyText, nullable=False),
        sa.Column("position", Int64, nullable=False),
        sa.PrimaryKeyConstraint("subscription", name=op.f("pk_change_position")),
    )


def downgrade() -> None:
    op.drop_table("change_position")
