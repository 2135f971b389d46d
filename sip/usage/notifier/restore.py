"""Subscriptions out of the rows that the last run has left; `rows` writes these."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from sip.dialog import Dialog
from sip.errors import NotFound, SipError
from sip.identity import UserDirectory
from sip.transport.flow import Flow
from sip.usage.notifier.lists import list_package
from sip.usage.notifier.package import ListServer
from sip.usage.notifier.rates import Rates
from sip.usage.notifier.subscription import Subscription

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

log = logging.getLogger(__name__)

_IS_LIST: Final = 25
"""Place in a row: 1 for a list, 0 for none, None where the last run did not write it yet."""

Rows = Iterable[tuple[tuple[Any, ...], tuple[Any, ...]]]


def restored(
    usage: NotifierUsage,
    rows: Rows,
    directory: UserDirectory,
    lists: ListServer | None,
    flow: Callable[[str], Flow | None],
    now: float,
    wall: float,
    least_interval: float,
) -> Iterator[tuple[Subscription, bool]]:
    """The subscriptions of `rows`, each with whether what it watches is a user.

    `now` is in monotonic and `wall` in epoch seconds.  One without a view cannot be served any more: the
    watcher is to be told to ask again, and nothing else.
    """
    for (id_,), row in rows:
        subscription = from_row(usage, id_, row, flow, now, wall, least_interval)
        if subscription.package not in usage.packages:
            log.warning("subscription.unknown-package", extra={"package": subscription.package})
            continue
        aor = subscription.aor
        known = directory.resolve(aor) is not None
        # What it was it stays, whoever has the address by now (RFC 4662 §4.5).
        was_list = row[_IS_LIST]
        if was_list != 0:
            subscription.list_package = list_package(
                lists,
                subscription.package,
                aor,
                subscription.filter_type,
                subscription.filter_body,
                is_user=known and was_list is None,
            )
        try:
            if was_list and lists is not None and subscription.list_package is None:
                subscription.list_package = lists.former(subscription.package)
                raise NotFound(f"No list any more: {aor.removeprefix('sip:')}")
            subscription.view = usage.package_of(subscription).open(subscription)
        except SipError as error:
            log.warning("subscription.not-restored", extra={"reason": error.reason})
            # He is told nothing but to ask again.
            subscription.state = "pending"
        yield subscription, known


@lru_cache(maxsize=256)
def _accepted(accept: str, types: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """What was accepted, and the first of `types` that is."""
    accepted = tuple(accept.split(",")) if accept else ()
    wanted = {value.split(";")[0].strip().lower() for value in accepted}
    return accepted, next((value for value in types if value in wanted), types[0])


def from_row(
    usage: NotifierUsage,
    identifier: str,
    row: tuple[Any, ...],
    flow: Callable[[str], Flow | None],
    now: float,
    wall: float,
    least_interval: float,
) -> Subscription:
    """What `rows.record` made.

    `now` is in monotonic and `wall` in epoch seconds, `least_interval` (between two NOTIFYs) in seconds.
    """
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
        rates,
        condition,
        _is_list,
        secure,
    ) = row
    types = usage.packages[package].content_types if package in usage.packages else ("",)
    accepted, content_type = _accepted(accept or "", types)
    subscription = Subscription(
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
            secure=bool(secure),
        ),
        accept=accepted,
        content_type=content_type,
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
    if rates or least_interval:
        resumed = Rates(least_interval)
        resumed.resume(rates or "", now)
        subscription.pace(resumed)
    if condition:
        subscription.stay_quiet(condition)
    return subscription
