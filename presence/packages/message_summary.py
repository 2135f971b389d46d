"""The `message-summary` package (RFC 3842): what a voice mailbox publishes, for its owner alone.

Several mailboxes are added up, as §3.10 does with several notifications.  The account is always named:
whoever subscribed by an alias, or to several mailboxes, has to be told (§3.5, §3.8).  It is that of the one
mailbox, else the user's address.  Headers of single messages are not passed on: a first NOTIFY must not have
them (§3.8), and what is published is told from the first one on.
"""

from __future__ import annotations

from typing import Final

from presence.documents.message_summary import (
    CONTENT_TYPE,
    Counts,
    MessageSummary,
    parse_message_summary,
    render_message_summary,
)
from presence.packages.around import Surroundings
from sip.headers import MediaType
from sip.usage.notifier import Authorization, Body, SteadyView, SubscriptionView
from sip.usage.publication import Publication, What

NAME: Final = "message-summary"
_MOST: Final = 2**32 - 1


class MessageSummaryPackage:
    """Message waiting, for mailboxes and for phones."""

    name = NAME
    accept = (CONTENT_TYPE,)
    content_types = (CONTENT_TYPE,)
    from_elements: Final = True

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    def parse(self, aor: str, content_type: MediaType, body: bytes) -> MessageSummary:
        """As `parse_message_summary`."""
        return parse_message_summary(body)

    def changed(self, aor: str, publication: Publication, what: What) -> None:
        """A publication came, changed or went."""
        if what != "refresh":
            self._around.changed(NAME, aor)

    def authorize(self, watcher: str, aor: str) -> Authorization:
        """Only the user himself.  Raises Forbidden."""
        return self._around.only_himself(watcher, aor)

    def open(self, subscription: SubscriptionView) -> SteadyView:
        """Always the whole document, when it is another one."""
        return SteadyView(self, subscription)

    def document(self, subscription: SubscriptionView, now_wall: float) -> Body:
        """All mailboxes together; without any, no message waits."""
        found = self._around.publications(subscription)
        parsed = [one.parsed for one in found if isinstance(one.parsed, MessageSummary)]
        summary = together(parsed)
        return Body(
            CONTENT_TYPE,
            render_message_summary(summary._replace(account=summary.account or subscription.aor)),
        )

    def neutral(self, subscription: SubscriptionView) -> None:
        """Nobody waits for permission here."""


def together(summaries: list[MessageSummary]) -> MessageSummary:
    """One summary of several mailboxes; the account is told if there is only one."""
    accounts = {summary.account for summary in summaries}
    counts: dict[str, tuple[str, Counts]] = {}
    for summary in summaries:
        for name, more in summary.counts:
            shown, held = counts.get(name.lower(), (name, None))
            counts[name.lower()] = shown, more if held is None else _added(held, more)
    return MessageSummary(
        any(summary.waiting for summary in summaries),
        accounts.pop() if len(accounts) == 1 else None,
        tuple(counts.values()),
    )


def _added(one: Counts, other: Counts) -> Counts:
    urgent = None
    if one.urgent or other.urgent:
        (new, old), (more_new, more_old) = one.urgent or (0, 0), other.urgent or (0, 0)
        urgent = min(new + more_new, _MOST), min(old + more_old, _MOST)
    return Counts(min(one.new + other.new, _MOST), min(one.old + other.old, _MOST), urgent)
