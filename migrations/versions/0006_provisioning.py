"""Configuration, profiles, dialing rules, settings, history, standing status and SOAP sessions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

Int64 = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KeyText = sa.Text(collation="C").with_variant(sa.Text(), "sqlite")


def _of_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["owner"], ["user.aor"], name=op.f(f"fk_{table}_owner_user"), ondelete="CASCADE"
    )


def upgrade() -> None:
    op.create_table(
        "system_property",
        sa.Column("name", KeyText, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_system_property")),
    )
    op.create_table(
        "service_host",
        sa.Column("family", KeyText, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("port", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("family", "name", name=op.f("pk_service_host")),
    )
    op.create_table(
        "service_profile",
        sa.Column("family", KeyText, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("primary_host", sa.Text(), nullable=True),
        sa.Column("backup1_host", sa.Text(), nullable=True),
        sa.Column("backup2_host", sa.Text(), nullable=True),
        sa.Column("pilot", sa.Text(), nullable=True),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("family", "name", name=op.f("pk_service_profile")),
    )
    op.create_table(
        "voicemail_pilot",
        sa.Column("name", KeyText, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_voicemail_pilot")),
    )
    op.create_table(
        "user_profile",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("voicemail", sa.Text(), nullable=True),
        sa.Column("meetingplace", sa.Text(), nullable=True),
        sa.Column("ctigateway", sa.Text(), nullable=True),
        sa.Column("ldap", sa.Text(), nullable=True),
        sa.Column("proxy", sa.Text(), nullable=True),
        sa.Column("calendar", sa.Boolean(), nullable=False),
        sa.Column("licence_base", sa.Boolean(), nullable=False),
        sa.Column("licence_im", sa.Boolean(), nullable=False),
        sa.Column("licence_audio", sa.Boolean(), nullable=False),
        sa.Column("licence_video", sa.Boolean(), nullable=False),
        _of_user("user_profile"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_user_profile")),
    )
    op.create_table(
        "device",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        _of_user("device"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_device")),
    )
    op.create_table(
        "dialing_rule",
        sa.Column("id", Int64, autoincrement=True, nullable=False),
        sa.Column("kind", Int64, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("priority", Int64, nullable=False),
        sa.Column("begins_with", sa.Text(), nullable=False),
        sa.Column("number_of_digits", Int64, nullable=False),
        sa.Column("digits_to_remove", Int64, nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dialing_rule")),
        sa.UniqueConstraint("kind", "name", name=op.f("uq_dialing_rule_kind")),
    )
    op.create_table(
        "user_setting",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("name", KeyText, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        _of_user("user_setting"),
        sa.PrimaryKeyConstraint("owner", "name", name=op.f("pk_user_setting")),
    )
    op.create_table(
        "recent_communication",
        sa.Column("id", Int64, autoincrement=True, nullable=False),
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("timestamp", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        _of_user("recent_communication"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recent_communication")),
    )
    op.create_index(op.f("ix_recent_communication_owner"), "recent_communication", ["owner"])
    op.create_table(
        "standing_status",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.Double(), nullable=False),
        _of_user("standing_status"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_standing_status")),
    )
    op.create_table(
        "soap_session",
        sa.Column("owner", KeyText, nullable=False),
        sa.Column("key_hash", KeyText, nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=False),
        _of_user("soap_session"),
        sa.PrimaryKeyConstraint("owner", name=op.f("pk_soap_session")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_soap_session_key_hash")),
    )


def downgrade() -> None:
    for table in (
        "soap_session",
        "standing_status",
        "recent_communication",
        "user_setting",
        "dialing_rule",
        "device",
        "user_profile",
        "voicemail_pilot",
        "service_profile",
        "service_host",
        "system_property",
    ):
        op.drop_table(table)
