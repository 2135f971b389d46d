"""Settings that clients keep for their users: properties with names of the clients' own choice.

SPEC R63, R64, Q53: an empty value is a value, and everybody has `CallControl.Lineid`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Protocol, TypeVar

from presence.provisioning.addresses import canonical_aor
from presence.provisioning.errors import known
from presence.provisioning.news import SETTING_ADDED, SETTING_CHANGED, SETTING_DELETED
from presence.provisioning.texts import check_text, check_value

__all__ = ["LINE_ID", "LONGEST_VALUE", "Setting", "SettingEdit", "UserSettings", "UserSettingsService"]

T = TypeVar("T")

LINE_ID: Final = "CallControl.Lineid"
"""The property that everybody has, empty until it is set."""

LONGEST_VALUE: Final = 8192
"""Characters of a value."""
MOST_SETTINGS: Final = 1000
"""Of one user."""


class Setting(NamedTuple):
    """A property of a user."""

    name: str
    value: str = ""
    is_public: bool = False


class SettingEdit(NamedTuple):
    """A change that was made: `new` is what is to be kept, None if nothing; `told` what is announced."""

    topic: str
    name: str
    new: Setting | None
    told: Setting

    def payload(self) -> dict[str, object]:
        """For the outbox (`presence.provisioning.news`)."""
        return {"name": self.told.name, "value": self.told.value, "is-public": self.told.is_public}


class UserSettings:
    """The settings of one user; `edits` are the changes since it was made."""

    __slots__ = ("_kept", "edits")

    def __init__(self, kept: Iterable[Setting] = ()) -> None:
        self._kept = {it.name: it for it in kept}
        self.edits: list[SettingEdit] = []

    def all(self) -> list[Setting]:
        """In the order of the names."""
        return sorted({LINE_ID: Setting(LINE_ID), **self._kept}.values())

    def set(self, setting: Setting) -> bool:
        """False: it cannot be kept."""
        name = setting.name
        before = self._kept.get(name)
        try:
            check_text(name)
            check_value(setting.value, LONGEST_VALUE)
        except ValueError:
            return False
        if not name.strip() or (before is None and len(self._kept) >= MOST_SETTINGS):
            return False
        if setting == (before or (Setting(name) if name == LINE_ID else None)):
            return True
        self._kept[name] = setting
        # What everybody has cannot be new.
        new = before is None and name != LINE_ID
        self.edits.append(SettingEdit(SETTING_ADDED if new else SETTING_CHANGED, name, setting, setting))
        return True

    def delete(self, name: str) -> bool:
        """False: there is none; `CallControl.Lineid` becomes empty."""
        before = self._kept.pop(name, None)
        if before is None:
            return False
        if name == LINE_ID:
            self.edits.append(SettingEdit(SETTING_CHANGED, name, None, Setting(name)))
        else:
            self.edits.append(SettingEdit(SETTING_DELETED, name, None, before))
        return True


class UserSettingsRepository(Protocol):
    """Keeps settings; every change is announced in the same transaction."""

    def read(self, owner: str) -> UserSettings | None:
        """The settings of the user with the AOR or alias `owner`; None: there is no such user."""

    def edit(self, owner: str, work: Callable[[UserSettings], T]) -> T | None:
        """Have `work` change the settings and store what it changed, in one transaction; None as above."""


class UserSettingsService:
    """What may be done with the settings of a user.

    `owner` is "name@domain" or an AOR, by an alias too.  All methods raise ProvisioningError when there is no
    such user, and nothing else.
    """

    __slots__ = ("_repository",)

    def __init__(self, repository: UserSettingsRepository) -> None:
        self._repository = repository

    def list(self, owner: str) -> Sequence[Setting]:
        """Name, value and whether it is public, in the order of the names; `CallControl.Lineid` always."""
        return known(owner, self._repository.read(canonical_aor(owner))).all()

    def set(self, owner: str, settings: Sequence[tuple[str, str, bool]]) -> Sequence[bool]:
        """Set name, value and whether it is public, in order; for each whether it was kept.

        Not kept is what has no name, a name of more than 255 or a value of more than 8192 characters, or a
        character that XML has no place for, and what would be the 1001st.
        """
        return known(
            owner,
            self._repository.edit(
                canonical_aor(owner), lambda kept: [kept.set(Setting(*it)) for it in settings]
            ),
        )

    def delete(self, owner: str, names: Sequence[str]) -> Sequence[bool]:
        """Delete some; for each whether it was there."""
        return known(
            owner, self._repository.edit(canonical_aor(owner), lambda kept: [*map(kept.delete, names)])
        )
