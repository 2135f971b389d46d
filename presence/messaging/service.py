"""MESSAGE for a local user (RFC 3428 §7): forwarded to all his phones, or stored and forwarded later.

The sender hears 200 when a phone has taken the message, the phone's refusal when it refused, and 202 when
nobody was there and the message is stored durably.  What waits goes out in order when the recipient
registers, one message after the other, each kept until it was taken.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final, Protocol

from presence.messaging.mailbox import Mailbox, Mailboxes
from presence.messaging.notifications import is_notification
from presence.messaging.settings import MessageSettings
from presence.messaging.stored import StoredMessage, expiry, kept_headers
from sip.errors import EntityTooLarge, NotFound, ServiceUnavailable, SipError, TemporarilyUnavailable
from sip.identity import UserDirectory
from sip.message import Request, Response
from sip.ports import Journal, JournalError, KeyedQueue
from sip.request import ServerRequest
from sip.timers import TimerWheel
from sip.usage.proxy import Target
from sip.usage.rows import Row

log = logging.getLogger(__name__)

NOBODY_THERE: Final = frozenset({404, 408, 410, 430, 480, 500, 502, 503, 504})
"""Answers that say nothing about the message: the phone is gone, silent, overloaded or not his any more."""

_PASSED_ON: Final = (
    "Accept",
    "Accept-Encoding",
    "Accept-Language",
    "Allow",
    "Error-Info",
    "Proxy-Authenticate",
    "Reason",
    "Retry-After",
    "Unsupported",
    "WWW-Authenticate",
    "Warning",
)
_NOT_FORWARDED: Final = ("Contact", "Authorization", "Proxy-Authorization")


class RelayHandle(Protocol):
    """A request under way to the phones."""

    on_late: Callable[[Response], None] | None
    """Called for a 2xx that comes after the result."""


RelayFunction = Callable[[Request, Sequence[Target], Callable[[int, Response | None], None]], RelayHandle]
"""Send copies of a request to all targets; the callback hears once what came of it."""


class MessageService:
    """Answers MESSAGE and keeps what cannot be delivered.

    Args:
        bindings: where an AOR can be reached now.
        relay: sends a request there (`sip.usage.proxy.Proxy.relay`).
        directory: who lives here.
        wall: the time in epoch seconds.
    """

    __slots__ = ("_bindings", "_directory", "_mailboxes", "_queue", "_relay", "_settings", "_timers", "_wall")

    def __init__(
        self,
        *,
        bindings: Callable[[str], Sequence[Target]],
        relay: RelayFunction,
        directory: UserDirectory,
        journal: Journal,
        timers: TimerWheel,
        settings: MessageSettings,
        wall: Callable[[], float],
    ) -> None:
        self._bindings = bindings
        self._relay = relay
        self._directory = directory
        self._mailboxes = Mailboxes(journal, timers, wall, settings.expires)
        self._timers = timers
        self._settings = settings
        self._wall = wall
        self._queue = KeyedQueue()

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._mailboxes)

    def waiting(self, aor: str) -> int:
        """How many messages wait for `aor`."""
        return self._mailboxes.waiting(aor)

    # -- a MESSAGE arrives ----------------------------------------------------------------------------

    def handle(self, sr: ServerRequest) -> None:
        """Answer a MESSAGE whose sender is known, now or when it is clear what became of it.

        Raises:
            NotFound: 404, no such user.
            EntityTooLarge: 413.
            SipError: it cannot be forwarded (482, 483, 440, 400).
        """
        request = sr.request
        aor = self._directory.resolve(sr.aor)
        if aor is None:
            raise NotFound("User does not exist")
        limit = self._settings.max_body
        if len(request.body) > limit:
            raise EntityTooLarge(f"Message body over {limit} bytes", limit="max_message_body")
        notification = is_notification(request, limit)
        targets = self._bindings(aor)
        mailbox = self._mailboxes.of(aor)
        if mailbox is not None and not notification and mailbox.is_busy(_phones(targets)):
            # Others wait before it: it goes after them, in order.
            self._store(sr, aor)
            return
        if not targets:
            self._nobody_there(sr, aor, notification)
            return
        delivery = _Delivery(partial(self._delivered, sr, aor, notification))
        delivery.watch(self._relay(_outward(request), targets, delivery.result))

    def _delivered(
        self,
        sr: ServerRequest,
        aor: str,
        notification: bool,
        delivery: _Delivery,
        status: int,
        response: Response | None,
    ) -> None:
        """What became of a message that was forwarded at once."""
        if _nobody_took(status):
            self._nobody_there(sr, aor, notification, delivery)
            return
        to_tag = None if response is None else response.to.tag
        if 200 <= status < 300:
            sr.reply(status, to_tag=to_tag)
            self.recipient_registered(aor)
            return
        headers = [] if response is None else _headers_to_pass_on(response)
        sr.reply(status, None if response is None else response.reason, headers, to_tag=to_tag)

    def _nobody_there(
        self, sr: ServerRequest, aor: str, notification: bool, delivery: _Delivery | None = None
    ) -> None:
        if notification:
            sr.reject(TemporarilyUnavailable("Recipient is not there"))
            return
        self._store(sr, aor, delivery)

    # -- what waits -----------------------------------------------------------------------------------

    def _store(self, sr: ServerRequest, aor: str, delivery: _Delivery | None = None) -> None:
        self._queue.run(aor, partial(self._storing, sr, aor, delivery))

    def _storing(
        self, sr: ServerRequest, aor: str, delivery: _Delivery | None, release: Callable[[], None]
    ) -> None:
        try:
            if self._directory.resolve(aor) is None:
                raise NotFound("User does not exist")
            message = self._message(sr, aor)
        except SipError as error:
            # Not raised: this may run in the turn of somebody else's message.
            sr.reject(error)
            release()
            return
        self._mailboxes.add(message, partial(self._stored, sr, message, delivery, release))

    def _message(self, sr: ServerRequest, aor: str) -> StoredMessage:
        request, settings, now = sr.request, self._settings, self._wall()
        if self.waiting(aor) >= settings.max_stored:
            if not settings.max_stored:
                raise TemporarilyUnavailable("Recipient is not there")
            raise TemporarilyUnavailable("Mailbox full", limit="max_stored_messages")
        expires_at = expiry(request, now, settings.expires, settings.max_clock_error)
        if expires_at <= now:
            raise TemporarilyUnavailable("Recipient is not there and the message has expired")
        sender = sr.identity.aor if sr.identity is not None else request.from_.uri_text
        ident = self._mailboxes.new_id(now)
        return StoredMessage(ident, aor, sender, now, expires_at, kept_headers(request, now), request.body)

    def _stored(
        self,
        sr: ServerRequest,
        message: StoredMessage,
        delivery: _Delivery | None,
        release: Callable[[], None],
        error: JournalError | None,
    ) -> None:
        aor = message.recipient
        try:
            if error is not None:
                log.error("message.not_stored", extra={"aor": aor, "error": str(error)})
                retry = (("Retry-After", str(self._settings.retry_after)),)
                sr.reject(ServiceUnavailable("Message could not be stored", headers=retry))
                return
            sr.reply(202)
        finally:
            release()
        if delivery is None:
            # He may have registered while the journal was busy.
            self.recipient_registered(aor)
        else:
            delivery.on_late = partial(self._mailboxes.remove, message, "delivered late")
            if delivery.came_late:
                self._mailboxes.remove(message, "delivered late")
            else:
                self._retry_later(aor)

    def recipient_registered(self, aor: str) -> None:
        """A phone of `aor` is there: what waits for him goes out."""
        mailbox = self._mailboxes.of(aor)
        if mailbox is None:
            return
        if mailbox.delivering is not None:
            mailbox.try_again = True
            return
        self._deliver_next(aor, mailbox)

    def _deliver_next(self, aor: str, mailbox: Mailbox) -> None:
        """Send the oldest message, if there is one and somebody to send it to."""
        if mailbox.retry is not None:
            mailbox.retry.cancel()
            mailbox.retry = None
        mailbox.try_again = False
        targets = self._bindings(aor)
        phones = _phones(targets)
        message = mailbox.next_for(phones)
        if message is None or not targets:
            return
        mailbox.delivering = message.id
        delivery = _Delivery(partial(self._tried, mailbox, message, phones))
        delivery.on_late = partial(self._mailboxes.remove, message, "delivered late")
        try:
            delivery.watch(self._relay(message.request(), targets, delivery.result))
        except SipError as error:
            delivery.result(error.status, None)

    def _tried(
        self,
        mailbox: Mailbox,
        message: StoredMessage,
        phones: frozenset[str],
        delivery: _Delivery,
        status: int,
        response: Response | None,
    ) -> None:
        """What became of a stored message that was sent to `phones`."""
        mailbox.delivering = None
        aor = message.recipient
        if _nobody_took(status):
            if mailbox.try_again:
                self._deliver_next(aor, mailbox)
            else:
                self._retry_later(aor)
            return
        if status < 300:
            self._mailboxes.remove(message, "delivered")
        else:
            # It was accepted with 202, so it is kept; these phones are not asked again, another one may be.
            log.info("message.refused", extra={"id": message.id, "aor": aor, "status": status})
            mailbox.refused[message.id] = phones
        # In a turn of its own: a relay may answer at once, and a hundred messages must not nest.
        self._timers.after(0.0, self.recipient_registered, aor)

    def _retry_later(self, aor: str) -> None:
        """A phone is registered but did not take a message: try again after a while, or when it registers."""
        mailbox = self._mailboxes.of(aor)
        if mailbox is None or mailbox.delivering is not None:
            return
        if mailbox.retry is None or not mailbox.retry.active:
            mailbox.retry = self._timers.after(self._settings.retry_interval, self.recipient_registered, aor)

    # -- users and restarts -----------------------------------------------------------------------------

    def remove_user(self, aor: str) -> None:
        """Drop what waits for a user who is no more."""

        def job(release: Callable[[], None]) -> None:
            self._mailboxes.remove_user(aor)
            release()

        # In turn: one that is being stored just now goes with the others.
        self._queue.run(aor, job)

    def restore(self, rows: Iterable[Row], now: float, wall: float) -> None:
        """Take back what the journal stored: `rows` of kind "message".

        Messages of users who are no more are dropped; the others are tried after `retry_interval`, or
        when their recipient registers.
        """
        self._mailboxes.restore(rows, now, wall)
        for aor in self._mailboxes.recipients():
            if self._directory.resolve(aor) is None:
                self._mailboxes.remove_user(aor)
            else:
                self._retry_later(aor)


class _Delivery:
    """One attempt: hears the result, and what comes after it."""

    __slots__ = ("_then", "came_late", "on_late")

    def __init__(self, then: Callable[[_Delivery, int, Response | None], None]) -> None:
        self._then = then
        self.came_late = False
        """Somebody took the message after the result said that nobody was there."""
        self.on_late: Callable[[], None] | None = None

    def watch(self, relay: RelayHandle) -> None:
        relay.on_late = self._late

    def result(self, status: int, response: Response | None) -> None:
        self._then(self, status, response)

    def _late(self, response: Response) -> None:
        self.came_late = True
        if self.on_late is not None:
            self.on_late()


def _phones(targets: Sequence[Target]) -> frozenset[str]:
    return frozenset(str(target.uri) for target in targets)


def _nobody_took(status: int) -> bool:
    # A redirection says that he is elsewhere; a phone that knows where is no use to a sender who cannot
    # go there.
    return status in NOBODY_THERE or 300 <= status < 400


def _outward(request: Request) -> Request:
    """What the phones get: MESSAGE carries no Contact (RFC 3428 §4), and credentials are for us alone.

    The request itself where it has none of these: each phone gets a copy anyhow (`forward_copy`).
    """
    if "Contact" not in request and "Authorization" not in request and "Proxy-Authorization" not in request:
        return request
    copy = request.copy()
    for name in _NOT_FORWARDED:
        copy.remove(name)
    return copy


def _headers_to_pass_on(response: Response) -> list[tuple[str, str]]:
    """What tells the sender why the phone refused, and what it would take instead."""
    return [(name, value) for name in _PASSED_ON for value in response.get_all(name)]
