"""Contact groups and contacts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "contact_group",
        sa.Column("id", Int64, autoincrement=True, nullable=False),
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner"], ["user.aor"], name=op.f("fk_contact_group_owner_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_group")),
        sa.UniqueConstraint("owner", "name", name=op.f("uq_contact_group_owner")),
    )
    op.create_table(
        "contact",
        sa.Column("id", Int64, autoincrement=True, nullable=False),
        sa.Column("group_id", Int64, nullable=False),
        sa.Column("member", KeyText, nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("nickname", sa.Text(), nullable=False),
        sa.Column("display_on_phone", sa.Boolean(), nullable=False),
        sa.Column("local", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["contact_group.id"],
            name=op.f("fk_contact_group_id_contact_group"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("group_id", "member", name=op.f("uq_contact_group_id")),
    )


def downgrade() -> None:
    op.drop_table("contact")
    op.drop_table("contact_group")
