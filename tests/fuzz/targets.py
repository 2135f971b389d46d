"""What is fuzzed: each target takes bytes as a stranger may send them, and refuses them in its own words.

A target raises `Fault` or anything else that is no refusal when the bytes have found a defect.
"""

from __future__ import annotations

import functools
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lxml import etree

from presence.documents import pidf_diff
from presence.documents.config_change import parse_config_change
from presence.documents.dialog_info import changes, merged, parse_dialog_info, render_dialog_info
from presence.documents.message_summary import parse_message_summary, render_message_summary
from presence.documents.multipart import parse_multipart, render_related
from presence.documents.pidf_reader import parse_pidf, read_thoroughly
from presence.documents.reginfo import parse_reginfo, render_reginfo
from presence.documents.resource_lists import members, parse_resource_lists, render_resource_lists
from presence.documents.rlmi import parse_rlmi, render_rlmi
from presence.documents.watcherinfo import parse_watcherinfo, render_watcherinfo, watcher_ids
from presence.documents.xml import read_xml
from presence.filters.watcher_filter import WatcherFilter
from presence.policy.ruleset import parse_ruleset
from sip.errors import SipError
from sip.framing import Ping, StreamFramer
from sip.headers import Challenge, Contact, Credentials, MediaType, NameAddr, SubscriptionState
from sip.message import Message, Request, Response, check_request, check_response, parse
from tests.fuzz import corpus
from tests.presence.documents.saying import meant


class Fault(AssertionError):
    """Something of ours that must not be."""


@dataclass(frozen=True)
class Target:
    """`run` takes bytes, `fits` says which examples it begins with, `most` is how many bytes it gets."""

    run: Callable[[bytes], object]
    fits: Callable[[bytes], object]
    most: int = 4096
    pace: int = 1000
    """Inputs that a short run tries in a second, about."""


# -- SIP ----------------------------------------------------------------------------------------------------

_TOUCHES: list[Callable[[Any], object]] = [
    lambda m: m.via,
    lambda m: m.vias,
    lambda m: m.from_.uri.aor,
    lambda m: m.to.uri.aor,
    lambda m: m.call_id,
    lambda m: m.cseq,
    lambda m: [(it.uri.aor, it.q, it.expires, str(it)) for it in m.contacts],
    lambda m: m.contact_star,
    lambda m: (m.expires, m.max_forwards),
    lambda m: [route.uri.aor for route in m.routes],
    lambda m: m.record_routes,
    lambda m: [str(value) for value in (m.via, m.from_, m.to, m.event, m.content_type)],
    lambda m: [str(Credentials.parse(it)) for it in m.get_all("Authorization")],
    lambda m: str(Challenge.parse(m.get("WWW-Authenticate") or "")),
    lambda m: str(SubscriptionState.parse(m.get("Subscription-State") or "")),
    lambda m: [str(MediaType.parse(it, "Accept")) for it in m.values("Accept")],
    lambda m: [str(NameAddr.parse(it)) for it in m.values("P-Asserted-Identity")],
    lambda m: [str(Contact.parse(it)) for it in m.values("Refer-To")],
    lambda m: check_request(m) if isinstance(m, Request) else check_response(m),
    lambda m: m.uri.aor if isinstance(m, Request) else None,
]


def message(data: bytes) -> None:
    """Parse, touch everything, and see that what is written says the same."""
    try:
        found = parse(data)
    except SipError as error:
        partial = getattr(error, "partial", None)
        if partial is not None:
            written(Response.answering(partial, error.status, error.reason, to_tag="t"))
        return
    for touch in _TOUCHES:
        with suppress(SipError):
            touch(found)
    written(found.copy())
    if isinstance(found, Request):
        written(Response.answering(found, 400, "Because", to_tag="t"))


def written(message: Message) -> None:
    """What we send is read as what it is: a head of whole lines without any that we did not write."""
    data = message.render()
    again = parse(data)
    if again != message:
        raise Fault(f"{message!r} is read as {again!r}")
    if data.partition(b"\r\n\r\n")[0].count(b"\r\n") != sum(1 for _ in message.items()):
        raise Fault(f"{message!r} has other lines than header fields")
    if len(StreamFramer(1 << 20, 1 << 20).feed(data)) != 1:
        raise Fault(f"{message!r} is not one message in a stream")


def stream(data: bytes) -> None:
    """Whatever the pieces in which bytes come: the same messages come out."""
    whole = _framed([data])
    drops = _framed([data[at : at + 1] for at in range(len(data))])
    halves = _framed([data[: len(data) // 2], data[len(data) // 2 :]])
    if not whole == drops == halves:
        raise Fault(f"{whole} at once, {drops} in drops, {halves} in halves")


def _framed(pieces: list[bytes]) -> list[object]:
    framer = StreamFramer(2048, 1024)
    found: list[object] = []
    for piece in pieces:
        try:
            found += [None if isinstance(item, Ping) else item for item in framer.feed(piece)]
        except SipError:
            break
    if framer.pending > 2048 + 4096:
        raise Fault(f"{framer.pending} bytes are kept")
    return [*found, None if framer.error is None else str(framer.error)]


# -- documents ----------------------------------------------------------------------------------------------


def _pidf(data: bytes) -> None:
    found = parse_pidf(data)
    if meant(found) != meant(read_thoroughly(data)):
        raise Fault("the short way reads another document")
    for element in (*found.tuples, *found.persons, *found.devices):
        read_xml(element.xml)


def _diff(data: bytes) -> None:
    made = pidf_diff.apply_published_patch(corpus.PIDF, data)
    parse_pidf(made)


def _filter(data: bytes) -> None:
    found = WatcherFilter.read(MediaType.parse("application/simple-filter+xml"), data, "presence")
    shown = found.for_resource("sip:alice@sip.test", ())
    if shown is not None:
        read_xml(shown.apply(corpus.PIDF, "sip:alice@sip.test"))
        shown.triggered(corpus.PIDF, corpus.PIDF.replace(b"open", b"closed"))
    again = WatcherFilter.read(MediaType.parse("application/simple-filter+xml"), found.document(), "presence")
    if again.key != found.key:
        raise Fault("the filter that is written is another one")


def _dialogs(data: bytes) -> None:
    found = parse_dialog_info(data)
    held = merged({}, found)
    read_xml(render_dialog_info("sip:alice@sip.test", 1, False, changes({}, held)))


def _lists(data: bytes) -> None:
    found = parse_resource_lists(data)
    members(found)
    if parse_resource_lists(render_resource_lists(found)) != found:
        raise Fault("the list that is written is another one")


def _winfo(data: bytes) -> None:
    found = parse_watcherinfo(data)
    watcher_ids(data)
    if parse_watcherinfo(render_watcherinfo(found)) != found:
        raise Fault("the watchers that are written are others")


def _reginfo(data: bytes) -> None:
    found = parse_reginfo(data)
    if parse_reginfo(render_reginfo(found)) != found:
        raise Fault("the bindings that are written are others")


def _rlmi(data: bytes) -> None:
    found = parse_rlmi(data)
    try:
        document = render_rlmi(found)
    except ValueError:
        return  # What we do not write: an instance that is active without a cid, or ended without a reason.
    if parse_rlmi(document) != found:
        raise Fault("the list that is written is another one")


def _summary(data: bytes) -> None:
    # What is in no header field (a NUL) is written as a blank.
    found = parse_message_summary(render_message_summary(parse_message_summary(data)))
    if parse_message_summary(render_message_summary(found)) != found:
        raise Fault("the summary that is written is another one")


def _multipart(data: bytes) -> None:
    """The first line is the Content-Type."""
    head, _, body = data.partition(b"\n\n")
    found = parse_multipart(head.decode("utf-8", "surrogateescape"), body)
    kind, again = render_related(found.parts)
    written_parts = parse_multipart(kind, again).parts
    if [part.body for part in written_parts] != [part.body for part in found.parts]:
        raise Fault("the parts that are written are others")


def _refused(run: Callable[[bytes], object]) -> Callable[[bytes], None]:
    def guarded(data: bytes) -> None:
        with suppress(SipError):
            run(data)

    return guarded


# -- what logs an error has failed --------------------------------------------------------------------------


class _Watch(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record)


@contextmanager
def watched(*loggers: str) -> Iterator[None]:
    """Raises what one of the loggers tells of as an error, with the fault that it was about."""
    watch = _Watch()
    for name in loggers:
        logging.getLogger(name).addHandler(watch)
    try:
        yield
    finally:
        for name in loggers:
            logging.getLogger(name).removeHandler(watch)
    for record in watch.found:
        if record.exc_info and record.exc_info[1] is not None:
            raise record.exc_info[1]
        raise Fault(record.getMessage())


class _Anybody:
    """The sessions of a service, in which every key is somebody's."""

    def __init__(self, repository: Any, session: Any) -> None:
        self._repository = repository
        self._session = session

    def find(self, key_hash: str) -> Any:
        return self._session

    def __getattr__(self, name: str) -> Any:
        return getattr(self._repository, name)


@functools.cache
def _office() -> Any:
    from presence.provisioning.stored import OpenSession
    from presence.storage.database import open_database
    from presence.storage.migrate import upgrade
    from tests.soapapi.asking import KAI, NOW, Office

    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    url = f"sqlite:///{folder / 'soap.sqlite3'}"
    upgrade(url)
    office = Office(open_database(url))
    # Whatever the key: what is behind the session is to be reached.
    office.services.sessions._repository = _Anybody(office.repository, OpenSession(KAI, NOW, NOW))
    return office


def soap(data: bytes) -> None:
    """A request to the SOAP service is answered, never with its fault for what nobody foresaw."""
    with watched("soapapi", "presence"):
        for kind in ("application/soap+xml; charset=utf-8", "text/xml"):
            answer = _office().application.answer(data, kind, "192.0.2.9")
            etree.fromstring(answer.body)


def server(data: bytes) -> None:
    """One datagram to a whole server, from a trusted peer and from a stranger, and the minute after it."""
    from tests.fuzz.whole import whole

    with watched("sip", "presence"):
        whole(data)


def websocket(data: bytes) -> None:
    """Bytes after the opening handshake of a WebSocket."""
    from tests.fuzz.whole import framed

    with watched("sip"):
        framed(data)


def _documents(run: Callable[[bytes], object], *roots: bytes) -> Target:
    return Target(_refused(run), corpus.has_root(*roots).search)


TARGETS: dict[str, Target] = {
    "message": Target(message, corpus.is_sip),
    "stream": Target(stream, corpus.is_sip, most=2048, pace=100),
    "websocket": Target(
        websocket, lambda data: data in corpus.OWN.values() and corpus.is_sip(data), pace=300
    ),
    "server": Target(server, corpus.is_sip, pace=50),
    "pidf": _documents(_pidf, b"presence"),
    "pidf-diff": _documents(_diff, b"pidf-diff", b"pidf-full", b"diff"),
    "filter": _documents(_filter, b"filter-set"),
    "resource-lists": _documents(_lists, b"resource-lists"),
    "winfo": _documents(_winfo, b"watcherinfo"),
    "rules": _documents(lambda data: parse_ruleset(data, "fuzz"), b"ruleset"),
    "dialog-info": _documents(_dialogs, b"dialog-info"),
    "reginfo": _documents(_reginfo, b"reginfo"),
    "rlmi": _documents(_rlmi, b"list"),
    "config-change": _documents(parse_config_change, b"UPCConfigChange"),
    "message-summary": Target(_refused(_summary), lambda data: b"essages-Waiting" in data[:40]),
    "multipart": Target(_refused(_multipart), lambda data: data.startswith(b"multipart/")),
    "soap": Target(soap, corpus.has_root(b"Envelope").search, pace=100),
}


def seeds(name: str) -> dict[str, bytes]:
    """The examples that a target begins with."""
    fits = TARGETS[name].fits
    return {where: data for where, data in corpus.examples().items() if fits(data)}
