"""Requests that are no good get the documented fault, in the form of their version, and change nothing."""

from __future__ import annotations

import logging

import pytest
from lxml import etree
from pytest_twisted import ensureDeferred

from presence.storage.errors import DatabaseUnavailable
from soapapi.names import EPAS, SOAP11, SOAP12
from tests.soapapi import asking
from tests.soapapi.asking import Office
from tests.support.soap import TYPES, canonical, envelope

INVALID = "Invalid request."
LOGIN = "<login><username>xmzhou</username><password>12345</password></login>"


def sender(version: str) -> str:
    return "env:Client" if version == SOAP11 else "env:Sender"


@ensureDeferred
async def test_a_fault_of_soap_1_2_is_as_in_example_9_but_for_the_subcode(soap):
    reply = await soap.post(b"<no-soap/>")
    fault = reply.root
    for subcode in fault.iterfind(".//{*}Subcode"):
        subcode.getparent().remove(subcode)
    assert canonical(fault) == canonical(soap.printed("09.response"))
    assert (reply.status, reply.headers["content-type"]) == (400, TYPES[SOAP12])


@ensureDeferred
async def test_a_database_that_cannot_be_had_is_as_in_example_10(soap, monkeypatch, caplog):
    def gone(*_):
        raise DatabaseUnavailable("database sqlite:///x: disk I/O error")

    monkeypatch.setattr(soap.services.sessions._repository.__class__, "credentials", gone)
    reply = await soap.call(LOGIN)
    assert canonical(reply.body) == canonical(soap.printed("10.response"))
    assert (reply.status, reply.headers["retry-after"]) == (503, "2")
    assert "disk I/O error" not in reply.body.decode()
    assert any("disk I/O error" in str(it.__dict__) for it in caplog.records)


@ensureDeferred
async def test_a_database_that_cannot_be_had_in_soap_1_1(soap, monkeypatch):
    def gone(*_):
        raise DatabaseUnavailable("database sqlite:///x: disk I/O error")

    monkeypatch.setattr(soap.services.sessions._repository.__class__, "credentials", gone)
    reply = await soap.call(LOGIN, version=SOAP11)
    assert (reply.status, reply.headers["content-type"]) == (503, TYPES[SOAP11])
    assert canonical(reply.body) == (
        b'<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body><env:Fault>'
        b"<faultcode>env:Server</faultcode><faultstring>Could not connect to database.</faultstring>"
        b"</env:Fault></env:Body></env:Envelope>"
    )


@ensureDeferred
async def test_an_error_of_ours_is_logged_and_not_told(soap, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr(soap.services.sessions._repository.__class__, "credentials", broken)
    with caplog.at_level(logging.ERROR):
        reply = await soap.call(LOGIN)
    assert (reply.status, reply.fault) == (500, ("env:Receiver", "", "Internal error."))
    assert "secret" not in reply.body.decode()
    assert "secret of the inside" in caplog.text


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@pytest.mark.parametrize(
    ("body", "subcode"),
    [
        ("", "EmptyBody"),
        ("<!-- nothing -->", "EmptyBody"),
        ("<get-everything/>", "UnknownOperation"),
        ('<get-user-config xmlns="urn:example:other"/>', "UnknownNamespace"),
        (f'<login-resp xmlns="{EPAS}"/>', "UnknownOperation"),
        (LOGIN + LOGIN, "SeveralRequests"),
        ("<login><username>a</username><username>b</username></login>", "GivenTwice"),
        ("<get-user-config/>", "NoSession"),
    ],
)
@ensureDeferred
async def test_a_body_that_is_no_request(soap, version, body, subcode):
    reply = await soap.call(body, version=version)
    assert reply.fault == (sender(version), subcode, INVALID)
    assert reply.status == (500 if version == SOAP11 else 400)
    assert reply.headers["content-type"] == TYPES[version]


@pytest.mark.parametrize(
    ("message", "subcode"),
    [
        (b"", "NotWellFormed"),
        (b"login please", "NotWellFormed"),
        (envelope(LOGIN)[:-5], "NotWellFormed"),
        (b"\xff" + envelope(LOGIN), "NotWellFormed"),
        (envelope(LOGIN).replace(b"xmzhou", b"xm\x00zhou"), "NotWellFormed"),
        (envelope(LOGIN).replace(b"xmzhou", b"&who;"), "NotWellFormed"),
        (b"<!DOCTYPE x>" + envelope(LOGIN), "DocumentType"),
        (b'<!DOCTYPE x [<!ENTITY who "xmzhou">]>' + envelope(LOGIN).replace(b"xmzhou", b"&who;"),
         "DocumentType"),
        (b'<!DOCTYPE x [<!ENTITY who SYSTEM "file:///etc/passwd">]>'
         + envelope(LOGIN).replace(b"xmzhou", b"&who;"), "DocumentType"),
        (b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd">' + envelope(LOGIN), "DocumentType"),
        (b"<login/>", "NotSoap"),
        (f'<e:Envelope xmlns:e="{SOAP12}"/>'.encode(), "NoBody"),
        (f'<e:Envelope xmlns:e="{SOAP12}"><e:Header/></e:Envelope>'.encode(), "NoBody"),
        (f'<e:Envelope xmlns:e="{SOAP12}"><x/><e:Body/></e:Envelope>'.encode(), "NotSoap"),
        (f'<e:Envelope xmlns:e="{SOAP12}"><e:Body/><e:Header/></e:Envelope>'.encode(), "NotSoap"),
        (f'<e:Envelope xmlns:e="{SOAP12}"><e:Body/><e:Body/></e:Envelope>'.encode(), "NotSoap"),
    ],
)  # fmt: skip
@ensureDeferred
async def test_a_message_that_is_no_soap(soap, message, subcode):
    reply = await soap.post(message)
    assert (reply.status, reply.fault) == (400, ("env:Sender", subcode, INVALID))
    assert b"root:" not in reply.body


@ensureDeferred
async def test_a_bomb_of_entities_is_refused_at_once(soap):
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]>'.encode()
    reply = await soap.post(bomb + envelope(LOGIN).replace(b"xmzhou", b"&a11;"))
    assert reply.fault[0] == "env:Sender"
    assert reply.fault[1] in ("NotWellFormed", "DocumentType")


@ensureDeferred
async def test_deep_nesting_is_refused(soap):
    reply = await soap.call("<a>" * 5000 + "</a>" * 5000)
    assert reply.fault == ("env:Sender", "NotWellFormed", INVALID)


@ensureDeferred
async def test_nesting_has_a_limit_long_before_the_reader_has_one(soap):
    reply = await soap.call("<a>" * 63 + "</a>" * 63)
    assert reply.fault == ("env:Sender", "TooDeep", INVALID)
    reply = await soap.call("<a>" * 62 + "</a>" * 62)
    assert reply.fault[1] != "TooDeep"


@ensureDeferred
async def test_neither_version_of_soap(soap):
    """SOAP 1.2 part 1 §5.4.7: what would be understood is told."""
    reply = await soap.call(LOGIN, version="http://example.com/soap/3")
    assert (reply.status, reply.fault[0]) == (500, "env:VersionMismatch")
    supported = reply.root.iterfind(f"{{{SOAP12}}}Header/{{{SOAP12}}}Upgrade/{{{SOAP12}}}SupportedEnvelope")
    names = [(it.get("qname"), it.nsmap[it.get("qname").partition(":")[0]]) for it in supported]
    assert names == [("env:Envelope", SOAP12), ("env11:Envelope", SOAP11)]


# -- sessions


@pytest.mark.parametrize("key", ["", " ", "b189aa60-24e3-4e66-a3b6-d8488235ba47", "' OR 1=1 --"])
@ensureDeferred
async def test_a_key_of_no_session(soap, key):
    """Q23."""
    await soap.login()
    reply = await soap.call("<get-user-config/>", key)
    assert (reply.status, reply.fault[0], reply.fault[2]) == (400, "env:Sender", INVALID)
    assert reply.fault[1] == ("UnknownSession" if key.strip() else "NoSession")


def test_no_operation_but_login_is_done_without_a_session(office: Office) -> None:
    """Without a key, with one of nobody, and with one whose session is over."""
    stale = office.open("kai", "stale")
    office.post(asking.envelope("<logout/>", stale))
    office.news()
    needing = office.application.operations - {"login"}
    assert len(needing) == 26
    for name in sorted(needing):
        for key, why in (("", "NoSession"), ("nobody", "UnknownSession"), (stale, "UnknownSession")):
            reply = office.post(asking.envelope(f"<{name}/>", key))
            assert (name, reply.fault) == (name, f"Sender Invalid request. {why}")
    assert office.news() == []


@ensureDeferred
async def test_two_session_keys_are_one_too_many(soap):
    key = await soap.login()
    reply = await soap.call("<get-user-config/>", key, header="<session-key>other</session-key>")
    assert reply.fault == ("env:Sender", "SeveralSessions", INVALID)


@pytest.mark.parametrize("form", [
    "<session-key>{}</session-key>",
    "<session-key> {} </session-key>",
    "<session-key>\n{}\n</session-key>",
    '<epas:session-key xmlns:epas="urn:cisco:epas:soap">{}</epas:session-key>',
    '<session-key xmlns="">{}</session-key>',
    '<session-key e:mustUnderstand="true">{}</session-key>',
])  # fmt: skip
@ensureDeferred
async def test_a_session_key_in_any_of_its_forms(soap, form):
    """R52, Q38."""
    key = await soap.login()
    reply = await soap.call("<get-user-config/>", header=form.format(key))
    assert reply.status == 200


# -- header blocks


@pytest.mark.parametrize("version", [SOAP11, SOAP12])
@ensureDeferred
async def test_a_header_that_must_be_understood_and_is_not(soap, version):
    block = '<x:tx xmlns:x="urn:example:tx" e:mustUnderstand="1">5</x:tx>'
    reply = await soap.call(LOGIN, version=version, header=block)
    assert (reply.status, reply.fault[0]) == (500, "env:MustUnderstand")
    names = [
        (it.get("qname").partition(":")[2], it.nsmap[it.get("qname").partition(":")[0]])
        for it in reply.root.iterfind(f"{{{SOAP12}}}Header/{{{SOAP12}}}NotUnderstood")
    ]
    assert names == ([("tx", "urn:example:tx")] if version == SOAP12 else [])
    # Nothing was done.
    assert (await soap.post(soap.printed("11.request"))).content.find("{*}success") is not None


@ensureDeferred
async def test_a_header_in_no_namespace_that_is_not_understood_is_told_by_its_bare_name(soap):
    reply = await soap.call(LOGIN, header='<tx xmlns="" e:mustUnderstand="true"/>')
    assert (reply.status, reply.fault[0]) == (500, "env:MustUnderstand")
    (told,) = reply.root.iterfind(f"{{{SOAP12}}}Header/{{{SOAP12}}}NotUnderstood")
    assert (told.get("qname"), None in told.nsmap) == ("tx", False)


@pytest.mark.parametrize(("version", "block"), [
    (SOAP12, '<x:tx xmlns:x="urn:example:tx">5</x:tx>'),
    (SOAP12, '<x:tx xmlns:x="urn:example:tx" e:mustUnderstand="false">5</x:tx>'),
    (SOAP12, '<x:tx xmlns:x="urn:example:tx" e:mustUnderstand="true" e:role="urn:example:proxy">5</x:tx>'),
    (SOAP11, '<x:tx xmlns:x="urn:example:tx" e:mustUnderstand="1" e:actor="urn:example:proxy">5</x:tx>'),
])  # fmt: skip
@ensureDeferred
async def test_a_header_that_is_not_for_us_is_nothing(soap, version, block):
    reply = await soap.call(LOGIN, version=version, header=block)
    assert (reply.status, etree.QName(reply.content).localname) == (200, "login-resp")


# -- what is taken all the same


@ensureDeferred
async def test_elements_without_a_namespace_are_known_by_their_names(soap):
    """Q38."""
    reply = await soap.call(LOGIN.replace("<login>", '<login xmlns="">'))
    assert reply.content.find("{*}success") is not None


@ensureDeferred
async def test_what_is_not_known_in_a_request_is_passed_over(soap):
    reply = await soap.call(
        '<login xmlns:x="urn:x" x:trace="1" id="2"><x:hint password="no"/><password>12345</password>'
        '<?pi?><username href="#1" password="no">xm<!-- -->zhou</username></login>'
    )
    assert reply.content.find("{*}success") is not None


@pytest.mark.parametrize("content_type", [
    None, "", "text/plain", "application/xml", "text/xml; charset=UTF-8",
    'application/soap+xml; action="urn:x"; charset=utf-8',
])  # fmt: skip
@ensureDeferred
async def test_the_envelope_tells_the_version_whatever_the_content_type(soap, content_type):
    reply = await soap.post(soap.printed("11.request"), content_type)
    assert (reply.status, reply.headers["content-type"]) == (200, TYPES[SOAP12])


@ensureDeferred
async def test_a_request_in_utf_16(soap):
    text = '<?xml version="1.0" encoding="UTF-16"?>' + envelope(LOGIN).decode()
    reply = await soap.post(text.encode("utf-16"), "application/soap+xml; charset=utf-16")
    assert reply.status == 200


@pytest.mark.parametrize("charset", ["klingon", "utf\x01", "\x7f"])
@ensureDeferred
async def test_a_charset_that_does_not_exist(soap, charset):
    reply = await soap.post(envelope(LOGIN), f"text/xml; charset={charset}")
    assert reply.fault == ("env:Client", "UnknownCharset", INVALID)


@pytest.mark.parametrize(
    ("content_type", "refusal"),
    [
        ("\xff", "env:Sender"),
        ("text/xml; charset=\xff", "env:Client"),
        ("multipart/form-data; boundary=\xff", "env:Sender"),
        ("application/x-www-form-urlencoded; x=\xff", "env:Sender"),
    ],
)
@ensureDeferred
async def test_bytes_in_a_content_type_that_are_no_utf_8(soap, content_type, refusal):
    """They name no charset and no version: those of the envelope count, and 1.2 where there is none."""
    assert (await soap.post(envelope(LOGIN), content_type)).status == 200
    assert (await soap.post(b"", content_type)).fault == (refusal, "NotWellFormed", INVALID)


@ensureDeferred
async def test_a_user_who_was_deleted_has_no_session(soap):
    from presence.provisioning.users import UserService
    from presence.storage.users import SqlUserRepository

    key = await soap.login()
    UserService(SqlUserRepository(soap.database), ["cisco.com"]).delete("xmzhou@cisco.com")
    reply = await soap.call("<get-user-config/>", key)
    assert reply.fault[0] == "env:Sender"
