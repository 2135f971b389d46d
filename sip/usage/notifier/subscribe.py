"""SUBSCRIBE answered step by step (RFC 6665 §4.2.1): checked, made durable, accepted.

What becomes of a subscription after that is the business of `sip.usage.notifier.usage`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final

from sip.dialog import Dialog
from sip.errors import (
    BadEvent,
    BadRequest,
    Forbidden,
    IntervalTooBrief,
    NoSuchCall,
    NotAcceptable,
    NotFound,
    ServiceUnavailable,
    SipError,
)
from sip.headers import Event
from sip.headers.grammar import TOKEN
from sip.identity import UserDirectory
from sip.message import Request
from sip.ports import JournalError
from sip.request import ServerRequest
from sip.usage.notifier.cseq import CSEQ_BLOCK
from sip.usage.notifier.lists import (
    REQUIRE_EVENTLIST,
    body_type,
    check_list,
    list_package,
    no_such,
    undo_encoding,
)
from sip.usage.notifier.package import EventPackage, ListServer
from sip.usage.notifier.rates import Rates
from sip.usage.notifier.rows import ANY, ordered, record, removal
from sip.usage.notifier.settings import NotifierSettings
from sip.usage.notifier.subscription import Subscription
from sip.usage.rows import readable

if TYPE_CHECKING:
    from sip.usage.notifier.usage import NotifierUsage

log = logging.getLogger(__name__)

_NOTHING: Final[frozenset[str]] = frozenset()
_RATES = ("max-rate", "min-rate", "adaptive-min-rate")
_REFUSED = re.compile(r";q=0(\.0*)?(;|$)")
"""A media range that is accepted with quality 0: not at all (RFC 3261 §20.1)."""


class SubscribeRequests:
    """Answers SUBSCRIBE, and hands to the notifier what has come of it."""

    def __init__(
        self,
        notifier: NotifierUsage,
        directory: UserDirectory,
        token: Callable[[], str],
        settings: NotifierSettings,
        lists: ListServer | None,
    ) -> None:
        self._notifier = notifier
        self._directory = directory
        self._token = token
        self._settings = settings
        self._lists = lists
        self._being_stored: dict[str, int] = {}
        """New subscriptions of each watcher that are not durable yet."""

    def handle(self, sr: ServerRequest) -> None:
        """Answer a SUBSCRIBE; errors are raised as `SipError`, success is answered once it is durable."""
        package = self._package(sr)
        undo_encoding(sr.request, self._settings.max_body, "max_subscribe_body")
        if sr.request.to.tag is None:
            self._initial(sr, package)
        else:
            self._in_dialog(sr, package)

    def _package(self, sr: ServerRequest) -> EventPackage:
        event = sr.request.event
        package = self._notifier.packages.get(event.package) if event is not None else None
        if package is None:
            reason = "Bad Event" if event is not None else "Missing Event header field"
            raise BadEvent(reason, headers=(("Allow-Events", self._notifier.allow_events()),))
        return package

    def _initial(self, sr: ServerRequest, package: EventPackage) -> None:
        request = sr.request
        event = request.event
        assert event is not None
        assert sr.identity is not None
        event_id = str(event.id or "")
        if event_id and TOKEN.fullmatch(event_id) is None:
            raise BadRequest("Malformed Event header field: the id is not a token")
        if event.params and (
            refused := sorted(event.params.keys() & getattr(package, "refused_parameters", _NOTHING))
        ):
            raise BadEvent(
                f"{package.name} is not served with {', '.join(refused)}",
                headers=(("Allow-Events", self._notifier.allow_events()),),
            )
        expires = self._expires(sr)
        aor, filter_type = self._directory.resolve(sr.aor), body_type(request)
        listed = list_package(
            self._lists, package.name, sr.aor, filter_type, request.body, is_user=aor is not None
        )
        check_list(request, self._lists, package.name, listed)
        if listed is not None:
            package, aor = listed, sr.aor
        accept = tuple(request.values("Accept"))
        content_type = _acceptable(accept, package.content_types)
        if aor is None:
            raise no_such(self._lists, package.name, sr.aor)
        watcher = sr.identity.aor
        being_stored = self._being_stored.get(watcher, 0)
        if self._notifier.count_of_watcher(watcher) + being_stored >= self._settings.max_per_watcher:
            limit = self._settings.max_per_watcher
            raise Forbidden(f"Too many subscriptions (limit {limit})", limit="max_subscriptions")
        state = package.authorize(watcher, aor)
        wall = self._notifier.wall()
        local_tag = ordered(wall, self._token())
        subscription = Subscription(
            self._notifier,
            identifier=local_tag,
            package=package.name,
            event_id=event_id,
            aor=aor,
            watcher=watcher,
            dialog=Dialog.accept(request, local_tag),
            accept=accept,
            content_type=content_type,
            expires_at=sr.now + expires,
            flow=sr.flow,
            flow_key=sr.flow.key,
            state=state,
            user_agent=readable(request.get("User-Agent")),
            created_at=wall,
            filter_type=filter_type,
            filter_body=request.body,
        )
        subscription.list_package = listed
        subscription.suppress = self._condition(request)
        subscription.view = package.open(subscription)
        self._set_rates(subscription, event, expires)
        if expires == 0:
            # Fetching state without a subscription that outlives it (RFC 6665 §4.4.3).
            self._accept(sr, subscription, 0)
            if state == "pending" or listed is not None:
                # Over before anybody could decide: whoever decides has to hear of it (RFC 3857 §4.7.1).
                self._notifier.tell(subscription, "timeout")
            subscription.end("timeout")
            return

        self._being_stored[watcher] = being_stored + 1
        done = partial(self._stored, sr, subscription, expires)
        self._notifier.journal.write([record(subscription, CSEQ_BLOCK)], done)

    def _stored(
        self, sr: ServerRequest, subscription: Subscription, expires: int, error: JournalError | None
    ) -> None:
        """A new subscription is durable, or cannot be."""
        watcher, aor = subscription.watcher, subscription.aor
        left = self._being_stored[watcher] - 1
        if left:
            self._being_stored[watcher] = left
        else:
            del self._being_stored[watcher]
        if error is not None:
            subscription.closed()
            sr.reject(_not_durable(error))
            return
        self._notifier.add(subscription)
        if subscription.list_package is None and self._directory.resolve(aor) is None:
            # The user was deleted while this was being stored.
            self._notifier.forget(subscription, "noresource")
            subscription.closed()
            sr.reject(NotFound(f"No such user: {aor.removeprefix('sip:')}"))
            return
        subscription.cseq_durable = CSEQ_BLOCK
        self._accept(sr, subscription, expires)
        subscription.notify(asked=True)

    def _in_dialog(self, sr: ServerRequest, package: EventPackage) -> None:
        request = sr.request
        event = request.event
        assert event is not None
        assert sr.identity is not None
        subscription = self._notifier.in_dialog(
            (request.call_id, request.to.tag or "", request.from_.tag or "")
        )
        if subscription is None or (subscription.package, subscription.event_id) != (
            package.name,
            event.id or "",
        ):
            raise NoSuchCall("Subscription Does Not Exist")
        if sr.identity.aor != subscription.watcher:
            raise Forbidden("Not your subscription")
        self._notifier.queue.run(subscription.id, lambda release: self._refresh(sr, subscription, release))

    def _refresh(self, sr: ServerRequest, subscription: Subscription, release: Callable[[], None]) -> None:
        try:
            if not self._notifier.is_live(subscription):
                raise NoSuchCall("Subscription Does Not Exist")
            target = subscription.dialog.check(sr.request)
            expires = self._expires(sr)
            suppress = self._condition(sr.request)
            event = sr.request.event
            assert event is not None
            take_back: Callable[[], None] | None = None
            if subscription.view is not None and sr.request.body:
                take_back = subscription.view.refresh(sr.request)
        except SipError as error:
            release()
            sr.reject(error)
            return
        expires_at = sr.now + expires

        def apply(error: JournalError | None) -> None:
            if error is not None:
                if take_back is not None:
                    take_back()
                sr.reject(_not_durable(error))
                return
            if not self._notifier.is_live(subscription):
                # It was ended meanwhile; its removal waits for this turn and follows now.
                sr.reject(NoSuchCall("Subscription Does Not Exist"))
                return
            subscription.dialog.received(sr.request, target)
            subscription.flow, subscription.flow_key = sr.flow, sr.flow.key
            subscription.guessed = False
            subscription.suppress = suppress
            self._set_rates(subscription, event, expires)
            if expires == 0:
                self._notifier.remove(subscription, "timeout")
            else:
                subscription.expires_at = expires_at
                self._notifier.arm(subscription)
            if suppress and suppress in (ANY, subscription.current_etag(refreshed=take_back is not None)):
                # He has it already: no NOTIFY (RFC 5839 §6.3).
                self._accept(sr, subscription, expires, status=204)
                subscription.closed() if expires == 0 else None
                return
            self._accept(sr, subscription, expires)
            if expires == 0:
                subscription.end("timeout")
            else:
                subscription.notify(asked=True)

        if expires == 0:
            records = [removal(subscription)]
        else:
            records = [
                record(
                    subscription,
                    subscription.cseq_durable,
                    remote_cseq=sr.request.cseq.number,
                    remote_target=target,
                    expires_at=expires_at,
                    flow_key=sr.flow.key,
                    rates=Rates.agreed(event.params, expires),
                    suppress=suppress,
                )
            ]
        self._notifier.journal.write(records, partial(_in_turn, apply, release))

    @staticmethod
    def _condition(request: Request) -> str:
        """The entity-tag of Suppress-If-Match (RFC 5839 §5.2), empty without one."""
        values = request.values("Suppress-If-Match")
        if len(values) > 1:
            raise BadRequest("Suppress-If-Match needs one entity-tag")
        return values[0].strip() if values else ""

    def _set_rates(self, subscription: Subscription, event: Event, expires: int) -> None:
        """What the Event header field says of rates (RFC 6446); without a wish nothing is kept for it."""
        wished = bool(event.params) and any(name in event.params for name in _RATES)
        if not wished and not self._settings.least_interval:
            if subscription.pacing is not None:
                subscription.pace(None)
            return
        if subscription.pacing is None:
            rates = Rates(self._settings.least_interval, subscription.sent_at)
            subscription.pace(rates)
        else:
            rates = subscription.pacing.rates
        rates.adopt(event.params, expires, self._notifier.timers.now)

    def _accept(self, sr: ServerRequest, subscription: Subscription, expires: int, status: int = 200) -> None:
        headers = [
            *[("Record-Route", value) for value in sr.request.get_all("Record-Route")],
            ("Contact", f"<{sr.flow.uri(secure=subscription.dialog.secure)}>"),
            ("Expires", str(expires)),
        ]
        if subscription.list_package is not None:
            headers += REQUIRE_EVENTLIST
        reason = "No Notification" if status == 204 else None
        sr.reply(status, reason, headers=headers, to_tag=subscription.dialog.local_tag)

    def _expires(self, sr: ServerRequest) -> int:
        settings = self._settings
        expires = sr.request.expires
        if expires is None:
            return settings.default_expires
        # Never refused when an hour or more was asked for, whatever the minimum (RFC 6665 §4.2.1.1).
        if 0 < expires < min(settings.min_expires, 3600):
            raise IntervalTooBrief(headers=(("Min-Expires", str(settings.min_expires)),))
        return min(expires, settings.max_expires)


@lru_cache(maxsize=256)
def _in_turn(
    apply: Callable[[JournalError | None], None], release: Callable[[], None], error: JournalError | None
) -> None:
    """Say what became of a write, then let the next one have its turn."""
    try:
        apply(error)
    finally:
        # Not before: whoever waits for this turn has to see what it changed.
        release()


def _acceptable(values: tuple[str, ...], content_types: tuple[str, ...]) -> str:
    """The first of the types that Accept takes.  Raises NotAcceptable."""
    ranges = [value.replace(" ", "").lower() for value in values]
    accept = [value.partition(";")[0] for value in ranges if value and not _REFUSED.search(value)]
    if not any(ranges):
        return content_types[0]
    for content_type in content_types:
        if content_type in accept:
            return content_type
    for content_type in content_types:
        if "*/*" in accept or f"{content_type.split('/')[0]}/*" in accept:
            return content_type
    raise NotAcceptable(headers=(("Accept", ", ".join(content_types)),))


def _not_durable(error: JournalError) -> ServiceUnavailable:
    log.warning("subscription.not-durable", extra={"error": str(error)})
    return ServiceUnavailable("Storage Not Available", headers=(("Retry-After", "10"),))
