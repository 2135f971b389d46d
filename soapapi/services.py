"""What the operations call: the services of `presence.provisioning`, handed in by the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from presence.policy.decide import DefaultHandling
from presence.provisioning.configuration import ConfigurationService
from presence.provisioning.contacts import ContactService
from presence.provisioning.dialing import DialingService
from presence.provisioning.history import HistoryService
from presence.provisioning.presence_rules import PresenceRulesService
from presence.provisioning.profiles import ProfileService
from presence.provisioning.sessions import SessionService
from presence.provisioning.standing import StandingService
from presence.provisioning.user_settings import UserSettingsService


@dataclass(frozen=True, slots=True)
class Services:
    """All of them may be called from several threads at once.

    Attributes:
        withdraw: withdraws the published tuple with an id of the user with an AOR, and waits until that is
            durable; an unknown id is nothing (Q27).  It raises TimeoutError.
        defaults: the default privacy policy as the settings have it; system properties go before it.
    """

    sessions: SessionService
    configuration: ConfigurationService
    profiles: ProfileService
    dialing: DialingService
    user_settings: UserSettingsService
    contacts: ContactService
    presence_rules: PresenceRulesService
    history: HistoryService
    standing: StandingService
    withdraw: Callable[[str, str], None]
    defaults: DefaultHandling
