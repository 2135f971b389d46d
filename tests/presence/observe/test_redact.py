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
    assert 'Digest username="alice", realm="example.com", nonce="abc"' in text
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
        ("postgresql+psycopg://u:pa:ss@db/x", "postgresql+psycopg://u:***@db/x"),
        ("<session-key>abc</session-key>", "<session-key>***</session-key>"),
        ('<e:password type="x">pw</e:password>', '<e:password type="x">***</e:password>'),
    ],
)
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
