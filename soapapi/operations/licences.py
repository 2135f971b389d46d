"""get-licensing-features (SPEC R79; Examples 53 and 54)."""

from __future__ import annotations

from soapapi.messages import Message, Text
from soapapi.operation import Call, Service, operation


class LicensingFeatures(Message):
    """Always all four."""

    base = Text
    im = Text
    audio = Text
    video = Text


def licensing_features(call: Call) -> LicensingFeatures:
    """What get-licensing-features answers, which get-all-config has a part of."""
    found = call.services.profiles.licences(call.owner)
    return LicensingFeatures(
        **{name: "true" if getattr(found, name) else "false" for name in ("base", "im", "audio", "video")}
    )


class Licensing(Service):
    """What the user may use."""

    @operation("get-licensing-features", response=LicensingFeatures)
    def get_licensing_features(call: Call) -> LicensingFeatures:
        """The licences of the user (R79)."""
        return licensing_features(call)
