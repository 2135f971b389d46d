"""A subscription as the journal keeps it: the row of kind "subscription"; `restore` reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sip.ports import Record

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription

KIND = "subscription"
_ORDER_DIGITS: Final = 8
_ORDER_STEPS: Final = 64
"""A second: about as many subscriptions come within one as have room on a page."""
ANY: Final = "*"
"""The condition that is true of every state (RFC 5839 §5.2)."""


def record(
    subscription: Subscription,
    cseq_ceiling: int,
    *,
    remote_cseq: int | None = None,
    remote_target: str | None = None,
    expires_at: float | None = None,
    flow_key: str | None = None,
    rates: str | None = None,
    suppress: str | None = None,
) -> Record:
    """The durable form, with what is about to change given in place of what is."""
    it, dialog = subscription, subscription.dialog
    wall, now = it.usage.wall(), it.usage.timers.now
    return Record(
        KIND,
        (it.id,),
        (
            it.package,
            it.event_id,
            it.aor,
            it.watcher,
            dialog.call_id,
            dialog.local_tag,
            dialog.remote_tag,
            dialog.local_uri,
            dialog.remote_uri,
            dialog.remote_target if remote_target is None else remote_target,
            "\n".join(dialog.routes),
            cseq_ceiling,
            dialog.remote_cseq if remote_cseq is None else remote_cseq,
            ",".join(it.accept),
            wall + ((it.expires_at if expires_at is None else expires_at) - now),
            it.flow_key if flow_key is None else flow_key,
            it.state,
            "",
            it.user_agent,
            it.filter_type,
            it.filter_body,
            it.created_at,
            # As with the CSeq: what a restart goes on from must be beyond what may have been used.
            it.version + max(0, cseq_ceiling - dialog.local_cseq),
            it.agreed_rates if rates is None else rates,
            # Any other condition is over with the next change, which is told without a record: taken for true
            # after that it would keep the state from the watcher.
            ANY if (it.suppress if suppress is None else suppress) == ANY else "",
            int(it.list_package is not None),
            int(dialog.secure),
        ),
    )


def ordered(wall: float, token: str) -> str:
    """A tag of ours that sorts by when it was made (`wall`, epoch seconds), as hard to guess as `token`.

    It is the key of the row, and rows that arrive together so lie together: a batch of keys without any order
    makes the database write as many pages of its index.  The order starts anew after two years.
    """
    return f"{int(wall * _ORDER_STEPS) & 0xFFFFFFFF:08x}{token}"


def unordered(tag: str) -> str:
    """What is random of a tag that `ordered` made: enough where it stands hundreds of times in a document."""
    return tag[_ORDER_DIGITS:] or tag


def removal(subscription: Subscription) -> Record:
    """The record that removes it."""
    return Record(KIND, (subscription.id,), None)
