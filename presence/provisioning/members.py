"""The persons that a request names, in any of the ways in which people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Final

from presence.lists.naming import ListNames
from presence.provisioning.addresses import canonical_domain
from presence.provisioning.errors import ProvisioningError
from sip.errors import BadRequest
from sip.uri import Uri, parse_uri

People = Callable[[Collection[str]], Mapping[str, str]]
"""Which of some addresses are users: each user's address or alias with the user's own AOR."""


_NAME: Final = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,%]+")
"""Of an address that is not written as a URI: what has a colon is of another world (tel:, mailto:)."""


class Members:
    """The persons that the changes of one request name."""

    __slots__ = ("_aors", "_domain", "_domains", "_names", "_owner", "_users")

    def __init__(
        self,
        owner: str,
        domains: Collection[str] | None,
        people: People,
        texts: Iterable[str],
        names: ListNames | None = None,
    ) -> None:
        """`domains`: those that are served (None: that of `owner`, an AOR); `texts`: all to be asked for.

        `names`: how contact lists are called, where they may be named as well.
        """
        self._owner = owner
        self._domain = owner.rpartition("@")[2]
        self._domains = frozenset((self._domain,)) if domains is None else domains
        self._names = names
        addresses = {aor for text in texts if (aor := self._address(text)) is not None}
        self._users = people({it for aor in addresses for it in (aor, *self._owners(aor))})
        self._aors = frozenset(self._users.values())

    def aor(self, text: str) -> str | None:
        """The AOR of a member as it is kept; None: that is no SIP address."""
        address = self._address(text)
        return None if address is None else self._users.get(address, address)

    def is_user(self, aor: str) -> bool:
        return aor in self._aors

    def is_local(self, aor: str) -> bool:
        """Whether he is of a domain that is served here (or a user all the same)."""
        return aor.rpartition("@")[2].removeprefix("sip:") in self._domains or self.is_user(aor)

    def list_of(self, aor: str) -> tuple[str, str | None] | None:
        """Whose contact list `aor` is, and of which group (None: all his contacts); None: it is no list."""
        if self._names is None or aor in self._users:
            return None
        for user, group in self._names.readings(aor):
            if user in self._users:
                return self._users[user], group
        return None

    def _owners(self, aor: str) -> Iterable[str]:
        return () if self._names is None else (user for user, _ in self._names.readings(aor))

    def _address(self, text: str) -> str | None:
        text = text.strip()
        if text[:4].lower() != "sip:" and text[:5].lower() != "sips:":
            name, at, domain = text.rpartition("@") if "@" in text else (text, "@", self._domain)
            if _NAME.fullmatch(name) is None:
                return None
            text = f"sip:{name}{at}{domain}"
        try:
            uri = parse_uri(text)
            if not isinstance(uri, Uri):
                return None
            canonical_domain(uri.host)
        except (BadRequest, ProvisioningError):
            return None
        return uri.aor
