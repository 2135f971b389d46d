"""The NOTIFY of a subscription as a message (RFC 6665 §4.2.2); when it goes, the subscription knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sip.message import Request
from sip.message.written import Parts, written
from sip.transport.flow import Flow
from sip.usage.notifier.told import Notification

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription


def notify_request(
    subscription: Subscription, told: Notification, etag: str, *, known: bool, ending: str = ""
) -> Request:
    """A NOTIFY.

    Args:
        subscription: whose next NOTIFY it is.
        told: what it tells.
        etag: the `etag_of` that.
        known: whether the watcher has that already: then it has no body (RFC 5839 §6.3).
        ending: why the subscription ends, with parameters; empty if it goes on.
    """
    package, event_id = subscription.package, subscription.event_id
    request = subscription.dialog.request("NOTIFY")
    request.add("Event", f"{package};id={event_id}" if event_id else package)
    state: Parts = []
    _put_state(state, subscription, ending)
    request.add("Subscription-State", "".join(map(str, state)))
    for name, value in told.headers:
        request.add(name, value)
    if etag:
        request.add("SIP-ETag", _tag(told, etag, request.cseq.number, known=known))
    if told.body is not None and not known:
        request.add("Content-Type", told.body.content_type)
        request.body = told.body.data
    return request


def written_notify(
    subscription: Subscription,
    told: Notification,
    etag: str,
    via: str,
    branch: str,
    contact: str,
    *,
    known: bool,
    ending: str = "",
) -> bytes | None:
    """The same NOTIFY as bytes, with `via` and `branch` on top and `contact`; None if it has to be a message.

    That is so where a value holds what would break a line: `notify_request` says what is wrong with it.  The
    CSeq number is taken then, but was not used.  The dialog has to be a usual one (`Dialog.is_usual`).
    """
    dialog = subscription.dialog
    parts = dialog.written("NOTIFY", via, branch, contact)
    # One by one, for a list of two or three would be made to be thrown away.
    parts.append("\r\nEvent: ")
    parts.append(subscription.package)
    if subscription.event_id:
        parts.append(";id=")
        parts.append(subscription.event_id)
    parts.append("\r\nSubscription-State: ")
    _put_state(parts, subscription, ending)
    for name, value in told.headers:
        parts += ["\r\n", name, ": ", value]
    if etag:
        parts.append("\r\nSIP-ETag: ")
        parts.append(_tag(told, etag, dialog.local_cseq, known=known))
    body = b""
    if told.body is not None and not known:
        body = told.body.data
        parts.append("\r\nContent-Type: ")
        parts.append(told.body.content_type)
    parts.append("\r\nContent-Length: ")
    parts.append(len(body))
    parts.append("\r\n\r\n")
    return written(parts, body)


def _tag(told: Notification, etag: str, cseq: int, *, known: bool) -> str:
    # Of a state that he does not have whole it is a tag that no condition meets (RFC 5839 §6.1).
    return f"{etag}.{cseq}" if told.more and not known else etag


def _put_state(parts: Parts, subscription: Subscription, ending: str) -> None:
    """Add the value of Subscription-State; it begins and ends with a value of others (see `Parts`)."""
    if ending:
        parts.append(f"terminated;reason={ending}")
        return
    parts.append(subscription.state)
    parts.append(";expires=")
    # Rounded to the nearest second, and never longer than what the SUBSCRIBE was told.
    parts.append(max(0, int(subscription.expires_at - subscription.usage.timers.now + 0.5)))
    if subscription.pacing is not None:
        parts.append("")
        parts.append(subscription.pacing.agreed)


def etag_of(told: Notification) -> str:
    """The entity-tag of the state that is told; empty for none."""
    return told.etag or (told.body.etag if told.body is not None else "")


def set_contact(request: Request, flow: Flow, *, secure: bool = False) -> None:
    """Name as Contact the place that `request` is sent from, by a SIPS URI if it is to be `secure`."""
    request.set("Contact", f"<{flow.uri(secure=secure)}>")
