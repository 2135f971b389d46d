"""Multipart bodies: what list subscribers get, and what is read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.documents.multipart import Part, parse_multipart, related_part, render_related
from presence.documents.rlmi import parse_rlmi
from presence.documents.xml import read_xml
from sip.errors import BadRequest, EntityTooLarge

ROOT = Part('application/rlmi+xml;charset="UTF-8"', b"<list/>", "root@example.com")
BOB = Part("application/pidf+xml", b"<presence/>\r\n", "bob@example.com")


def boundary_of(content_type: str) -> str:
    match = re.search(r";boundary=([^;]*)$", content_type)
    assert match is not None
    return match[1]


def refusal(content_type: str, body: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        parse_multipart(content_type, body)
    return caught.value.reason


def printed(shared: Path) -> tuple[bytes, bytes]:
    """Header and body of Cisco's example, lines ending with LF."""
    message = (shared / "reference/cup/sip/03-notify-list.sip").read_bytes().replace(b"\r\n", b"\n")
    head, _, body = message.partition(b"\n\n")
    return head, body


def test_the_whole_body_as_it_goes_out() -> None:
    content_type, body = render_related([ROOT, BOB])
    boundary = boundary_of(content_type)
    assert content_type == (
        f'multipart/related;type="application/rlmi+xml";start="<root@example.com>";boundary={boundary}'
    )
    assert body.decode() == (
        f"--{boundary}\r\n"
        "Content-Transfer-Encoding: binary\r\n"
        "Content-ID: <root@example.com>\r\n"
        'Content-Type: application/rlmi+xml;charset="UTF-8"\r\n'
        "\r\n"
        "<list/>\r\n"
        f"--{boundary}\r\n"
        "Content-Transfer-Encoding: binary\r\n"
        "Content-ID: <bob@example.com>\r\n"
        "Content-Type: application/pidf+xml\r\n"
        "\r\n"
        "<presence/>\r\n"
        "\r\n"
        f"--{boundary}--\r\n"
    )


def test_the_boundary_is_a_token_without_quotes() -> None:
    assert re.fullmatch(r"[0-9a-f]{24}", boundary_of(render_related([ROOT])[0]))


def test_the_body_begins_with_the_delimiter_and_ends_with_one_line_end() -> None:
    content_type, body = render_related([ROOT, BOB])
    delimiter = b"--" + boundary_of(content_type).encode()
    assert body.startswith(delimiter + b"\r\n")
    assert body.endswith(b"\r\n" + delimiter + b"--\r\n")
    assert body.count(delimiter) == 3


def test_the_same_parts_give_the_same_bytes() -> None:
    assert render_related([ROOT, BOB]) == render_related([ROOT, BOB])


@pytest.mark.parametrize("shape", ["%s", "x--%s--x", "\r\n--%s--\r\n"])
def test_a_part_that_foresees_the_boundary_does_not_get_it(shape: str) -> None:
    foreseen = boundary_of(render_related([ROOT, BOB])[0])
    evil = Part("text/plain", (shape % foreseen).encode(), "evil@example.com")
    content_type, body = render_related([ROOT, evil])
    assert boundary_of(content_type) != foreseen
    assert [part.body for part in parse_multipart(content_type, body).parts] == [ROOT.body, evil.body]


def test_a_header_that_foresees_the_boundary_does_not_get_it_either() -> None:
    foreseen = boundary_of(render_related([ROOT])[0])
    content_type, _ = render_related([ROOT, Part(f"text/{foreseen}", b"", "a@b")])
    assert boundary_of(content_type) != foreseen


def test_a_line_break_in_a_header_value_adds_no_header() -> None:
    part = Part("text/plain\r\nX: 1", b"", "a@b", (("Y", "2\r\n\r\nZ"),))
    assert parse_multipart(*render_related([part])).parts == (
        Part("text/plain  X: 1", b"", "a@b", (("Y", "2    Z"),)),
    )


def test_a_list_within_a_list_is_a_part_of_its_own() -> None:
    inner = [ROOT._replace(content_id="inner@example.com"), BOB]
    content_type, body = render_related([ROOT, related_part(inner, "nested@example.com")])
    outer = parse_multipart(content_type, body)
    nested = outer.part("nested@example.com")
    assert nested is not None
    assert nested.is_multipart
    assert not outer.root.is_multipart
    assert parse_multipart(nested.content_type, nested.body).parts == tuple(inner)
    assert boundary_of(content_type) not in nested.content_type


def test_a_list_within_a_list_with_the_same_root_has_a_boundary_of_its_own() -> None:
    nested = related_part([ROOT, BOB], "nested@example.com")
    content_type, body = render_related([ROOT, nested])
    assert parse_multipart(content_type, body).parts == (ROOT, nested)


def test_no_part_is_no_multipart() -> None:
    with pytest.raises(ValueError, match="no part"):
        render_related([])


def test_ciscos_printed_list_notification_is_read(shared: Path) -> None:
    head, body = printed(shared)
    body = body.replace(b"\n", b"\r\n")
    line = next(line for line in head.decode().splitlines() if line.startswith("Content-Type:"))
    found = parse_multipart(line.partition(":")[2].strip(), body)
    information = parse_rlmi(found.root.body)
    assert (information.uri, information.version, information.full) == ("sip:publisher@cisco.com", 0, True)
    for resource, name in zip(information.resources, ("scalar1", "scalar2"), strict=True):
        assert resource.uri == f"sip:{name}@cisco.com"
        (instance,) = resource.instances
        assert instance.cid is not None
        part = found.part(instance.cid)
        assert part is not None
        assert part.content_type == "application/pidf+xml"
        assert read_xml(part.body).get("entity") == resource.uri


def test_the_same_notification_with_line_feeds_and_the_blank_in_its_boundary_is_read(shared: Path) -> None:
    _, body = printed(shared)
    found = parse_multipart(
        'multipart/related;type="application/rlmi+xml";start="<972014@10.89.51.203>";'
        'boundary="97201414-1dd1-11b2- b"',
        body,
    )
    assert [part.content_id for part in found.parts] == [
        "972014@10.89.51.203",
        "971a00@10.89.51.203",
        "971a28@10.89.51.203",
    ]


@pytest.mark.parametrize("boundary", ["b1", '"b1"', '"b:/1"'])
def test_the_boundary_is_read_with_and_without_quotes(boundary: str) -> None:
    plain = boundary.strip('"')
    body = f"--{plain}\r\nContent-Type: text/plain\r\n\r\none\r\n--{plain}--".encode()
    assert [part.body for part in parse_multipart(f"multipart/mixed; boundary={boundary}", body).parts] == [
        b"one"
    ]


def test_preamble_epilogue_and_blanks_after_the_delimiter_are_overlooked() -> None:
    body = b"hello\r\n--b \r\nContent-Type: a/b\r\n\r\n--bb\r\n--b-- \r\nbye\r\n--b\r\n"
    assert parse_multipart("multipart/mixed;boundary=b", body).parts == (Part("a/b", b"--bb"),)


def test_a_part_without_header_is_text() -> None:
    body = b"--b\r\n\r\none\r\n--b\r\n\r\n\r\ntwo\r\n\r\n--b--\r\n"
    assert parse_multipart("multipart/mixed;boundary=b", body).parts == (
        Part("text/plain", b"one"),
        Part("text/plain", b"\r\ntwo\r\n"),
    )


def test_header_names_are_taken_in_any_case_and_folded_lines_joined() -> None:
    body = (
        b"--b\r\ncontent-id:<a@b>\r\nCONTENT-TYPE: text/plain;\r\n charset=utf-8\r\n"
        b"Content-Disposition: recipient-list\r\n\r\n\r\n--b--"
    )
    assert parse_multipart("Multipart/Mixed;Boundary=b", body).parts == (
        Part("text/plain; charset=utf-8", b"", "a@b", (("Content-Disposition", "recipient-list"),)),
    )


@pytest.mark.parametrize(
    ("encoding", "body"), [("base64", b"b25l"), ("Quoted-Printable", b"o=6Ee"), ("8bit", b"one")]
)
def test_transfer_encodings_are_undone(encoding: str, body: bytes) -> None:
    data = b"--b\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n--b--" % (encoding.encode(), body)
    assert parse_multipart("multipart/mixed;boundary=b", data).parts[0].body == b"one"


def test_the_root_is_the_part_that_start_names_else_the_first() -> None:
    body = b"--b\r\nContent-ID: <1>\r\n\r\none\r\n--b\r\nContent-ID: <2>\r\n\r\ntwo\r\n--b--"
    assert parse_multipart('multipart/related;start="<2>";boundary=b', body).root.body == b"two"
    assert parse_multipart('multipart/related;start="<3>";boundary=b', body).root.body == b"one"
    assert parse_multipart("multipart/related;boundary=b", body).root.body == b"one"


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        ("text/plain", b"", "multipart: text/plain is not multipart"),
        ("multipart/related", b"--b", "multipart: boundary is missing, empty or too long"),
        ('multipart/related;boundary=""', b"--b", "multipart: boundary is missing, empty or too long"),
        (f"multipart/related;boundary={'b' * 71}", b"", "multipart: boundary is missing, empty or too long"),
        ("multipart/related;boundary=b", b"", "multipart: the body has no delimiter --b"),
        ("multipart/related;boundary=b", b"x--b--", "multipart: the body has no delimiter --b"),
        ("multipart/related;boundary=b", b"--b--", "multipart: no part before the last delimiter"),
        ("multipart/related;boundary=b", b"--b\r\n\r\nx", "multipart: the last delimiter is missing"),
        (
            "multipart/related;boundary=b",
            b"--b\r\nA: 1\r\n--b--",
            "multipart: a part has no empty line after its header",
        ),
        (
            "multipart/related;boundary=b",
            b"--b\r\nA\r\n\r\n\r\n--b--",
            "multipart: a part with the header line 'A'",
        ),
        (
            "multipart/related;boundary=b",
            b"--b\r\nContent-Transfer-Encoding: x-uu\r\n\r\n\r\n--b--",
            "multipart: unknown Content-Transfer-Encoding 'x-uu'",
        ),
        (
            "multipart/related;boundary=b",
            b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\na\r\n--b--",
            "multipart: a part is no base64",
        ),
    ],
)
def test_bad_input_is_refused_with_the_fault(content_type: str, body: bytes, reason: str) -> None:
    assert refusal(content_type, body) == reason


def test_size_and_number_of_parts_are_limited() -> None:
    body = b"--b\r\n\r\n\r\n" * 3 + b"--b--"
    with pytest.raises(EntityTooLarge, match="multipart: more than 2 parts"):
        parse_multipart("multipart/mixed;boundary=b", body, most_parts=2)
    with pytest.raises(EntityTooLarge, match="multipart: more than 10 bytes"):
        parse_multipart("multipart/mixed;boundary=b", body, size=10)


WORDS = st.text("abcXYZ019.-_", min_size=1, max_size=10)
PARTS = st.builds(
    Part,
    st.builds("{}/{}".format, WORDS, WORDS),
    st.binary(max_size=40)
    | st.lists(st.sampled_from([b"\r", b"\n", b"--", b"a", b":"]), max_size=9).map(b"".join),
    st.none() | st.builds("{}@{}".format, WORDS, WORDS),
    st.lists(st.tuples(WORDS.map("X-{}".format), WORDS), max_size=2).map(tuple),
)


@settings(max_examples=100, deadline=None)
@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_any_parts_read_back_as_they_were(parts: list[Part]) -> None:
    assert parse_multipart(*render_related(parts)).parts == tuple(parts)
