"""The tables.  The order of the columns is the order of a journal record: key first, then row (`kinds`).

Times are epoch seconds.  The five kinds of hot state have no foreign key to `user`: the journal must never be
refused because an operator deleted somebody between a request and its commit.  They have no secondary index
either: they are read in whole at start, and only the rare deletion of a user looks for rows by another
column, while each index would be paid for by every PUBLISH.
"""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import (
    BigInteger,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# SQLite makes only an INTEGER PRIMARY KEY a rowid; its integers have 64 bits under any name.
Int64 = BigInteger().with_variant(Integer(), "sqlite")
# Keys are compared byte by byte on either database: a message id sorts by arrival whatever the locale.
KeyText = Text(collation="C").with_variant(Text(), "sqlite")


class Base(DeclarativeBase):
    """What all tables share."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {str: Text(), int: Int64, float: Double(), bytes: LargeBinary()}


class Binding(Base):
    """A contact of an AOR (RFC 3261 §10.3), with its Path (RFC 3327) and its flow."""

    __tablename__ = "binding"
    aor: Mapped[str] = mapped_column(KeyText, primary_key=True)
    contact_uri: Mapped[str] = mapped_column(KeyText, primary_key=True)
    contact: Mapped[str]
    call_id: Mapped[str]
    cseq: Mapped[int]
    q: Mapped[int | None]
    expires_at: Mapped[float]
    path: Mapped[str | None]
    instance: Mapped[str | None]
    reg_id: Mapped[int | None]
    flow: Mapped[str | None]
    user_agent: Mapped[str | None]
    updated_at: Mapped[float]


class Publication(Base):
    """Event state of one source (RFC 3903)."""

    __tablename__ = "publication"
    id: Mapped[str] = mapped_column(KeyText, primary_key=True)
    package: Mapped[str]
    aor: Mapped[str]
    etag: Mapped[str]
    expires_at: Mapped[float]
    content_type: Mapped[str | None]
    body: Mapped[bytes | None]
    source: Mapped[str | None]
    published_at: Mapped[float]


class Subscription(Base):
    """A subscription with the state of its dialog (RFC 6665, RFC 3261 §12)."""

    __tablename__ = "subscription"
    id: Mapped[str] = mapped_column(KeyText, primary_key=True)
    package: Mapped[str]
    event_id: Mapped[str | None]
    aor: Mapped[str]
    watcher: Mapped[str]
    call_id: Mapped[str]
    local_tag: Mapped[str | None]
    remote_tag: Mapped[str | None]
    local_uri: Mapped[str | None]
    remote_uri: Mapped[str | None]
    remote_target: Mapped[str | None]
    routes: Mapped[str | None]
    local_cseq: Mapped[int]
    remote_cseq: Mapped[int | None]
    accept: Mapped[str | None]
    expires_at: Mapped[float]
    flow: Mapped[str | None]
    state: Mapped[str]
    reason: Mapped[str | None]
    user_agent: Mapped[str | None]
    filter_type: Mapped[str | None]
    filter: Mapped[bytes | None]
    created_at: Mapped[float]
    version: Mapped[int]
    rates: Mapped[str | None]
    condition: Mapped[str | None]
    is_list: Mapped[int | None]
    secure: Mapped[int | None]


class Message(Base):
    """A pager message (RFC 3428) that waits for its recipient."""

    __tablename__ = "message"
    id: Mapped[str] = mapped_column(KeyText, primary_key=True)
    recipient: Mapped[str]
    sender: Mapped[str | None]
    received_at: Mapped[float]
    expires_at: Mapped[float]
    headers: Mapped[str | None]
    body: Mapped[bytes | None]


class Waiting(Base):
    """A watcher whose subscription ended before anybody decided on it (RFC 3857 §4.7.1)."""

    __tablename__ = "waiting"
    package: Mapped[str] = mapped_column(KeyText, primary_key=True)
    aor: Mapped[str] = mapped_column(KeyText, primary_key=True)
    watcher: Mapped[str] = mapped_column(KeyText, primary_key=True)
    id: Mapped[str]
    display: Mapped[str | None]
    since: Mapped[float]
    expires: Mapped[float]


class ChangePosition(Base):
    """Up to which outbox entry a subscription to changes has been told everything."""

    __tablename__ = "change_position"
    subscription: Mapped[str] = mapped_column(KeyText, primary_key=True)
    position: Mapped[int]


class User(Base):
    """Who may register; HA1 per algorithm (RFC 7616 §3.4.2), for "alice" and for "alice@domain"."""

    __tablename__ = "user"
    aor: Mapped[str] = mapped_column(KeyText, primary_key=True)
    display_name: Mapped[str]
    created_at: Mapped[float]
    ha1_md5: Mapped[str]
    ha1_md5_full: Mapped[str]
    ha1_sha256: Mapped[str]
    ha1_sha256_full: Mapped[str]


class UserAlias(Base):
    """Another address of a user."""

    __tablename__ = "user_alias"
    alias: Mapped[str] = mapped_column(KeyText, primary_key=True)
    aor: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), index=True)


class PolicyDocument(Base):
    """A document of presence rules (RFC 4745, RFC 5025, Cisco's), known by its owner, source and name."""

    __tablename__ = "policy_document"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    source: Mapped[str] = mapped_column(KeyText, primary_key=True)
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    content_type: Mapped[str]
    document: Mapped[bytes]
    updated_at: Mapped[float]


class ContactGroup(Base):
    """A group of a user's contacts; the one without a name has a row only when there is something to keep.

    A position is a decimal number with ten places as text (`contact_rows` says why); ids tell the order of
    insertion.
    """

    __tablename__ = "contact_group"
    __table_args__ = (UniqueConstraint("owner", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(KeyText)
    position: Mapped[str]


class Contact(Base):
    """A person in a group of contacts.

    No foreign key to `user`: members may be anywhere, and one who is deleted stays in the lists of others.
    """

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("group_id", "member"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("contact_group.id", ondelete="CASCADE"))
    member: Mapped[str] = mapped_column(KeyText)
    position: Mapped[str]
    nickname: Mapped[str]
    display_on_phone: Mapped[bool]
    local: Mapped[bool]


class Heartbeat(Base):
    """One row that the journal writes to see whether the database takes writes."""

    __tablename__ = "heartbeat"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[float]


class Outbox(Base):
    """News of committed changes, written in the same transaction as the change.

    AUTOINCREMENT on SQLite: an id must never come back after the newest entries were pruned, for a follower
    remembers the last id that it saw.
    """

    __tablename__ = "outbox"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    created_at: Mapped[float]
    topic: Mapped[str]
    key: Mapped[str]
    payload: Mapped[str]
