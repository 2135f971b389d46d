"""Every reader of XML that comes from outside: no DTD, no entity, nothing too deep, nothing too large."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presence.documents.config_change import parse_config_change
from presence.documents.dialog_info import parse_dialog_info
from presence.documents.pidf_diff import apply_published_patch
from presence.documents.pidf_reader import parse_pidf
from presence.documents.reginfo import parse_reginfo
from presence.documents.resource_lists import parse_resource_lists
from presence.documents.rlmi import parse_rlmi
from presence.documents.simple_filter import read_filter_set
from presence.documents.watcherinfo import parse_watcherinfo
from presence.documents.xml_patch import apply_patch
from presence.policy.cisco import parse_cisco_rule
from presence.policy.ruleset import parse_ruleset
from sip.errors import BadRequest, EntityTooLarge
from soapapi.envelope import BadEnvelope, read_envelope

PIDF = b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"/>'

READERS: dict[str, tuple[Callable[[bytes], Any], bytes]] = {
    "pidf": (parse_pidf, b'presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:a@b"'),
    "pidf-diff": (
        lambda data: apply_published_patch(PIDF, data),
        b'pidf-diff xmlns="urn:ietf:params:xml:ns:pidf-diff" entity="sip:a@b"',
    ),
    "dialog-info": (
        parse_dialog_info,
        b'dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:a@b"',
    ),
    "reginfo": (parse_reginfo, b'reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="0" state="full"'),
    "watcherinfo": (
        parse_watcherinfo,
        b'watcherinfo xmlns="urn:ietf:params:xml:ns:watcherinfo" version="0" state="full"',
    ),
    "resource-lists": (parse_resource_lists, b'resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"'),
    "rlmi": (
        parse_rlmi,
        b'list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" version="0" fullState="true"',
    ),
    "filter-set": (read_filter_set, b'filter-set xmlns="urn:ietf:params:xml:ns:simple-filter"'),
    "config-change": (parse_config_change, b'config-change xmlns="urn:cisco:epas:uccn"'),
    "patch": (lambda data: apply_patch(PIDF, data), b"diff"),
    "ruleset": (
        lambda data: parse_ruleset(data, "test"),
        b'ruleset xmlns="urn:ietf:params:xml:ns:common-policy"',
    ),
    "acl": (parse_cisco_rule, b'rule xmlns="urn:cisco:epas:presence-rules"'),
    "soap": (
        lambda data: read_envelope(data, None, "http://www.w3.org/2003/05/soap-envelope"),
        b'e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"',
    ),
}
QUICKLY = 1.0


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> tuple[Callable[[bytes], Any], bytes]:
    return READERS[request.param]


def refused(read: Callable[[bytes], Any], data: bytes, *reasons: str) -> None:
    """It is refused quickly, and for one of these reasons."""
    began = time.process_time()
    with pytest.raises((BadRequest, EntityTooLarge, BadEnvelope)) as caught:
        read(data)
    assert time.process_time() - began < QUICKLY
    assert any(reason in str(caught.value) for reason in reasons), caught.value


def document(root: bytes, inside: bytes, before: bytes = b"") -> bytes:
    return before + b"<" + root + b">" + inside + b"</" + root.split()[0] + b">"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_document_type_is_refused(reader: tuple[Callable[[bytes], Any], bytes], encoding: str) -> None:
    read, root = reader
    text = document(root, b"", b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'>").decode()
    refused(read, text.encode(encoding), "a DTD is not accepted", "DocumentType")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize(
    "doctype",
    [
        "<!DOCTYPE x SYSTEM '{}'>",
        "<!DOCTYPE x [<!ENTITY % y SYSTEM '{}'> %y;]>",
        "<!DOCTYPE x PUBLIC 'y' '{}'>",
    ],
)
def test_no_file_is_opened_because_a_document_names_it(
    reader: tuple[Callable[[bytes], Any], bytes], doctype: str, encoding: str, tmp_path: Path
) -> None:
    read, root = reader
    trap = tmp_path / "trap.dtd"
    trap.write_text("<!ELEMENT that breaks whatever reads it")
    text = document(root, b"", f"<?xml version='1.0'?>{doctype.format(trap.as_uri())}".encode()).decode()
    # Who opens it tells of a fault in it.
    refused(read, text.encode(encoding), "a DTD is not accepted", "DocumentType")


def test_a_bomb_of_entities_is_refused_at_once(reader: tuple[Callable[[bytes], Any], bytes]) -> None:
    read, root = reader
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)).encode()
    bomb = document(root, b"&a11;", b'<!DOCTYPE x [<!ENTITY a0 "ha">' + entities + b"]>")
    refused(read, bomb, "a DTD is not accepted", "DocumentType", "NotWellFormed")


@pytest.mark.parametrize("depth", [100, 5000])
def test_deep_nesting_is_refused_at_once(reader: tuple[Callable[[bytes], Any], bytes], depth: int) -> None:
    read, root = reader
    deep = document(root, b"<x>" * depth + b"</x>" * depth)
    refused(read, deep, "nested deeper than 32 elements", "Excessive depth", "TooDeep", "NotWellFormed")


@pytest.mark.parametrize("name", [name for name in READERS if name != "soap"])
def test_more_than_64_kib_are_413(name: str) -> None:
    # The size of a SOAP request is limited where it comes in.
    read, root = READERS[name]
    refused(read, document(root, b" " * 65536), "413")
