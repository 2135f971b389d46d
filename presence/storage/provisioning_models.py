"""The tables of what client applications and administrators set: configuration, settings, rules of dialing.

They are written by the provisioning services, each change with its outbox entry in the same transaction
(`presence.provisioning.news` says what an entry holds).  Everything of a user goes with the user.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from presence.storage.models import Base, KeyText


class SystemProperty(Base):
    """A property of the system that has another value than its default."""

    __tablename__ = "system_property"
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    value: Mapped[str]


class ServiceHost(Base):
    """A host of a family of services: where voice mail, conferencing, directory, CTI or presence is."""

    __tablename__ = "service_host"
    family: Mapped[str] = mapped_column(KeyText, primary_key=True)
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    address: Mapped[str]
    port: Mapped[str]
    protocol: Mapped[str]


class ServiceProfile(Base):
    """Which hosts of a family a user's client takes, in which order; `attributes` is a JSON object.

    Hosts and the pilot are names of rows that may be missing: a profile may be written before its hosts.
    """

    __tablename__ = "service_profile"
    family: Mapped[str] = mapped_column(KeyText, primary_key=True)
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    primary_host: Mapped[str | None]
    backup1_host: Mapped[str | None]
    backup2_host: Mapped[str | None]
    pilot: Mapped[str | None]
    attributes: Mapped[str]


class VoiceMailPilot(Base):
    """A number under which voice mail is called."""

    __tablename__ = "voicemail_pilot"
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    number: Mapped[str]


class UserProfile(Base):
    """What is set for one user: his profile of each family (None: the default one), licences, calendar."""

    __tablename__ = "user_profile"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    voicemail: Mapped[str | None]
    meetingplace: Mapped[str | None]
    ctigateway: Mapped[str | None]
    ldap: Mapped[str | None]
    proxy: Mapped[str | None]
    calendar: Mapped[bool]
    licence_base: Mapped[bool]
    licence_im: Mapped[bool]
    licence_audio: Mapped[bool]
    licence_video: Mapped[bool]


class Device(Base):
    """The desk phone that a user's client controls."""

    __tablename__ = "device"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str]
    description: Mapped[str]


class DialingRule(Base):
    """How a number is changed before it is dialled (kind 1) or looked up in the directory (kind 2)."""

    __tablename__ = "dialing_rule"
    __table_args__ = (UniqueConstraint("kind", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    kind: Mapped[int]
    name: Mapped[str] = mapped_column(KeyText)
    description: Mapped[str]
    priority: Mapped[int]
    begins_with: Mapped[str]
    number_of_digits: Mapped[int]
    digits_to_remove: Mapped[int]
    prefix: Mapped[str]


class UserSetting(Base):
    """A property that a client keeps for its user."""

    __tablename__ = "user_setting"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(KeyText, primary_key=True)
    value: Mapped[str]
    is_public: Mapped[bool]


class RecentCommunication(Base):
    """A record of the history that clients keep; `at` (epoch seconds) is `timestamp` read as a time."""

    __tablename__ = "recent_communication"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), index=True)
    at: Mapped[float]
    timestamp: Mapped[str]
    type: Mapped[str]
    data: Mapped[str]


class StandingStatus(Base):
    """The presence document that holds until its owner takes it back."""

    __tablename__ = "standing_status"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    document: Mapped[bytes]
    published_at: Mapped[float]


class SoapSession(Base):
    """The session of a client application, one a user; only a hash of its key is kept."""

    __tablename__ = "soap_session"
    owner: Mapped[str] = mapped_column(KeyText, ForeignKey("user.aor", ondelete="CASCADE"), primary_key=True)
    key_hash: Mapped[str] = mapped_column(KeyText, unique=True)
    created_at: Mapped[float]
    used_at: Mapped[float]
