"""A subscription as the journal keeps it: the row of kind "subscription", there and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sip.dialog import Dialog
from sip.ports import Record
from sip.transport.flow import Flow
from sip.usage.notifier.subscription import Subscription

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

KIND = "subscription"


def removal(subscription: Subscription) -> Record:
    """The record that removes it."""
    return Record(KIND, (subscription.id,), None)


def from_row(
    usage: NotifierUsage,
    identifier: str,
    row: tuple[Any, ...],
    flow: Callable[[str], Flow | None],
    now: float,
    wall: float,
) -> Subscription:
    """What `Subscription.record` made, `now` in monotonic and `wall` in epoch seconds."""
    (
        package,
        event_id,
        aor,
        watcher,
        call_id,
        local_tag,
        remote_tag,
        local_uri,
        remote_uri,
        remote_target,
        routes,
        local_cseq,
        remote_cseq,
        accept,
        expires_at,
        flow_key,
        state,
        _reason,
        user_agent,
        filter_type,
        filter_body,
        created_at,
        version,
    ) = row
    types = usage.packages[package].content_types if package in usage.packages else ("",)
    accepted = tuple(accept.split(",")) if accept else ()
    wanted = {value.split(";")[0].strip().lower() for value in accepted}
    return Subscription(
        usage,
        identifier=identifier,
        package=package,
        event_id=event_id,
        aor=aor,
        watcher=watcher,
        dialog=Dialog(
            call_id=call_id,
            local_tag=local_tag,
            remote_tag=remote_tag,
            local_uri=local_uri,
            remote_uri=remote_uri,
            remote_target=remote_target,
            routes=routes.split("\n") if routes else (),
            local_cseq=local_cseq,
            remote_cseq=remote_cseq,
        ),
        accept=accepted,
        content_type=next((value for value in types if value in wanted), types[0]),
        expires_at=now + (expires_at - wall),
        flow=flow(flow_key),
        flow_key=flow_key,
        state="pending" if state == "pending" else "active",
        user_agent=user_agent,
        created_at=created_at,
        cseq_durable=local_cseq,
        filter_type=filter_type,
        filter_body=filter_body,
        version=version,
    )
