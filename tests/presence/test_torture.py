"""The torture messages of RFC 4475 and RFC 5118 through the whole server.

The server is responsible for example.com and for other hosts that the messages are sent to, and a phone of
user@example.com is registered.  Each message comes from a trusted peer, so that more than the challenge is
seen, and from a stranger, who must not get further than that.  An outcome is a status, or FORWARDED, or
DROPPED.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from sip.headers import Contact
from sip.message import Request, Response
from tests.presence.house import TRUSTED, House
from tests.presence.phones import SHARED
from tests.sip.flows import FakeFlow

RFC4475 = SHARED / "sip-torture" / "rfc4475"
RFC5118 = Path(__file__).resolve().parents[1] / "sip" / "message" / "rfc5118"

FORWARDED, DROPPED = "forwarded", "dropped"
Outcome = int | str


class Case(NamedTuple):
    name: str
    trusted: Outcome
    stranger: Outcome
    section: str
    why: str


# fmt: off
CASES = [
    Case("wsinv", FORWARDED, 407, "3.1.1.1", "well-formed, goes along its Route"),
    Case("intmeth", 404, 407, "3.1.1.2", "nobody has that name here: a proxy answers 404"),
    Case("esc01", 404, 407, "3.1.1.3", "the Request-URI names an escaped user whom nobody knows"),
    Case("escnull", 200, 401, "3.1.1.4", "registers two distinct contacts for a user with a NUL in his name"),
    Case("esc02", FORWARDED, 407, "3.1.1.5", "not a REGISTER; for another host, so forwarded or refused"),
    Case("lwsdisp", FORWARDED, 407, "3.1.1.6", "accepted without a space before <"),
    Case("longreq", FORWARDED, 407, "3.1.1.7", "long, but well-formed"),
    Case("dblreq", 200, 401, "3.1.1.8", "a REGISTER; what follows it is noise"),
    Case("semiuri", 404, 407, "3.1.1.9", "the user is user;par=u@example.net, who is not user"),
    Case("transports", FORWARDED, 407, "3.1.1.10", "unknown transports further down do not matter"),
    Case("mpart01", FORWARDED, 407, "3.1.1.11", "a MESSAGE with a Route elsewhere"),
    Case("unreason", DROPPED, DROPPED, "3.1.1.12", "well-formed, but an answer to nothing of ours"),
    Case("noreason", DROPPED, DROPPED, "3.1.1.13", "likewise"),
    Case("badinv01", 400, 400, "3.1.2.1", "stray separators in Via and Contact"),
    Case("clerr", 400, 400, "3.1.2.2", "Content-Length larger than the datagram"),
    Case("ncl", 400, 400, "3.1.2.3", "negative Content-Length"),
    Case("scalar02", 400, 400, "3.1.2.4", "CSeq above 2**32-1"),
    Case("scalarlg", DROPPED, DROPPED, "3.1.2.5", "a response with an overlarge CSeq"),
    Case("quotbal", 400, 400, "3.1.2.6", "unterminated quoted string"),
    Case("ltgtruri", 400, 400, "3.1.2.7", "<> around the Request-URI"),
    Case("lwsruri", 400, 400, "3.1.2.8", "whitespace within the Request-URI"),
    Case("lwsstart", FORWARDED, 407, "3.1.2.9", "our choice: more spaces than one are accepted, one is sent"),
    Case("trws", 404, 407, "3.1.2.10", "our choice: spaces at the end are accepted; no such user"),
    Case("escruri", 400, 400, "3.1.2.11", "our choice: no header fields in a Request-URI"),
    Case("baddate", FORWARDED, 407, "3.1.2.12", "Date does not matter to us"),
    Case("regbadct", 400, 400, "3.1.2.13", "a URI with ? needs <>"),
    Case("badaspec", 404, 407, "3.1.2.14", "our choice: spaces inside <> are accepted; no such user"),
    Case("baddn", 400, 400, "3.1.2.15", "a display name that needs quotes"),
    Case("badvers", 505, 505, "3.1.2.16", "SIP/7.0"),
    Case("mismatch01", 400, 400, "3.1.2.17", "CSeq names another method"),
    Case("mismatch02", 501, 501, "3.1.2.18", "unknown method, and CSeq names another"),
    Case("bigcode", DROPPED, DROPPED, "3.1.2.19", "a response with a status above 699"),
    Case("badbranch", 400, 400, "3.2.1", "our choice: the magic cookie alone is no branch"),
    Case("insuf", 400, 400, "3.3.1", "no Call-ID, From, To"),
    Case("unkscm", 416, 416, "3.3.2", "unknown scheme"),
    Case("novelsc", 416, 416, "3.3.3", "a scheme that means nothing here"),
    Case("unksm2", 400, 401, "3.3.4", "a registrar needs a SIP URI in To; who is asked first"),
    Case("bext01", 420, 420, "3.3.5", "Proxy-Require, because we would be a proxy here"),
    Case("invut", FORWARDED, 407, "3.3.6", "the body is between the two ends"),
    Case("regaut01", 200, 401, "3.3.7", "an unknown scheme is no credentials: challenged with ours"),
    Case("multi01", 400, 400, "3.3.8", "two values where one belongs"),
    Case("mcl01", 400, 400, "3.3.9", "two different Content-Lengths"),
    Case("bcast", DROPPED, DROPPED, "3.3.10", "never to 255.255.255.255"),
    Case("zeromf", 483, 483, "3.3.11", "a proxy must not forward it"),
    Case("cparam01", 200, 401, "3.3.12", "unknownparam belongs to the Contact"),
    Case("cparam02", 200, 401, "3.3.13", "unknownparam belongs to the URI"),
    Case("regescrt", 200, 401, "3.3.14", "the escaped Route stays in the contact"),
    Case("sdp01", FORWARDED, 407, "3.3.15", "Accept is between the two ends"),
    Case("inv2543", FORWARDED, 407, "3.4.1", "accepted without branch, tag, Content-Length, Max-Forwards"),
    Case("test", DROPPED, DROPPED, "-", "in the archive, not in the text: no version, no Via"),
]

IPV6_CASES = [
    Case("ipv6-good", 200, 401, "4.1", "a REGISTER at an IPv6 address of ours"),
    Case("ipv6-bad", 400, 400, "4.2", "no brackets around the address"),
    Case("port-ambiguous", FORWARDED, 407, "4.3", "2001:db8::10:5070 is another host, not a port of ours"),
    Case("port-unambiguous", 200, 401, "4.4", "port 5070 of our address"),
    Case("via-received-param-with-delim", 481, 481, "4.5", "a BYE to us, in no dialog that we know"),
    Case("via-received-param-no-delim", 200, 200, "4.5", "OPTIONS to ourselves"),
    Case("ipv6-in-sdp", 404, 407, "4.6", "well-formed; no such user at that address"),
    Case("mult-ip-in-header", FORWARDED, 407, "4.7", "a BYE for another host"),
    Case("mult-ip-in-sdp", 404, 407, "4.8", "well-formed; no such user at that address"),
    Case("ipv4-mapped-ipv6", FORWARDED, 407, "4.9", "for a user of ours; answers go to the port of the Via"),
    Case("ipv6-bug-abnf-3-colons", FORWARDED, 407, "4.10", "read as the address that was meant"),
    Case("ipv6-correct-abnf-2-colons", FORWARDED, 407, "4.10", "the address as it should be written"),
]
# fmt: on

USERS = ("user", "j.user", "watson", "null-%00-null", "UserB")
PHONE = f"sip:phone@{TRUSTED}:5090"


@pytest.fixture
def house() -> House:
    house = House(users=USERS, domain=("example.com", "example.net", "example.org", "2001:db8::10"))
    house.network.ours |= {("2001:db8::10", None), ("2001:db8::10", 5070)}
    for user in ("user", "UserB"):
        house.register(f"sip:{user}@example.com", phone_of(house), f"<{PHONE}>")
    phone_of(house).sent.clear()
    return house


def phone_of(house: House) -> FakeFlow:
    return house.network.at(TRUSTED, 5090)


def read(name: str) -> bytes:
    file = RFC5118 / f"{name}.sip"
    return file.read_bytes() if file.exists() else (RFC4475 / f"{name}.dat").read_bytes()


def put_in(name: str, house: House, host: str) -> list[Request | Response]:
    """All that the server sends because of a message from `host`, whomever to."""
    data = read(name)
    transport = "TCP" if b"/TCP" in data.split(b"\r\n\r\n")[0].split(b"CSeq")[0][:300] else "UDP"
    house.receive(data, house.network.at(host, 5062, transport))
    return [message for flow in house.network.flows.values() for message in flow.messages]


def outcome(sent: list[Request | Response]) -> Outcome:
    if not sent:
        return DROPPED
    finals = [message.status for message in sent if isinstance(message, Response) and message.status != 100]
    if any(isinstance(message, Request) for message in sent):
        assert not finals
        return FORWARDED
    (status,) = finals
    return status


class Watch(logging.Handler):
    """Remembers faults of ours: what is logged as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.faults.append(record.getMessage())


@pytest.fixture
def faults() -> Iterator[list[str]]:
    watch = Watch()
    logger = logging.getLogger("sip")
    logger.addHandler(watch)
    yield watch.faults
    logger.removeHandler(watch)


def stands(case: Case) -> bool:
    return (RFC5118 / f"{case.name}.sip").exists() or (RFC4475 / f"{case.name}.dat").exists()


ALL = [case for case in [*CASES, *IPV6_CASES] if stands(case)]
each = pytest.mark.parametrize("case", ALL, ids=lambda case: f"{case.section}-{case.name}")


def test_the_tables_have_every_message(shared: Path) -> None:
    folder = shared / "sip-torture" / "rfc4475"
    if not folder.is_dir():
        pytest.skip(f"torture messages not found at {folder}")
    assert {case.name for case in CASES} == {file.stem for file in folder.glob("*.dat")}
    assert {case.name for case in IPV6_CASES} == {file.stem for file in RFC5118.glob("*.sip")}


@each
def test_from_a_trusted_peer(case: Case, house: House) -> None:
    assert outcome(put_in(case.name, house, TRUSTED)) == case.trusted, case.why


@each
def test_from_a_stranger(case: Case, house: House) -> None:
    sent = put_in(case.name, house, "198.51.100.9")
    assert outcome(sent) == case.stranger, case.why
    if case.stranger in (401, 407):
        (answer,) = sent
        challenge = answer.get("WWW-Authenticate") or answer.get("Proxy-Authenticate") or ""
        assert challenge.startswith("Digest ")


@pytest.mark.parametrize("case", [case for case in ALL if case.trusted == 400], ids=lambda case: case.name)
def test_a_refusal_names_the_fault(case: Case, house: House) -> None:
    (answer,) = put_in(case.name, house, TRUSTED)
    assert isinstance(answer, Response)
    assert answer.reason not in ("", "Bad Request")


@pytest.mark.parametrize(
    "case",
    ALL,
    ids=lambda case: case.name,
)
def test_nothing_is_left_behind_and_nothing_breaks_later(case: Case, house: House, faults: list[str]) -> None:
    put_in(case.name, house, TRUSTED)
    for _ in range(50):
        house.after(10.0)
    assert faults == []
    assert len(house.parts.layer) == 0


# -- what the RFC says beyond the status ---------------------------------------------------------------------

need_rfc4475 = pytest.mark.skipif(not RFC4475.is_dir(), reason=f"torture messages not found at {RFC4475}")


def contacts(house: House, aor: str) -> list[Contact]:
    """What a later query shows (RFC 3261 §10.2.3)."""
    domain = aor.partition("@")[2]
    answer = house.ask(
        f"""
        REGISTER sip:{domain} SIP/2.0
        Via: SIP/2.0/UDP {TRUSTED}:5060;branch=z9hG4bKquery
        Max-Forwards: 70
        From: <{aor}>;tag=q
        To: <{aor}>
        Call-ID: query
        CSeq: 1 REGISTER
        """
    )
    return answer.contacts


@need_rfc4475
def test_an_unusual_uri_that_is_registered_is_reached(house: House) -> None:
    unusual = "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    house = House(users=[unusual], domain=("example.com",))
    house.register(f"sip:{unusual}@example.com", phone_of(house), f"<{PHONE}>")
    put_in("intmeth", house, TRUSTED)
    forwarded = phone_of(house).last
    assert isinstance(forwarded, Request)
    assert forwarded.method == "!interesting-Method0123456789_*+`.%indeed'~"
    assert forwarded.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


@need_rfc4475
def test_a_name_with_a_nul_is_not_cut_short(house: House) -> None:
    put_in("escnull", house, TRUSTED)
    aor = "sip:null-%00-null@example.com"
    assert {contact.uri_text for contact in contacts(house, aor)} == {
        "sip:%00@host5.example.com",
        "sip:%00%00@host5.example.com",
    }


@need_rfc4475
def test_an_escaped_method_is_no_register(house: House) -> None:
    put_in("esc02", house, TRUSTED)
    assert house.parts.stats.requests["REGISTER", 200] == 2, "those of the fixture alone"


@need_rfc4475
def test_the_second_message_in_a_datagram_is_noise(house: House) -> None:
    put_in("dblreq", house, TRUSTED)
    assert [contact.uri_text for contact in contacts(house, "sip:j.user@example.com")] == [
        "sip:j.user@host.example.com"
    ]
    assert phone_of(house).sent == []


@need_rfc4475
def test_a_binary_body_is_forwarded_whole_to_a_strict_router(house: House) -> None:
    put_in("mpart01", house, TRUSTED)
    forwarded = house.network.at("127.0.0.1", 5080).last
    assert isinstance(forwarded, Request)
    assert forwarded.uri_text == "sip:127.0.0.1:5080"
    assert forwarded.get_all("Route") == ["<sip:kumiko@example.org>"]
    assert forwarded.body == read("mpart01").partition(b"\r\n\r\n")[2]


@need_rfc4475
def test_what_is_forwarded_is_well_formed_where_what_came_was_not_quite(house: House) -> None:
    put_in("lwsstart", house, TRUSTED)
    assert phone_of(house).sent[0].startswith(f"INVITE {PHONE} SIP/2.0\r\n".encode())


@need_rfc4475
def test_an_unknown_header_field_goes_on_unchanged(house: House) -> None:
    put_in("wsinv", house, TRUSTED)
    forwarded = house.network.at("services.example.com").last
    assert forwarded.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert forwarded.max_forwards == 67


@need_rfc4475
def test_only_what_the_role_asks_for_is_named_as_unsupported(house: House) -> None:
    (answer,) = put_in("bext01", house, TRUSTED)
    assert answer.values("Unsupported") == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


@need_rfc4475
def test_a_parameter_of_a_contact_is_none_of_its_uri(house: House) -> None:
    put_in("cparam01", house, TRUSTED)
    (contact,) = contacts(house, "sip:watson@example.com")
    assert contact.uri_text == "sip:+19725552222@gw1.example.net"
    assert "unknownparam" in contact.params


@need_rfc4475
def test_a_parameter_of_the_uri_of_a_contact_stays_there(house: House) -> None:
    put_in("cparam02", house, TRUSTED)
    (contact,) = contacts(house, "sip:watson@example.com")
    assert contact.uri_text == "sip:+19725552222@gw1.example.net;unknownparam"
    assert "unknownparam" not in contact.params


@need_rfc4475
def test_an_escaped_route_stays_in_the_contact(house: House) -> None:
    put_in("regescrt", house, TRUSTED)
    assert "sip:user@example.com?Route=%3Csip:sip.example.com%3E" in [
        contact.uri_text for contact in contacts(house, "sip:user@example.com")
    ]


@need_rfc4475
def test_a_request_of_rfc_2543_gets_what_it_lacks_on_its_way(house: House) -> None:
    put_in("inv2543", house, TRUSTED)
    forwarded = phone_of(house).last
    assert forwarded.max_forwards == 70
    assert forwarded.via.branch is not None
    assert forwarded.get("Content-Length") == str(len(forwarded.body))


@need_rfc4475
def test_a_request_of_rfc_2543_that_comes_again_is_the_same_one(house: House) -> None:
    put_in("inv2543", house, TRUSTED)
    put_in("inv2543", house, TRUSTED)
    assert phone_of(house).methods == ["INVITE"]


def test_three_colons_reach_the_address_that_was_meant(house: House) -> None:
    put_in("ipv6-bug-abnf-3-colons", house, TRUSTED)
    meant = house.network.at("2001:db8::192.0.2.1")
    assert meant.methods == ["OPTIONS"]


def test_an_answer_goes_to_the_port_that_a_mapped_address_names(house: House) -> None:
    sent = put_in("ipv4-mapped-ipv6", house, TRUSTED)
    assert outcome(sent) == FORWARDED
    assert house.network.at(TRUSTED, 19823).statuses == [100]
