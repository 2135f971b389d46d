"""get-all-config, get-system-config, get-user-config, set-user-config (SPEC R61 to R64)."""

from __future__ import annotations

from soapapi.messages import Attribute, Message, Value, many
from soapapi.operation import Call, Service, operation


class SystemProperty(Message):
    """A property of the system."""

    name = Attribute
    value = Value


class SystemConfig(Message):
    """All properties of the system."""

    property = many(SystemProperty)


class UserProperty(Message):
    """A property of the user."""

    name = Attribute
    is_public = Attribute
    value = Value


class UserConfig(Message):
    """Some or all properties of the user."""

    property = many(UserProperty)


class UserPropertyStatus(Message):
    """What became of one."""

    name = Attribute
    status_code = Attribute


class UserConfigStatus(Message):
    """What became of all."""

    property = many(UserPropertyStatus)


def system_config(call: Call) -> SystemConfig:
    """What get-system-config answers, which get-all-config has a part of."""
    return SystemConfig(
        property=[
            SystemProperty(name=name, value=value)
            for name, value in call.services.configuration.system_properties(call.owner)
        ]
    )


def user_config(call: Call) -> UserConfig:
    """What get-user-config answers, which get-all-config has a part of."""
    return UserConfig(
        property=[
            UserProperty(name=name, value=value, is_public="true" if is_public else "false")
            for name, value, is_public in call.services.user_settings.list(call.owner)
        ]
    )


class Configuration(Service):
    """What the administrator and the user have set."""

    @operation("get-system-config", response=SystemConfig)
    def get_system_config(call: Call) -> SystemConfig:
        """The 79 properties in their order (R62)."""
        return system_config(call)

    @operation("get-user-config", response=UserConfig)
    def get_user_config(call: Call) -> UserConfig:
        """The user's own properties (R63)."""
        return user_config(call)

    @operation("set-user-config", UserConfig, UserConfigStatus)
    def set_user_config(call: Call, request: UserConfig) -> UserConfigStatus:
        """Set some (R64, Q36, Q53); one that cannot be kept does not keep the others from it."""
        items = [(it, _public(it.is_public)) for it in request.property or ()]
        good = [
            (it.name, it.value, public) for it, public in items if it.name is not None and public is not None
        ]
        kept = iter(call.services.user_settings.set(call.owner, good))
        return UserConfigStatus(
            property=[
                UserPropertyStatus(
                    name=it.name,
                    status_code="0" if it.name is not None and public is not None and next(kept) else "1",
                )
                for it, public in items
            ]
        )


def _public(text: str | None) -> bool | None:
    """Q18, Q53: any case, absent is false; None for what is no boolean."""
    match (text or "false").strip().lower():
        case "true" | "1":
            return True
        case "false" | "0":
            return False
        case _:
            return None
