"""The event packages beside `presence`: one line for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeGuard

from presence.packages.around import Surroundings
from presence.packages.dialog import DialogPackage
from presence.packages.message_summary import MessageSummaryPackage
from presence.packages.reg import RegPackage
from presence.packages.winfo import presence_winfo
from sip.usage.notifier import EventPackage
from sip.usage.publication import PublicationPackage

PACKAGES: Final[tuple[Callable[[Surroundings], EventPackage], ...]] = (
    presence_winfo,
    DialogPackage,
    MessageSummaryPackage,
    RegPackage,
)
"""docs/packages.md says how to write one."""


class PublishedPackage(EventPackage, PublicationPackage, Protocol):
    """A package that can be published as well."""


def published(packages: Iterable[EventPackage]) -> list[PublishedPackage]:
    """Those of `packages` whose state comes by PUBLISH."""
    return [package for package in packages if _is_published(package)]


def _is_published(package: EventPackage) -> TypeGuard[PublishedPackage]:
    return hasattr(package, "accept")
