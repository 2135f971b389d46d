"""The event packages beside `presence`: one line for each."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable
from typing import Final, Protocol, TypeGuard, cast

from presence.packages.around import Surroundings
from sip.usage.notifier import EventPackage
from sip.usage.publication import PublicationPackage

PACKAGES: Final[tuple[str, ...]] = (
    "presence.packages.winfo:presence_winfo",
    "presence.packages.dialog:DialogPackage",
    "presence.packages.message_summary:MessageSummaryPackage",
    "presence.packages.reg:RegPackage",
)
"""Module and class of each; docs/packages.md says how to write one."""

IN_LISTS: Final = frozenset({"dialog"})
"""Packages that can be subscribed to by lists, as presence: what others may watch of somebody."""


class PackageFactory(Protocol):
    """The class of a package, or a function that makes one."""

    def __call__(self, around: Surroundings, /) -> EventPackage: ...


class PublishedPackage(EventPackage, PublicationPackage, Protocol):
    """A package that can be published as well."""


def opened(around: Surroundings) -> list[EventPackage]:
    """All packages of the table; raises ImportError or AttributeError where a line of it is wrong."""
    return [cast(PackageFactory, pkgutil.resolve_name(name))(around) for name in PACKAGES]


def published(packages: Iterable[EventPackage]) -> list[PublishedPackage]:
    """Those of `packages` whose state comes by PUBLISH."""
    return [package for package in packages if _is_published(package)]


def _is_published(package: EventPackage) -> TypeGuard[PublishedPackage]:
    return hasattr(package, "accept")
