"""What bytes from outside may do to us as XML: nothing."""

from __future__ import annotations

import pytest

from presence.documents.xml import XmlLimits, one_line, read_xml
from sip.errors import BadRequest, EntityTooLarge

BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [
 <!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<x>&c;</x>"""
FILE = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'


@pytest.mark.parametrize("data", [BOMB, FILE, b'<!DOCTYPE x SYSTEM "http://192.0.2.1/x.dtd"><x/>'])
def test_a_dtd_is_refused_whatever_it_is_for(data: bytes) -> None:
    with pytest.raises(BadRequest, match="PIDF: a DTD is not accepted"):
        read_xml(data, "PIDF")


@pytest.mark.parametrize("data", [BOMB, FILE])
def test_a_dtd_in_another_encoding_is_refused_too(data: bytes) -> None:
    text = data.decode().replace('<?xml version="1.0"?>\n', "")
    with pytest.raises(BadRequest, match="a DTD is not accepted"):
        read_xml(text.encode("utf-16"))


def test_a_document_over_the_size_limit_is_413() -> None:
    with pytest.raises(EntityTooLarge) as caught:
        read_xml(b"<x>" + b"a" * 100 + b"</x>", "PIDF", XmlLimits(size=100))
    assert (caught.value.status, caught.value.reason) == (413, "PIDF: more than 100 bytes")


@pytest.mark.parametrize("depth", [33, 200, 5000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(BadRequest):
        read_xml(b"<x>" * depth + b"</x>" * depth)


def test_nesting_up_to_the_limit_is_read() -> None:
    assert read_xml(b"<x>" * 32 + b"</x>" * 32).tag == "x"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_no_encoding_hides_depth(encoding: str) -> None:
    text = ("<x>" * 33 + "</x>" * 33).encode(encoding)
    with pytest.raises(BadRequest):
        read_xml(text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "XML: the body is empty or not XML"),
        (b"hello", "XML: Start tag expected, '<' not found, line 1"),
        (b"<a>\n<b></a>", "XML: Opening and ending tag mismatch: b line 2 and a, line 2"),
        (b"<a>&who;</a>", "XML: Entity 'who' not defined, line 1"),
    ],
)
def test_a_fault_is_named_in_one_line(data: bytes, reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_xml(data)
    assert caught.value.reason.startswith(reason)
    assert "\n" not in caught.value.reason


def test_a_reason_holds_no_line_break_and_is_not_endless() -> None:
    assert one_line("a\r\nVia: x\tb") == "a Via: x b"
    assert len(one_line("x" * 1000)) == 160


def test_blank_lines_before_the_declaration_are_overlooked() -> None:
    assert read_xml(b'\r\n<?xml version="1.0"?><x/>').tag == "x"


def test_comments_and_processing_instructions_are_left_out() -> None:
    assert len(read_xml(b"<x><!-- a --><?php b ?></x>")) == 0
