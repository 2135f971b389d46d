"""Subscription-State: what a NOTIFY says of its subscription (RFC 6665 §8.2.3)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from sip.headers.grammar import TOKEN, delta_seconds, malformed, parse_params, render_params


@dataclass(slots=True)
class SubscriptionState:
    """`state` in lower case (active, pending, terminated); `expires` and `retry_after` in seconds."""

    state: str
    expires: int | None = None
    reason: str | None = None
    retry_after: int | None = None
    params: dict[str, str | None] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the value.  Raises BadRequest."""
        state, semicolon, rest = text.partition(";")
        state = state.strip(" \t").lower()
        if TOKEN.fullmatch(state) is None:
            raise malformed("Subscription-State")
        params = parse_params(semicolon + rest, "Subscription-State") if semicolon else {}
        return cls(
            state,
            _seconds(params.pop("expires", None)),
            params.pop("reason", None),
            _seconds(params.pop("retry-after", None)),
            params,
        )

    def __str__(self) -> str:
        known: dict[str, str | None] = {}
        if self.expires is not None:
            known["expires"] = str(self.expires)
        if self.reason is not None:
            known["reason"] = self.reason
        if self.retry_after is not None:
            known["retry-after"] = str(self.retry_after)
        return f"{self.state}{render_params(known)}{render_params(self.params)}"


def _seconds(text: str | None) -> int | None:
    return None if text is None else delta_seconds(text, "Subscription-State")
