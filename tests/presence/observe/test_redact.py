"""No credential leaves by a log line."""

from __future__ import annotations

import pytest

from presence.observe.redact import redact_event, redact_message, redact_text

REGISTER = (
    b"REGISTER sip:example.com SIP/2.0\r\n"
    b'Authorization: Digest username="alice", realm="example.com", nonce="abc",\r\n'
    b' uri="sip:example.com", response="6629fae49393a05397450978507c4ef1", cnonce="0a4f"\r\n'
    b"Contact: <sip:alice:hunter2@192.0.2.1:5060>\r\n"
    b"Content-Length: 3\r\n\r\n"
    b'response="abc"'
)


def test_the_digest_response_of_a_traced_message_is_masked_and_the_rest_is_whole():
    text = redact_message(REGISTER)
    assert "6629fae49393a05397450978507c4ef1" not in text
    assert 'response="***"' in text
    assert 'Digest username="alice", realm="example.com", nonce="abc", uri="sip:example.com"' in text
    assert text.endswith('\r\n\r\nresponse="abc"')


def test_the_password_in_a_uri_is_masked():
    assert "<sip:alice:***@192.0.2.1:5060>" in redact_message(REGISTER)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Proxy-Authorization: Basic YWxpY2U6cHc=", "Proxy-Authorization: Basic ***"),
        ("authorization:Bearer a.b.c\r\n d.e\r\nTo: x", "authorization:Bearer ***\r\nTo: x"),
        ("RESPONSE = deadbeef, qop=auth", 'RESPONSE = "***", qop=auth'),
        ('response="a\\"b" tail', 'response="***" tail'),
        ('response="never closed\r\nnext line', 'response="***"\r\nnext line'),
        ("postgresql+psycopg://u:pa:ss@db/x", "postgresql+psycopg://u:***@db/x"),
        ("GET /EPASSoap/service?session-key=abc&password=pw HTTP/1.1",
         'GET /EPASSoap/service?session-key="***"&password="***" HTTP/1.1'),
        ("<session-key>abc</session-key>", "<session-key>***</session-key>"),
        ('<e:password type="x">pw</e:password>', '<e:password type="x">***</e:password>'),
    ],
)  # fmt: skip
def test_credentials_in_texts_are_masked(text, masked):
    assert redact_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;received=192.0.2.2",
        "Contact: <sip:192.0.2.1:5060;ob>, <sip:bob@192.0.2.3:5060>",
        "http://example.org:8080/path",
    ],
)
def test_what_is_no_credential_stays(text):
    assert redact_text(text) == text


def test_fields_with_telling_names_lose_their_value_and_figures_stay():
    event = {"event": "login", "password": "x", "Session-Key": "k", "response": 200, "note": 'response="y"'}
    assert redact_event(None, "", event) == {
        "event": "login", "password": "***", "Session-Key": "***", "response": 200, "note": 'response="***"',
    }  # fmt: skip


def traced(*headers: str, body: str = "") -> str:
    """The trace of a request with these header lines."""
    head = "\r\n".join(("MESSAGE sip:bob@example.com SIP/2.0", *headers))
    return redact_message(f"{head}\r\n\r\n{body}".encode())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('Digest username="a", response="SECRET"', 'Digest username="a", response="***"'),
        ('Digest username="a",\r\n\tresponse\r\n =\r\n "SECRET"', 'Digest username="a", response="***"'),
        ('Digest\r\n response="SECRET"', 'Digest response="***"'),
        ("Digest response=SECRET", 'Digest response="***"'),
        ("Digest response*=UTF-8''SECRET", 'Digest response*="***"'),
        ('Digest username="a", response="SECRET', 'Digest username="a", response="***"'),
        ('Digest username="a, response="SECRET"', 'Digest username="***"'),
        ('Digest realm="x" response="SECRET"', 'Digest realm="***"'),
        ("Digest nc=1 SECRET, qop=auth", 'Digest nc="***", qop=auth'),
        ("Digest SECRET", "Digest ***"),
        ('Digest session="SECRET", nonce="n"', 'Digest session="***", nonce="n"'),
        ("Basic SECRET", "Basic ***"),
        ("Bearer SECRET,\r\n SECRET", "Bearer ***"),
        ("SECRET", "***"),
        ("SECRET SECRET", "***"),
        ('response="SECRET"', "***"),
    ],
)
@pytest.mark.parametrize("name", ["Authorization", "proxy-authorization ", "AUTHORIZATION"])
def test_of_credentials_only_what_is_harmless_is_traced(name, value, shown):
    text = traced("To: <sip:b@x>", f"{name}: {value}", "Call-ID: 1")
    assert text.splitlines()[2:4] == [f"{name}: {shown}", "Call-ID: 1"]


def test_all_that_helps_to_find_a_fault_in_credentials_stays():
    value = (
        'Digest username="a", realm="r", uri="sip:x", algorithm=MD5, nc=01, qop=auth, nonce="n", cnonce="c"'
    )
    assert f"Authorization: {value}" in traced(f"Authorization: {value}")


def test_a_password_in_the_uri_of_credentials_is_masked_too():
    assert "SECRET" not in traced('Authorization: Digest uri="sip:a:SECRET@x", response="1"')


def test_a_challenge_is_shown_whole_and_what_a_server_proves_is_not():
    challenge = 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'
    assert challenge in traced(challenge)
    proof = traced('Authentication-Info: nextnonce="n", rspauth="SECRET"')
    assert 'Authentication-Info: nextnonce="n", rspauth="***"' in proof


@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_other_line_ends_and_blank_lines_before_the_message_hide_nothing_from_the_mask(line_end):
    lines = [
        "",
        "",
        "REGISTER sip:x SIP/2.0",
        'Authorization: Digest username="a",',
        ' response="SECRET"',
        "",
        "",
    ]
    text = redact_message(line_end.join(lines).encode())
    assert "SECRET" not in text
    assert 'username="a"' in text


SDP = (
    "v=0\r\n"
    "k=base64:SECRET\r\n"
    "a=key-mgmt:mikey SECRET\r\n"
    "m=audio 4000 RTP/SAVP 0\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:SECRET|2^20|1:4;inline:SECRET FEC_ORDER=SRTP_FEC\r\n"
    "A=crypto: SECRET\r\n"
    "a=ice-pwd:SECRET\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)
MASKED_SDP = (
    "v=0\r\n"
    "k=base64:***\r\n"
    "a=key-mgmt:mikey ***\r\n"
    "m=audio 4000 RTP/SAVP 0\r\n"
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***\r\n"
    "A=crypto:***\r\n"
    "a=ice-pwd:***\r\n"
    "a=rtpmap:0 PCMU/8000\r\n"
)


@pytest.mark.parametrize(
    "header", ["Content-Type: application/sdp", "c:Application/SDP;x=y", "Subject: none"]
)
def test_the_keys_of_a_session_description_are_masked(header):
    assert traced(header, body=SDP).endswith(f"\r\n\r\n{MASKED_SDP}")


def test_so_are_those_in_a_part_of_a_body():
    part = "--b\r\nContent-Type: application/sdp\r\n\r\n"
    text = traced("Content-Type: multipart/mixed;boundary=b", body=f"{part}{SDP}--b--")
    assert text.endswith(f"{part}{MASKED_SDP}--b--")


def test_a_message_within_a_message_is_masked_like_it():
    text = traced(
        "Content-Type: message/sipfrag", body="REGISTER sip:x SIP/2.0\r\nAuthorization: Basic SECRET"
    )
    assert text.endswith("\r\nAuthorization: Basic ***")


@pytest.mark.parametrize("kind", ["text/plain", "application/pidf+xml", "application/x-unknown"])
def test_a_body_of_another_type_is_as_it_was(kind):
    assert traced(f"Content-Type: {kind}", body=SDP).endswith(f"\r\n\r\n{SDP}")
