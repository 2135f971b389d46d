"""Inputs with too much of one thing: messages and documents by what it is, each as long as is asked for."""

from __future__ import annotations

from collections.abc import Callable

from tests.fuzz.corpus import MESSAGE, SUBSCRIBE

HEAD = MESSAGE.partition(b"\r\n\r\n")[0]


def line(text: bytes) -> Callable[[int], bytes]:
    """A message with so many bytes of header field lines more, all of them `text`."""
    return lambda size: HEAD + (b"\r\n" + text) * (size // (len(text) + 2)) + b"\r\n\r\nhello"


def value(name: bytes, before: bytes, piece: bytes, after: bytes = b"") -> Callable[[int], bytes]:
    """A message with one header field `name` whose value has `piece` again and again."""

    def make(size: int) -> bytes:
        rows = [row for row in SUBSCRIBE.split(b"\r\n") if row and not row.startswith(name + b":")]
        rows.append(name + b": " + before + piece * (size // len(piece)) + after)
        return b"\r\n".join(rows) + b"\r\n\r\n"

    return make


MESSAGES: dict[str, Callable[[int], bytes]] = {
    "Vias": line(b"Via: SIP/2.0/UDP a;branch=z9hG4bK1"),
    "Vias by commas": value(b"Via", b"SIP/2.0/UDP a;branch=z9hG4bK0", b",SIP/2.0/UDP a;branch=z9hG4bK1"),
    "Record-Routes": line(b"Record-Route: <sip:a;lr>"),
    "Routes": line(b"Route: <sip:a;lr>"),
    "Routes by commas": value(b"Route", b"<sip:b;lr>", b",<sip:a;lr>"),
    "Contacts": value(b"Contact", b"<sip:b>", b",<sip:a>"),
    "Contacts of quoted names": value(b"Contact", b"<sip:b>", b',"a,b" <sip:a>;q=0.1'),
    "commas": value(b"Contact", b"", b","),
    "commas and blanks": value(b"Contact", b"<sip:a>", b" ,"),
    "blanks": value(b"Subject", b"", b" ", b"x"),
    "blanks in an address": value(b"From", b"<sip:a>", b" ", b";tag=1"),
    "quotes": value(b"From", b"", b'"', b" <sip:a>;tag=1"),
    "escaped quotes": value(b"From", b'"', b'\\"', b'" <sip:a>;tag=1'),
    "backslashes": value(b"From", b'"', b"\\", b" <sip:a>;tag=1"),
    "opening brackets": value(b"Contact", b"", b"<", b"sip:a>"),
    "closing brackets": value(b"Contact", b"<sip:a", b">"),
    "comments": value(b"User-Agent", b"", b"(", b")"),
    "folding": line(b"Subject: a\r\n b"),
    "folded lines": value(b"Subject", b"a", b"\r\n "),
    "folded lengths": value(b"Subject", b"a", b"\r\n l: 5"),
    "parameters": value(b"Contact", b"<sip:a>", b";a"),
    "parameters of their own": lambda size: value(b"Contact", b"<sip:a>", b"".join(b";p%d=1" % it for it in range(size // 8)))(1),
    "parameters with quotes": value(b"Contact", b"<sip:a>", b';a="b"'),
    "parameters of a URI": value(b"Contact", b"<sip:a", b";a=b", b">"),
    "headers of a URI": value(b"Contact", b"<sip:a?a=b", b"&a=b", b">"),
    "escapes in a user": value(b"To", b"<sip:", b"%41", b"@sip.test>"),
    "users": value(b"To", b"<sip:", b"a@", b"sip.test>"),
    "colons in a user": value(b"To", b"<sip:", b"a:", b"@sip.test>"),
    "dots in a host": value(b"To", b"<sip:a@", b"a.", b">"),
    "colons in a host": value(b"To", b"<sip:a@[", b":", b"]>"),
    "zeros of a number": value(b"Expires", b"", b"0", b"1"),
    "digits of a number": value(b"Expires", b"", b"9"),
    "digits of a CSeq": value(b"CSeq", b"", b"9", b" SUBSCRIBE"),
    "digits of a length": line(b"Content-Length: 5"),
    "credentials": line(b'Authorization: Digest username="a", realm="b"'),
    "parameters of credentials": value(b"Authorization", b"Digest a=b", b', a="b"'),
    "commas of credentials": value(b"Authorization", b"Digest a=b", b","),
    "Accepts": value(b"Accept", b"a/b", b", a/b"),
    "Accepts with parameters": value(b"Accept", b"a/b", b', a/b;q=0.0;a="b"'),
    "Supporteds": line(b"Supported: path"),
    "Requires": line(b"Require: a"),
    "Events": value(b"Event", b"presence", b";id=1"),
    "unknown header fields": lambda size: line(b"X: 1")(1) [:-9] + b"".join(b"\r\nX%d: 1" % it for it in range(size // 10)) + b"\r\n\r\nhello",
    "long names": line(b"x-" * 100 + b": 1"),
    "NULs": value(b"Subject", b"a", b"\0"),
    "escaped NULs": value(b"Subject", b'"', b"\\\0", b'"'),
    "bare CRs": value(b"Subject", b"a", b"\r"),
    "bare LFs": value(b"Subject", b"a", b"\nl: 1"),
    "empty lines before": lambda size: b"\r\n" * (size // 2) + MESSAGE,
    "blanks in the start line": lambda size: MESSAGE.replace(b" SIP/2.0\r\n", b" " * size + b"SIP/2.0\r\n", 1),
    "no end": lambda size: HEAD + b"\r\nSubject: " + b"a" * size,
    "UTF-8 that is none": value(b"Subject", b"a", b"\xff"),
    "Identities": line(b'P-Asserted-Identity: "a" <sip:alice@sip.test>'),
    "Paths": line(b"Path: <sip:a;lr>"),
    "Privacies": value(b"Privacy", b"id", b";id"),
}  # fmt: skip
"""Messages by what there is too much of; each takes the size in bytes."""


def document(before: bytes, piece: bytes, after: bytes = b"") -> Callable[[int], bytes]:
    """A document with `piece` again and again."""
    return lambda size: before + piece * (size // len(piece)) + after


_OPEN = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a"'
_TUPLE = b'<tuple id="t"><status><basic>open</basic></status>'
_DIFF = b'<d:pidf-diff xmlns="urn:ietf:params:xml:ns:pidf" xmlns:d="urn:ietf:params:xml:ns:pidf-diff">'
_FILTER = (
    b'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"><ns-bindings>'
    b'<ns-binding prefix="p" urn="urn:ietf:params:xml:ns:pidf"/></ns-bindings>'
    b'<filter id="f"><what><include type="xpath">%b</include></what></filter></filter-set>'
)
_LIST = b'<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list>%b</list></resource-lists>'


def within(frame: bytes, piece: bytes) -> Callable[[int], bytes]:
    """A document `frame` with `piece` again and again in the place of its %b."""
    return lambda size: frame % (piece * (size // len(piece)))


def numbered(before: bytes, piece: bytes, after: bytes) -> Callable[[int], bytes]:
    """A document with `piece` again and again, each time with another number in it."""

    def make(size: int) -> bytes:
        return before + b"".join(piece % it for it in range(size // (len(piece) + 2))) + after

    return make


DOCUMENTS: dict[str, tuple[str, Callable[[int], bytes]]] = {
    "tuples": ("pidf", numbered(_OPEN + b">", b'<tuple id="t%d"><status/></tuple>', b"</presence>")),
    "persons of one name": ("pidf", document(
        _OPEN + b' xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model">', b'<dm:person id="p"/>', b"</presence>")),
    "tuples of one name": ("pidf", document(_OPEN + b">", _TUPLE + b"</tuple>", b"</presence>")),
    "notes": ("pidf", document(_OPEN + b">", b"<note>a</note>", b"</presence>")),
    "attributes": ("pidf", numbered(_OPEN, b' a%d="1"', b"/>")),
    "namespaces": ("pidf", numbered(_OPEN, b' xmlns:n%d="u"', b">")),
    "namespaces before an entity": ("pidf", numbered(b'<presence xmlns="urn:ietf:params:xml:ns:pidf"', b' xmlns:n%d="u"', b"!>")),
    "blanks in a namespace": ("pidf", document(
        b'<presence xmlns=" urn:ietf:params:xml:ns:pidf"><note> xmlns="', b" ", b"</note></presence>")),
    "namespaces and an end": ("pidf", numbered(_OPEN, b' xmlns:n%d="u"', b"></presence>")),
    "namespaces without an end": ("pidf", numbered(_OPEN, b' xmlns:n%d="u"', b"!>")),
    "blanks": ("pidf", document(_OPEN + b">", b" ", b"</presence>")),
    "blanks in a tag": ("pidf", document(_OPEN, b" ", b"!></presence>")),
    "entities": ("pidf", document(_OPEN + b"><note>", b"&amp;", b"</note></presence>")),
    "entities without an end": ("pidf", document(_OPEN + b"><note>", b"&amp;", b"&x;</note></presence>")),
    "characters by number": ("pidf", document(_OPEN + b"><note>", b"&#65;", b"</note></presence>")),
    "depth": ("pidf", document(_OPEN + b">", b"<a>")),
    "depth with an end": ("pidf", lambda size: _OPEN + b">" + b"<a>" * (size // 7) + b"</a>" * (size // 7) + b"</presence>"),
    "contacts behind extensions": ("pidf", lambda size: _OPEN + b' xmlns:x="u">' + _TUPLE + b"<x:a/>" * (size // 12)
        + b"<contact>sip:a</contact>" * (size // 48) + b"</tuple></presence>"),
    "places behind extensions": ("pidf", lambda size: _OPEN + b' xmlns:x="u" xmlns:r="urn:ietf:params:xml:ns:pidf:rpid">'
        + _TUPLE + b"<x:a/>" * (size // 12) + b"<r:privacy/>" * (size // 24) + b"</tuple></presence>"),
    "extensions": ("pidf", numbered(_OPEN + b' xmlns:x="u">' + _TUPLE, b"<x:a%d/>", b"</tuple></presence>")),
    "extensions of one name": ("pidf", document(_OPEN + b' xmlns:x="u">' + _TUPLE, b"<x:a>b</x:a>", b"</tuple></presence>")),
    "extensions without an end": ("pidf", document(_OPEN + b' xmlns:x="u">' + _TUPLE, b"<x:a>", b"</tuple></presence>")),
    "contacts": ("pidf", document(_OPEN + b">" + _TUPLE, b"<contact>sip:a</contact>", b"</tuple></presence>")),
    "comments": ("pidf", document(_OPEN + b">", b"<!-- -->", b"</presence>")),
    "CDATA": ("pidf", document(_OPEN + b"><note>", b"<![CDATA[a]]>", b"</note></presence>")),
    "instructions": ("pidf", document(_OPEN + b">", b"<?a b?>", b"</presence>")),
    "operations": ("pidf-diff", document(_DIFF, b'<d:add sel="presence"><note>a</note></d:add>', b"</d:pidf-diff>")),
    "removals": ("pidf-diff", document(_DIFF, b'<d:remove sel="presence/note"/>', b"</d:pidf-diff>")),
    "steps": ("pidf-diff", document(_DIFF + b'<d:add sel="', b"*/", b'*"><a/></d:add></d:pidf-diff>')),
    "conditions": ("pidf-diff", document(_DIFF + b'<d:add sel="*', b"[1]", b'"><a/></d:add></d:pidf-diff>')),
    "texts added": ("pidf-diff", document(_DIFF, b'<d:add sel="presence">a</d:add>', b"</d:pidf-diff>")),
    "attributes added": ("pidf-diff", numbered(_DIFF, b'<d:add sel="presence" type="@a%d">a</d:add>', b"</d:pidf-diff>")),
    "steps of a filter": ("filter", within(_FILTER, b"/*")),
    "conditions of a filter": ("filter", within(_FILTER, b"[a]")),
    "ors of a filter": ("filter", document(_FILTER.partition(b"%b")[0] + b"/*[a=1", b" or a=1", b"]" + _FILTER.partition(b"%b")[2])),
    "brackets of a filter": ("filter", within(_FILTER, b"(")),
    "filters": ("filter", numbered(b'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter">', b'<filter id="f%d"/>', b"</filter-set>")),
    "entries": ("resource-lists", numbered(_LIST.partition(b"%b")[0], b'<entry uri="sip:%d"/>', b"</list></resource-lists>")),
    "entries of one URI": ("resource-lists", within(_LIST, b'<entry uri="sip:a"/>')),
    "lists in lists": ("resource-lists", within(_LIST, b"<list>")),
    "watchers": ("winfo", document(
        b'<watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full">'
        b'<watcher-list resource="sip:a" package="presence">',
        b'<watcher id="a" event="subscribe" status="active">sip:b</watcher>', b"</watcher-list></watcherinfo>")),
    "rules": ("rules", numbered(
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy">',
        b'<rule id="r%d"><conditions><identity><one id="sip:a"/></identity></conditions></rule>', b"</ruleset>")),
    "conditions of a rule": ("rules", numbered(
        b'<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"><rule id="r"><conditions><identity>',
        b'<one id="sip:%d"/>', b"</identity></conditions></rule></ruleset>")),
    "dialogs": ("dialog-info", numbered(
        b'<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:a">',
        b'<dialog id="d%d"><state>confirmed</state></dialog>', b"</dialog-info>")),
    "counts": ("message-summary", document(b"Messages-Waiting: yes\r\n", b"Voice-Message: 1/2\r\n")),
    "blocks": ("message-summary", document(b"Messages-Waiting: yes\r\n\r\n", b"a: b\r\n\r\n")),
    "folded lines of a summary": ("message-summary", document(b"Messages-Waiting: yes", b"\r\n ", b"x")),
    "digits of a count": ("message-summary", document(b"Messages-Waiting: yes\r\nVoice-Message: ", b"1", b"/1 (0/0)")),
    "blanks of a count": ("message-summary", document(b"Messages-Waiting: yes\r\nVoice-Message: 1", b" ", b"/1")),
    "parts": ("multipart", document(b"multipart/mixed;boundary=b\n\n", b"--b\r\n\r\na\r\n", b"--b--")),
    "delimiters that are none": ("multipart", document(b"multipart/mixed;boundary=b\n\n--b\r\n\r\n", b"\r\n--b", b"\r\n--b--")),
    "blanks behind a delimiter": ("multipart", document(b"multipart/mixed;boundary=b\n\n--b", b" ", b"x\r\n\r\na\r\n--b--")),
    "header fields of a part": ("multipart", document(b"multipart/mixed;boundary=b\n\n--b\r\n", b"a: b\r\n", b"\r\na\r\n--b--")),
    "folded lines of a part": ("multipart", document(b"multipart/mixed;boundary=b\n\n--b\r\na: b", b"\r\n ", b"c\r\n\r\na\r\n--b--")),
    "URIs without a password": ("trace", document(b"MESSAGE ", b"sip:a:")),
    "URIs with passwords": ("trace", document(b"MESSAGE ", b"sip:a:b@")),
    "passwords without an end": ("trace", document(b"", b"<password ")),
    "quotes of credentials": ("trace", document(b"Authorization: Digest ", b'"')),
    "credentials in a trace": ("trace", document(b"", b'Authorization: Digest response="\r\n')),
    "folded credentials": ("trace", document(b"Authorization: a", b"\r\n ")),
    "keys of media": ("trace", document(b"\r\n\r\nv=0\r\n", b"a=crypto:1 1 ")),
    "items of a SOAP body": ("soap", document(
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>', b"<a/>", b"</e:Body></e:Envelope>")),
    "headers of a SOAP envelope": ("soap", document(
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Header>', b"<a/>",
        b"</e:Header><e:Body><a/></e:Body></e:Envelope>")),
    "depth of a SOAP body": ("soap", document(
        b'<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body>', b"<a>")),
}  # fmt: skip
"""Documents by what there is too much of: the target that reads them, and how they are made."""
