"""One SIP account on pjsua2, without sound and without threads: what a face (terminal, test) drives.

The face calls `poll()` regularly and gets the events since the last call. pjsua2's callbacks only append to
that list: an exception that left a callback would abort the process. There is one `Phone` per process,
because pjsua2 has one endpoint per process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pjsua2 as pj

STATES = ("open", "busy", "away", "offline")
TRANSPORTS = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
GOODBYE = 3.0  # seconds that signing off waits for the answer to the last REGISTER
LINGER = 0.2  # seconds after that for the answers to the rest
WINFO = "presence.winfo"
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "tls": 5061}
ACTIVITIES = {"busy": pj.PJRPID_ACTIVITY_BUSY, "away": pj.PJRPID_ACTIVITY_AWAY}
SHOWN_ACTIVITIES = {code: name for name, code in ACTIVITIES.items()}


class PhoneError(Exception):
    """pjsua2 could not do what was asked; the text is for the user."""


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn a pjsua2 error into a PhoneError with one readable line."""
    try:
        yield
    except pj.Error as error:
        raise PhoneError(str(error.reason).strip() or str(error.title)) from None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    kind:   registered (`code`: seconds), unregistered, refused (`code`, `text`: of the answer to REGISTER),
            state (`value`: open, busy, away, offline or unknown; `text`: the note),
            watch (`value`: pending, active or terminated; `text`: the reason; `code`: of the answer),
            message (`text`; `value`: its media type), sent (`code`, `text`: the answer to our message),
            typing (`value`: on or off), answer (`code`, `value`: the whole response; `text`: the method),
            notify (`value`: the whole NOTIFY of watcher information).
    who:    the AOR that it is about, as name@domain.
    """

    kind: str
    who: str
    value: str = ""
    text: str = ""
    code: int = 0


def aor_of(uri: str) -> str:
    """name@domain of a SIP URI or a name-addr."""
    bare = uri.partition("<")[2].partition(">")[0] or uri
    bare = bare.partition(";")[0].strip()
    return bare.split(":", 1)[1] if bare.startswith(("sip:", "sips:")) else bare


@contextlib.contextmanager
def muted() -> Iterator[None]:
    """Keep away from standard output what pjlib prints before its logging can be set."""
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


class _Endpoint(pj.Endpoint):  # type: ignore[misc]
    """The library, with an eye on the connection."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self._phone = phone

    def onTransportState(self, prm: pj.OnTransportStateParam) -> None:
        if prm.state == pj.PJSIP_TP_STATE_DISCONNECTED:
            self._phone.cut_off = True


class _Tap(pj.LogWriter):  # type: ignore[misc]
    """pjsip's log, kept in a file if wanted, and read as a tap on the wire.

    NOTIFYs of packages that pjsua2 does not know reach us in no other way.
    """

    def __init__(self, phone: Phone, log: Path | None) -> None:
        super().__init__()
        self._phone = phone
        self._file = log.open("a", buffering=1, errors="backslashreplace") if log else None

    def write(self, entry: pj.LogEntry) -> None:
        """Called for each line of the log; a whole message is one "line"."""
        text = entry.msg
        if self._file:
            self._file.write(text)
        head, _, message = text.partition("\n")
        if " msg NOTIFY/" in head and "RX " in head and f"Event: {WINFO}" in message:
            whole = message.partition("\n--end msg--")[0]
            self._phone.events.append(Event("notify", self._phone.aor, whole))


class _Buddy(pj.Buddy):  # type: ignore[misc]
    """A watched presentity."""

    def __init__(self, phone: Phone, aor: str) -> None:
        super().__init__()
        self._phone = phone
        self.aor = aor
        self.watched = False
        self.shown = ("unknown", "")
        self._watch = ""

    def state(self) -> tuple[str, str]:
        """The state as last heard, and its note."""
        info = self.getInfo()  # has to outlive `status`, which points into it
        status = info.presStatus
        if status.status == pj.PJSUA_BUDDY_STATUS_OFFLINE:
            return "offline", status.note
        if status.status == pj.PJSUA_BUDDY_STATUS_ONLINE:
            return SHOWN_ACTIVITIES.get(status.activity, "open"), status.note
        return "unknown", ""

    def onBuddyState(self) -> None:
        state = self.state()
        if self.watched and state != self.shown:
            self.shown = state
            self._phone.events.append(Event("state", self.aor, *state))

    def onBuddyEvSubState(self, prm: pj.OnBuddyEvSubStateParam) -> None:
        info = self.getInfo()
        name = info.subStateName.lower()
        if name != self._watch and name in ("pending", "active", "terminated"):
            self._watch = name
            reason = info.subTermReason if name == "terminated" else ""
            self._phone.events.append(Event("watch", self.aor, name, reason, info.subTermCode))


class _Account(pj.Account):  # type: ignore[misc]
    """The user."""

    def __init__(self, phone: Phone) -> None:
        super().__init__()
        self._phone = phone

    def onRegState(self, prm: pj.OnRegStateParam) -> None:
        me = self._phone.aor
        if prm.code // 100 != 2 or prm.status:
            event = Event("refused", me, text=prm.reason, code=prm.code)
        elif self.getInfo().regIsActive:
            event = Event("registered", me, code=prm.expiration)
        else:
            event = Event("unregistered", me)
        self._phone.events.append(event)

    def onInstantMessage(self, prm: pj.OnInstantMessageParam) -> None:
        event = Event("message", aor_of(prm.fromUri), prm.contentType, prm.msgBody)
        self._phone.events.append(event)

    def onInstantMessageStatus(self, prm: pj.OnInstantMessageStatusParam) -> None:
        self._phone.events.append(Event("sent", aor_of(prm.toUri), prm.msgBody, prm.reason, int(prm.code)))

    def onTypingIndication(self, prm: pj.OnTypingIndicationParam) -> None:
        event = Event("typing", aor_of(prm.fromUri), "on" if prm.isTyping else "off")
        self._phone.events.append(event)

    def onSendRequest(self, prm: pj.OnSendRequestParam) -> None:
        transaction = prm.e.body.tsxState
        whole = transaction.src.rdata.wholeMsg if transaction.type == pj.PJSIP_EVENT_RX_MSG else ""
        status = transaction.tsx.statusCode
        self._phone.events.append(Event("answer", self._phone.aor, whole, transaction.tsx.method, status))


class Phone:
    """An account that registers, publishes its state, watches buddies and exchanges messages."""

    def __init__(
        self,
        aor: str,
        password: str,
        *,
        server: tuple[str, int] | None = None,
        transport: str = "udp",
        expires: int = 600,
        log: Path | None = None,
    ) -> None:
        """Start, and begin to register.

        Args:
            aor: name@domain.
            password: for digest authentication.
            server: host and port of the server; without it the domain at the transport's usual port.
            transport: "udp", "tcp" or "tls" (TLS 1.2; the certificate is not checked).
            expires: lifetime of the registration in seconds.
            log: a file for pjsip's log with whole messages.

        Raises:
            PhoneError: pjsua2 refused the account or the transport.
        """
        self.aor = aor
        self.user, _, self.domain = aor.partition("@")
        self.events: list[Event] = []
        self.server = server or (self.domain, DEFAULT_PORTS[transport])
        self.transport = transport
        self._hint = "" if transport == "udp" else f";transport={transport}"
        self._buddies: dict[str, _Buddy] = {}
        self.cut_off = False  # the connection went since the last registration
        self._tap = _Tap(self, log)
        self._endpoint = _Endpoint(self)
        with explained():
            self._start_endpoint()
            self._account = _Account(self)
            self._account.create(self._account_config(password, expires))

    def _start_endpoint(self) -> None:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.userAgent = "presentity-softphone"
        config.medConfig.threadCnt = 0
        config.medConfig.hasIoqueue = False
        config.logConfig.level = config.logConfig.consoleLevel = 4
        config.logConfig.msgLogging = 1
        config.logConfig.writer = self._tap
        with muted():
            self._endpoint.libCreate()
            self._endpoint.libInit(config)
        self._endpoint.audDevManager().setNullDev()
        carrier = pj.TransportConfig()
        carrier.boundAddress = local_address(self.server)
        carrier.tlsConfig.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2
        number = self._endpoint.transportCreate(TRANSPORTS[self.transport], carrier)
        self._contact = f"<sip:{self.user}@{self._endpoint.transportGetInfo(number).localName}{self._hint}>"
        self._endpoint.libStart()

    def _account_config(self, password: str, expires: int) -> pj.AccountConfig:
        host, port = self.server
        config = pj.AccountConfig()
        config.idUri = f"sip:{self.aor}"
        config.regConfig.registrarUri = f"sip:{self.domain}{self._hint}"
        config.regConfig.timeoutSec = expires
        config.regConfig.delayBeforeRefreshSec = min(5, max(1, expires // 2))
        config.regConfig.firstRetryIntervalSec = 2
        config.regConfig.retryIntervalSec = 5
        config.regConfig.randomRetryIntervalSec = 1
        # Without a route pjsip sends PUBLISH and SUBSCRIBE to port 5060 of the domain.
        config.sipConfig.proxies.append(f"sip:{f'[{host}]' if ':' in host else host}:{port}{self._hint};lr")
        config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", self.user, 0, password))
        config.presConfig.publishEnabled = True
        return config

    def full(self, name: str) -> str:
        """name@domain of what a user typed: a bare name is in our own domain."""
        bare = aor_of(name)
        return bare if "@" in bare else f"{bare}@{self.domain}"

    def poll(self, milliseconds: int = 10) -> list[Event]:
        """Let pjsip work for at most that long; returns the events that came up, oldest first."""
        self._endpoint.libHandleEvents(milliseconds)
        happened, self.events = self.events, []
        for event in happened:
            if event.kind == "registered" and self.cut_off:
                self.cut_off = False
                self._ask_again()
        return happened

    def _ask_again(self) -> None:
        """Subscribe anew: the connection that the NOTIFYs of the old dialogs came by is gone."""
        for aor, old in [item for item in self._buddies.items() if item[1].watched]:
            old.watched = False
            del self._buddies[aor]
            with contextlib.suppress(pj.Error):
                buddy = self._buddy(aor)
                buddy.watched, buddy.shown = True, old.shown
                buddy.subscribePresence(True)

    def _buddy(self, aor: str) -> _Buddy:
        """The buddy of that name, made without a subscription if there is none."""
        if aor not in self._buddies:
            config = pj.BuddyConfig()
            config.uri = f"sip:{aor}"
            config.subscribe = False
            buddy = _Buddy(self, aor)
            buddy.create(self._account, config)
            self._buddies[aor] = buddy
        return self._buddies[aor]

    def watch(self, aor: str) -> None:
        """Subscribe to that user's presence."""
        with explained():
            buddy = self._buddy(aor)
            buddy.watched = True
            buddy.subscribePresence(True)

    def unwatch(self, aor: str) -> bool:
        """Unsubscribe; False when that user was not watched."""
        buddy = self._buddies.get(aor)
        if buddy is None or not buddy.watched:
            return False
        with explained():
            buddy.watched = False
            buddy.subscribePresence(False)
        return True

    def buddies(self) -> list[tuple[str, str, str]]:
        """The watched users: AOR, state, note."""
        with explained():
            return [(aor, *buddy.state()) for aor, buddy in sorted(self._buddies.items()) if buddy.watched]

    def publish(self, state: str, note: str = "") -> None:
        """Publish our own state: one of STATES, with a note."""
        status = pj.PresenceStatus()
        status.status = pj.PJSUA_BUDDY_STATUS_OFFLINE if state == "offline" else pj.PJSUA_BUDDY_STATUS_ONLINE
        status.activity = ACTIVITIES.get(state, pj.PJRPID_ACTIVITY_UNKNOWN)
        status.note = note
        with explained():
            self._account.setOnlineStatus(status)

    def message(self, aor: str, text: str) -> None:
        """Send a message; a `sent` event tells the answer."""
        param = pj.SendInstantMessageParam()
        param.contentType = "text/plain"
        param.content = text
        with explained():
            self._buddy(aor).sendInstantMessage(param)

    def fetch_watchers(self, credentials: tuple[str, str] | None = None) -> None:
        """Ask once for our watcher information (RFC 3857): an `answer`, then a `notify`.

        pjsua2 knows neither the package nor how to answer the challenge to such a request: the caller
        computes the header (name, value) and asks again.
        """
        lines = {"Event": WINFO, "Expires": "0", "Accept": "application/watcherinfo+xml"}
        lines["Contact"] = self._contact
        param = pj.SendRequestParam()
        param.method = "SUBSCRIBE"
        param.txOption.targetUri = f"sip:{self.aor}"
        for name, value in [*lines.items(), *([credentials] if credentials else [])]:
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            param.txOption.headers.append(header)
        with explained():
            self._account.sendRequest(param)

    def close(self) -> None:
        """Unsubscribe, withdraw our state, unregister, and wait for the answers (at most GOODBYE seconds).

        The library is not destroyed: with a request unanswered that aborts the process (an assertion about
        the account that is gone). The face ends with `os._exit`.
        """
        patience = LINGER
        with contextlib.suppress(pj.Error):
            for buddy in self._buddies.values():
                if buddy.watched:
                    buddy.watched = False
                    buddy.subscribePresence(False)
            info = self._account.getInfo()
            patience = GOODBYE if info.regIsActive else LINGER
            self._account.setRegistration(False)  # withdraws the publication as well
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if any(event.kind in ("unregistered", "refused") for event in self.poll()):
                until = min(until, time.monotonic() + LINGER)


def local_address(server: tuple[str, int]) -> str:
    """Our own address on the way to the server, so that the Contact is one that it can reach."""
    try:
        family, _, _, _, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise PhoneError(f"server {server[0]}: {error.strerror or error}") from None
