"""How long bindings, publications and subscriptions live."""

from __future__ import annotations

from typing import NamedTuple, Self

from pydantic import model_validator

from presence.settings.kinds import Group, Seconds, setting


class Lifetimes(NamedTuple):
    """What a lifetime may be, in seconds."""

    least: int
    default: int
    largest: int


class LifetimeSettings(Group):
    """Section Lifetimes: the least of all, default and largest of each."""

    min_expires: Seconds = setting(
        60,
        "Lifetimes",
        "Least lifetime of bindings, publications and subscriptions; less is answered 423.",
        "seconds",
    )
    binding_expires: Seconds = setting(
        3600,
        "Lifetimes",
        "Lifetime of a binding when REGISTER asks for none, at least `min_expires`.",
        "seconds",
    )
    binding_max_expires: Seconds = setting(86400, "Lifetimes", "Largest lifetime of a binding.", "seconds")
    publication_expires: Seconds = setting(
        3600,
        "Lifetimes",
        "Lifetime of a publication when PUBLISH asks for none, at least `min_expires`.",
        "seconds",
    )
    publication_max_expires: Seconds = setting(
        86400, "Lifetimes", "Largest lifetime of a publication.", "seconds"
    )
    subscription_expires: Seconds = setting(
        3600,
        "Lifetimes",
        "Lifetime of a subscription when SUBSCRIBE asks for none, at least `min_expires`.",
        "seconds",
    )
    subscription_max_expires: Seconds = setting(
        86400, "Lifetimes", "Largest lifetime of a subscription.", "seconds"
    )

    @model_validator(mode="after")
    def _defaults_and_least_are_within_the_largest(self) -> Self:
        for kind in ("binding", "publication", "subscription"):
            largest = getattr(self, f"{kind}_max_expires")
            for name in ("min_expires", f"{kind}_expires"):
                if getattr(self, name) > largest:
                    raise ValueError(
                        f"{name} ({getattr(self, name)}) is more than {kind}_max_expires ({largest})"
                    )
        return self

    @property
    def binding_lifetimes(self) -> Lifetimes:
        """Of bindings (RFC 3261 §10.3, step 7)."""
        return self._lifetimes(self.binding_expires, self.binding_max_expires)

    @property
    def publication_lifetimes(self) -> Lifetimes:
        """Of publications (RFC 3903 §6, step 4)."""
        return self._lifetimes(self.publication_expires, self.publication_max_expires)

    @property
    def subscription_lifetimes(self) -> Lifetimes:
        """Of subscriptions (RFC 6665 §4.2.1.1)."""
        return self._lifetimes(self.subscription_expires, self.subscription_max_expires)

    def _lifetimes(self, default: int, largest: int) -> Lifetimes:
        # A larger least lifetime lifts the default: nobody is refused for having asked for nothing.
        return Lifetimes(self.min_expires, max(default, self.min_expires), largest)
