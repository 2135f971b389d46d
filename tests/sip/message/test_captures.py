"""What real clients sent is read: every capture, byte for byte."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip.errors import ParseError, SipError
from sip.framing import StreamFramer
from sip.message import Request, Response, check_request, check_response, parse

# Parametrised at collection, where no fixture is at hand: the same place as the `shared` fixture.
_PLACE = os.environ.get("PRESENTITY_SHARED")
FOLDER = (Path(_PLACE) if _PLACE else Path(__file__).resolve().parents[4] / "shared") / "captures"
ALL = sorted(FOLDER.glob("*.sip"))
HTTP = [file for file in ALL if file.stem.endswith("-GET")]
SIP = [file for file in ALL if file not in HTTP]
WITH_LENGTH = [file for file in SIP if b"content-length:" in file.read_bytes().lower()]
"""Without one it came by UDP."""

if not SIP:
    pytest.skip(f"captures not found at {FOLDER} (set PRESENTITY_SHARED)", allow_module_level=True)


def read(name: str) -> Request:
    message = parse((FOLDER / f"{name}.sip").read_bytes())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize("file", SIP, ids=lambda file: file.stem)
def test_a_capture_is_read_whole(file: Path) -> None:
    data = file.read_bytes()
    message = parse(data)
    method = re.search(rb"^cseq:\s*\d+ (\w+)", data, re.IGNORECASE | re.MULTILINE)
    assert method is not None
    assert message.cseq.method == method.group(1).decode()
    assert message.from_.uri.aor.startswith("sip:")
    assert message.to.uri.aor.startswith("sip:")
    assert message.via.branch is not None
    assert message.call_id
    if isinstance(message, Request):
        assert data.startswith(f"{message.method} {message.uri_text} SIP/2.0\r\n".encode())
        check_request(message)
    else:
        assert data.startswith(f"SIP/2.0 {message.status} {message.reason}\r\n".encode())
        check_response(message)
    for value in (message.contacts, message.routes, message.record_routes):
        for address in value:
            assert address.uri.scheme == "sip"
    assert message.expires is None or message.expires >= 0
    assert message.event is None or message.event.package
    assert message.body == data.partition(b"\r\n\r\n")[2]
    assert parse(message.render()) == message


@pytest.mark.parametrize("file", HTTP, ids=lambda file: file.stem)
def test_a_websocket_handshake_is_no_sip(file: Path) -> None:
    with pytest.raises(ParseError) as refused:
        parse(file.read_bytes())
    assert refused.value.partial is None


@pytest.mark.parametrize("file", WITH_LENGTH, ids=lambda file: file.stem)
def test_a_stream_cuts_what_states_its_length(file: Path) -> None:
    data = file.read_bytes()
    framer = StreamFramer()
    assert framer.feed(data[:40]) == []
    assert framer.feed(data[40:] + data) == [data, data]


def test_a_datagram_without_content_length_is_accepted() -> None:
    message = read("liblinphone-PUBLISH-nobody-remove")
    assert "Content-Length" not in message
    assert message.body == b""
    assert message.expires == 0


def test_an_empty_supported_is_no_value() -> None:
    message = read("baresip-tcp-SUBSCRIBE")
    assert message.get("Supported") == ""
    assert message.values("Supported") == []


def test_names_in_unusual_case_are_found() -> None:
    message = read("netsip-udp-PUBLISH-open")
    assert message.call_id
    assert message.cseq.method == "PUBLISH"
    assert message.content_type is not None
    assert "Call-ID" in dict(message.items())


def test_an_address_without_brackets_is_read() -> None:
    message = read("netsip-udp-REGISTER")
    assert "<" not in (message.get("To") or "<")
    assert message.to.uri.aor.startswith("sip:")


def test_an_epid_beside_the_tag_is_a_parameter() -> None:
    sender = read("libpurple-udp-SUBSCRIBE").from_
    assert sender.params == {"tag": "6275334369", "epid": "1234567890"}


def test_a_contact_without_user_is_read() -> None:
    (contact,) = read("sofia-SUBSCRIBE").contacts
    assert contact.uri.aor.startswith("sip:127.0.0.1")


def test_an_answer_to_every_request_can_be_made() -> None:
    for file in SIP:
        request = parse(file.read_bytes())
        if isinstance(request, Request):
            answer = Response.answering(request, 200, to_tag="here")
            check_response(answer)
            assert answer.to.tag == request.to.tag or answer.to.tag == "here"


def look_at_everything(message: Request | Response) -> None:
    if isinstance(message, Request):
        check_request(message)
        _ = message.uri.aor
    else:
        check_response(message)
    _ = (message.vias, message.from_.uri.aor, message.to.uri.aor, message.cseq, message.call_id)
    _ = (message.expires, message.max_forwards, message.event, message.content_type)
    for address in (*message.contacts, *message.routes, *message.record_routes):
        _ = address.uri.aor
    message.render()


@settings(max_examples=500, deadline=None)
@given(
    file=st.sampled_from(ALL),
    mutations=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 2), st.binary(max_size=3)),
        min_size=1,
        max_size=5,
    ),
)
def test_a_mutated_capture_raises_nothing_but_sip_errors(
    file: Path, mutations: list[tuple[float, int, bytes]]
) -> None:
    data = bytearray(file.read_bytes())
    for where, cut, insert in mutations:
        position = int(where * len(data))
        data[position : position + cut] = insert
    with contextlib.suppress(SipError):
        look_at_everything(parse(bytes(data)))
    with contextlib.suppress(SipError):
        StreamFramer().feed(bytes(data))
