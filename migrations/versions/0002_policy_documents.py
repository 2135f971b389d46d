"""Documents of presence rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "policy_document",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("source", KeyText, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("content_type", sa.Text(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner"], ["user.aor"], name=op.f("fk_policy_document_owner_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("owner", "source", "name", name=op.f("pk_policy_document")),
    )


def downgrade() -> None:
    op.drop_table("policy_document")
