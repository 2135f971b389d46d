"""The first tables: hot state, users, outbox."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "binding",
        sa.Column("aor", KeyText, nullable=False),
        sa.Column("contact_uri", KeyText, nullable=False),
        sa.Column("contact", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("cseq", Int64, nullable=False),
        sa.Column("q", Int64),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("path", sa.Text()),
        sa.Column("instance", sa.Text()),
        sa.Column("reg_id", Int64),
        sa.Column("flow", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("aor", "contact_uri", name=op.f("pk_binding")),
    )
    op.create_table(
        "publication",
        sa.Column("id", KeyText, nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("aor", sa.Text(), nullable=False),
        sa.Column("etag", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("content_type", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.Column("source", sa.Text()),
        sa.Column("published_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_table(
        "subscription",
        sa.Column("id", KeyText, nullable=False),
        sa.Column("package", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text()),
        sa.Column("aor", sa.Text(), nullable=False),
        sa.Column("watcher", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("local_tag", sa.Text()),
        sa.Column("remote_tag", sa.Text()),
        sa.Column("local_uri", sa.Text()),
        sa.Column("remote_uri", sa.Text()),
        sa.Column("remote_target", sa.Text()),
        sa.Column("routes", sa.Text()),
        sa.Column("local_cseq", Int64, nullable=False),
        sa.Column("remote_cseq", Int64),
        sa.Column("accept", sa.Text()),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("flow", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("user_agent", sa.Text()),
        sa.Column("filter_type", sa.Text()),
        sa.Column("filter", sa.LargeBinary()),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("version", Int64, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_table(
        "message",
        sa.Column("id", KeyText, nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text()),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("headers", sa.Text()),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_table(
        "user",
        sa.Column("aor", KeyText, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("ha1_md5", sa.Text(), nullable=False),
        sa.Column("ha1_md5_full", sa.Text(), nullable=False),
        sa.Column("ha1_sha256", sa.Text(), nullable=False),
        sa.Column("ha1_sha256_full", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("aor", name=op.f("pk_user")),
    )
    op.create_table(
        "user_alias",
        sa.Column("alias", KeyText, nullable=False),
        sa.Column("aor", KeyText, nullable=False),
        sa.ForeignKeyConstraint(
            ["aor"], ["user.aor"], name=op.f("fk_user_alias_aor_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("alias", name=op.f("pk_user_alias")),
    )
    op.create_index(op.f("ix_user_alias_aor"), "user_alias", ["aor"])
    op.create_table(
        "outbox",
        sa.Column("id", Int64, autoincrement=True, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    for table in ("outbox", "user_alias", "user", "message", "subscription", "publication", "binding"):
        op.drop_table(table)
