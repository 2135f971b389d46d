"""Every setting of the server: its name, type, unit, default and limits, in groups.

The field name is the TOML key, `PRESENTITY_<NAME>` the environment variable.  `docs/configuration.md` and
`config/presentity.toml` are made from what the fields say (`presence.settings.reference`).
Times are seconds and sizes are bytes unless the unit says otherwise.
"""

from __future__ import annotations

from pydantic_settings import BaseSettings, SettingsConfigDict

from presence.provisioning.sessions import SessionSettings
from presence.settings.access import AuthenticationSettings, ClientSessions, PrivacySettings
from presence.settings.lifetimes import LifetimeSettings
from presence.settings.limits import AddressLimits, TransportLimits, UserLimits
from presence.settings.network import NetworkSettings, TlsSettings
from presence.settings.operation import JournalSettings, LogSettings
from presence.settings.presentities import ListSettings, MessageSettings, PresenceSettings
from presence.settings.server import ServerSettings
from presence.settings.services import ChangeNotifierSettings, SoapSettings

ENV_PREFIX = "PRESENTITY_"


class Settings(
    # The fields of the last one come first: from below, this is the order of docs/configuration.md.
    LogSettings,
    JournalSettings,
    MessageSettings,
    ListSettings,
    ChangeNotifierSettings,
    SoapSettings,
    ClientSessions,
    PrivacySettings,
    PresenceSettings,
    AuthenticationSettings,
    UserLimits,
    LifetimeSettings,
    TlsSettings,
    AddressLimits,
    TransportLimits,
    NetworkSettings,
    ServerSettings,
    BaseSettings,
):
    """How this server is to run.  Frozen: a running server never changes its mind.

    `presence.settings.load` is the way to get one with all sources in their order; calling the class itself
    takes the arguments, then the environment, then the defaults.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="forbid",
        env_ignore_empty=True,
        validate_default=True,
        defer_build=False,
    )

    @property
    def sessions(self) -> SessionSettings:
        """Of client applications."""
        return SessionSettings(
            default_domain=self.domain[0],
            idle=self.session_idle,
            attempts_per_user=self.login_attempts_user,
            attempts_per_address=self.login_attempts_address,
            window=self.login_window,
        )
