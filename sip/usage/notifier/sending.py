"""How a NOTIFY leaves: as bytes over the flow of its dialog, or as a message on whatever way there is.

Nearly all go to where the one before went, over a flow that is there.  These are written at once, without a
message being made of them; all others (a name to be resolved, a connection that is gone, a strict router, a
body that no datagram holds) go as any request of ours.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sip.errors import BadRequest
from sip.routing import next_hop
from sip.sender import DirectSending, Sending
from sip.transport.flow import Flow
from sip.uri import Uri
from sip.usage.notifier.notify import notify_request, set_contact, written_notify
from sip.usage.notifier.told import Notification

if TYPE_CHECKING:
    from sip.usage.notifier.subscription import Subscription


def send_notify(
    subscription: Subscription, told: Notification, etag: str, *, known: bool, ending: str
) -> Sending | DirectSending:
    """Send a NOTIFY; the arguments are those of `notify_request`, the answer comes to `subscription`.

    Raises:
        BadRequest: there is no way to the watcher.
    """
    flow = subscription.flow
    if flow is not None and flow.alive and _goes_by(subscription, flow):
        sending = _send_written(subscription, told, etag, flow, known=known, ending=ending)
        if sending is not None:
            return sending
    dialog = subscription.dialog
    hop = _way(subscription, flow)
    request = notify_request(subscription, told, etag, known=known, ending=ending)
    finish = partial(set_contact, secure=dialog.secure)
    return subscription.usage.sender.send(request, hop, subscription, finish=finish)


def _way(subscription: Subscription, flow: Flow | None) -> Flow | Uri:
    """Where the next NOTIFY goes: to the watcher's Contact or route, if that is at the address he came from.

    By his SUBSCRIBE he has shown that he is there, and nothing of any other: what is told of a presentity
    would go on to whomever he names, and be sent again until somebody answers.  Another one may only be
    named by a trusted peer (RFC 3261 §26.1.5, RFC 6665 §6.3).

    Raises:
        BadRequest: a URI cannot be read.
    """
    dialog = subscription.dialog
    hop = next_hop(dialog.remote_target, dialog.routes, flow)
    if not isinstance(hop, Uri):
        return hop
    source = host_of(subscription.flow_key)
    if subscription.usage.trusts(source) or (hop.host.lower() == source and "maddr" not in hop.params):
        return hop
    if flow is not None and flow.alive:
        return flow
    transport = hop.params.get("transport")
    return Uri(hop.scheme, host=source, port=hop.port, params={"transport": transport} if transport else None)


def host_of(flow_key: str) -> str:
    """The peer's address in a `Flow.key`."""
    return flow_key.partition("|")[2].partition("|")[0].rpartition(":")[0].strip("[]")


def _send_written(
    subscription: Subscription, told: Notification, etag: str, flow: Flow, *, known: bool, ending: str
) -> DirectSending | None:
    """Send it as bytes; None if this one has to be a message."""
    sender, dialog = subscription.usage.sender, subscription.dialog
    if told.body is not None and not sender.takes_at_once(flow, len(told.body.data)):
        return None
    branch = sender.new_branch("")
    via, contact = sender.names_on(flow, secure=dialog.secure)
    data = written_notify(subscription, told, etag, via, branch, contact, known=known, ending=ending)
    if data is None:
        dialog.local_cseq -= 1
        return None
    return sender.send_written(data, branch, flow, subscription, set_contact, secure=dialog.secure)


def _goes_by(subscription: Subscription, flow: Flow) -> bool:
    """Whether NOTIFYs go over `flow`, which is alive, and may be written as bytes.

    That depends on nothing but the flow and the dialog's remote target and routes.  Routes stay as they were
    for good, so it is worked out again when one of the other two is another one.
    """
    dialog = subscription.dialog
    if subscription.way is not flow or subscription.way_target != dialog.remote_target:
        try:
            if _way(subscription, flow) is not flow or not dialog.is_usual:
                return False
        except BadRequest:
            return False
        subscription.way, subscription.way_target = flow, dialog.remote_target
    return True
