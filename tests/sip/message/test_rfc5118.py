"""The IPv6 torture messages of RFC 5118 (see rfc5118/README.md for what was repaired in them)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from sip.errors import BadRequest
from sip.message import Request, check_request, parse
from sip.uri import Uri

FOLDER = Path(__file__).parent / "rfc5118"


class Case(NamedTuple):
    name: str
    status: int | None
    section: str
    why: str


# fmt: off
CASES = [
    Case("ipv6-good", None, "4.1", "IPv6 references in Request-URI, Via and Contact"),
    Case("ipv6-bad", 400, "4.2", "no brackets around the address in the Request-URI"),
    Case("port-ambiguous", None, "4.3", "well-formed, though 5070 is part of the address"),
    Case("port-unambiguous", None, "4.4", "the port stands outside the brackets"),
    Case("via-received-param-with-delim", None, "4.5", "brackets in received are taken"),
    Case("via-received-param-no-delim", None, "4.5", "and so is an address without them"),
    Case("ipv6-in-sdp", None, "4.6", "the body is none of our business"),
    Case("mult-ip-in-header", None, "4.7", "IPv4 and IPv6 mixed in the Via list"),
    Case("mult-ip-in-sdp", None, "4.8", "the body is none of our business"),
    Case("ipv4-mapped-ipv6", None, "4.9", "IPv4-mapped addresses in Via and Contact"),
    Case("ipv6-bug-abnf-3-colons", None, "4.10", "the third colon of RFC 3261's grammar is ignored"),
    Case("ipv6-correct-abnf-2-colons", None, "4.10", "the right form"),
]
# fmt: on


def read(name: str) -> Request:
    message = parse((FOLDER / f"{name}.sip").read_bytes())
    assert isinstance(message, Request)
    return message


def sip_uri(message: Request) -> Uri:
    assert isinstance(message.uri, Uri)
    return message.uri


def test_the_table_has_every_message() -> None:
    assert {case.name for case in CASES} == {file.stem for file in FOLDER.glob("*.sip")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}-{case.name}")
def test_outcome(case: Case) -> None:
    message = read(case.name)
    if case.status is None:
        check_request(message)
        assert parse(message.render()) == message
    else:
        with pytest.raises(BadRequest, match="Request-URI") as refused:
            check_request(message)
        assert refused.value.status == case.status


def test_a_host_stands_without_and_renders_with_brackets() -> None:
    message = read("ipv6-good")
    assert sip_uri(message).host == "2001:db8::10"
    assert str(message.uri) == "sip:[2001:db8::10]"
    assert (message.via.host, message.via.port) == ("2001:db8::9:1", None)
    assert str(message.via) == "SIP/2.0/UDP [2001:db8::9:1];branch=z9hG4bKas3-111"
    assert message.contacts[0].uri.aor == "sip:caller@[2001:db8::1]"


def test_a_number_within_the_brackets_is_no_port() -> None:
    uri = sip_uri(read("port-ambiguous"))
    assert (uri.host, uri.port) == ("2001:db8::10:5070", None)


def test_a_number_behind_the_brackets_is_the_port() -> None:
    uri = sip_uri(read("port-unambiguous"))
    assert (uri.host, uri.port) == ("2001:db8::10", 5070)


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_received_is_the_same_address_in_either_form(name: str) -> None:
    assert read(name).via.received == "2001:db8::9:255"


def test_the_via_list_mixes_families() -> None:
    vias = read("mult-ip-in-header").vias
    assert [(via.host, via.port) for via in vias] == [
        ("2001:db8::9:1", 6050),
        ("192.0.2.1", None),
        ("2001:db8::9:255", None),
    ]
    assert vias[2].received == "192.0.2.200"


def test_an_ipv4_mapped_address_keeps_its_port_apart() -> None:
    via = read("ipv4-mapped-ipv6").via
    assert (via.host, via.port) == ("::ffff:192.0.2.10", 19823)


def test_three_colons_mean_two() -> None:
    bug, correct = read("ipv6-bug-abnf-3-colons"), read("ipv6-correct-abnf-2-colons")
    assert sip_uri(bug).host == sip_uri(correct).host == "2001:db8::192.0.2.1"
    assert bug.uri.aor == correct.uri.aor == "sip:user@[2001:db8::c000:201]"
