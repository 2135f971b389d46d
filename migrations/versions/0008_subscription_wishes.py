"""What a subscription keeps over a restart: rates, condition, whether it is to a list, a SIPS Contact."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("subscription", sa.Column("rates", sa.Text(), nullable=True))
    op.add_column("subscription", sa.Column("condition", sa.Text(), nullable=True))
    op.add_column("subscription", sa.Column("is_list", Int64, nullable=True))
    op.add_column("subscription", sa.Column("secure", Int64, nullable=True))


def downgrade() -> None:
    for name in ("secure", "is_list", "condition", "rates"):
        op.drop_column("subscription", name)
