"""The torture messages of RFC 4475: each has the outcome that the RFC states for it.

A message is accepted by `parse` and `check_request` or `check_response`, refused with a status by one of
them, or dropped (a response that nobody can use).  Where the RFC leaves the choice,
the table says what we chose.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sip.errors import BadRequest, ParseError, SipError
from sip.headers import Challenge, Credentials, CSeq, NameAddr
from sip.message import Request, Response, check_request, check_response, parse
from sip.uri import OtherUri, Uri, equivalent, parse_uri


class Case(NamedTuple):
    name: str
    outcome: str
    layer: str
    section: str
    why: str


ACCEPT, DROP = "accept", "drop"
PARSE, CHECK, NOBODY = "parse", "check", "-"

# fmt: off
CASES = [
    Case("wsinv", ACCEPT, NOBODY, "3.1.1.1", "folding, odd spacing, compact forms: well-formed"),
    Case("intmeth", ACCEPT, NOBODY, "3.1.1.2", "every legal character; 501 is the core's answer"),
    Case("esc01", ACCEPT, NOBODY, "3.1.1.3", "escapes in URIs"),
    Case("escnull", ACCEPT, NOBODY, "3.1.1.4", "escaped NULs, two distinct contacts"),
    Case("esc02", ACCEPT, NOBODY, "3.1.1.5", "% is no escape in methods and header names; 501 is the core's"),
    Case("lwsdisp", ACCEPT, NOBODY, "3.1.1.6", "no space between display name and <"),
    Case("longreq", ACCEPT, NOBODY, "3.1.1.7", "long values, many Via lines"),
    Case("dblreq", ACCEPT, NOBODY, "3.1.1.8", "octets after the body are noise"),
    Case("semiuri", ACCEPT, NOBODY, "3.1.1.9", "semicolon in the user part"),
    Case("transports", ACCEPT, NOBODY, "3.1.1.10", "unknown transports below the top Via"),
    Case("mpart01", ACCEPT, NOBODY, "3.1.1.11", "binary body with NULs"),
    Case("unreason", ACCEPT, NOBODY, "3.1.1.12", "UTF-8 reason phrase"),
    Case("noreason", ACCEPT, NOBODY, "3.1.1.13", "empty reason phrase"),
    Case("badinv01", "400", CHECK, "3.1.2.1", "stray separators in Via and Contact"),
    Case("clerr", "400", PARSE, "3.1.2.2", "Content-Length larger than the datagram"),
    Case("ncl", "400", PARSE, "3.1.2.3", "negative Content-Length"),
    Case("scalar02", "400", CHECK, "3.1.2.4", "CSeq above 2**32-1"),
    Case("scalarlg", DROP, CHECK, "3.1.2.5", "response with a CSeq above 2**32-1"),
    Case("quotbal", "400", CHECK, "3.1.2.6", "unterminated quoted string in To"),
    Case("ltgtruri", "400", CHECK, "3.1.2.7", "<> around the Request-URI"),
    Case("lwsruri", "400", PARSE, "3.1.2.8", "whitespace within the Request-URI"),
    Case("lwsstart", ACCEPT, NOBODY, "3.1.2.9", "our choice: extra spaces in the Request-Line are ignored"),
    Case("trws", ACCEPT, NOBODY, "3.1.2.10", "our choice: spaces at its end are ignored"),
    Case("escruri", "400", CHECK, "3.1.2.11", "our choice: no header fields in a Request-URI"),
    Case("baddate", ACCEPT, NOBODY, "3.1.2.12", "Date does not matter to our processing"),
    Case("regbadct", "400", CHECK, "3.1.2.13", "our choice: a URI with ? needs <>"),
    Case("badaspec", ACCEPT, NOBODY, "3.1.2.14", "our choice: spaces inside <> are ignored"),
    Case("baddn", "400", PARSE, "3.1.2.15", "comma in a bare display name; its empty line is missing too"),
    Case("badvers", "505", CHECK, "3.1.2.16", "SIP/7.0"),
    Case("mismatch01", "400", CHECK, "3.1.2.17", "CSeq names another method"),
    Case("mismatch02", "501", CHECK, "3.1.2.18", "unknown method, another in CSeq: 501 is better than 400"),
    Case("bigcode", DROP, PARSE, "3.1.2.19", "status code above 699"),
    Case("badbranch", "400", CHECK, "3.2.1", "our choice: a branch that is nothing but the magic cookie"),
    Case("insuf", "400", CHECK, "3.3.1", "no From, To, Call-ID"),
    Case("unkscm", "416", CHECK, "3.3.2", "unknown scheme in the Request-URI"),
    Case("novelsc", "416", CHECK, "3.3.3", "a scheme that means nothing here"),
    Case("unksm2", ACCEPT, NOBODY, "3.3.4", "unknown schemes in To, From, Contact; 400 is the registrar's"),
    Case("bext01", ACCEPT, NOBODY, "3.3.5", "420 is the answer of who looks at Require"),
    Case("invut", ACCEPT, NOBODY, "3.3.6", "415 is the answer of who looks at the body"),
    Case("regaut01", ACCEPT, NOBODY, "3.3.7", "unknown authorization scheme; 401 is the registrar's"),
    Case("multi01", "400", CHECK, "3.3.8", "two values where one belongs"),
    Case("mcl01", "400", PARSE, "3.3.9", "two different Content-Lengths"),
    Case("bcast", ACCEPT, NOBODY, "3.3.10", "well-formed; whom it is not for drops it"),
    Case("zeromf", ACCEPT, NOBODY, "3.3.11", "legal; 483 is the proxy's answer"),
    Case("cparam01", ACCEPT, NOBODY, "3.3.12", "unknownparam belongs to the Contact"),
    Case("cparam02", ACCEPT, NOBODY, "3.3.13", "unknownparam belongs to the URI"),
    Case("regescrt", ACCEPT, NOBODY, "3.3.14", "an escaped Route in the contact URI stays"),
    Case("sdp01", ACCEPT, NOBODY, "3.3.15", "406 is the answer of who looks at Accept"),
    Case("inv2543", ACCEPT, NOBODY, "3.4.1", "no branch, tag, Content-Length, Max-Forwards"),
]
# fmt: on

NOT_IN_THE_RFC = {"test"}
"""In the archive, but nowhere in the text: a start line without a version."""


@pytest.fixture(scope="module")
def raw(shared: Path) -> Callable[[str], bytes]:
    folder = shared / "sip-torture" / "rfc4475"
    if not folder.is_dir():
        pytest.skip(f"torture messages not found at {folder}")
    return lambda name: (folder / f"{name}.dat").read_bytes()


@pytest.fixture(scope="module")
def request_of(raw: Callable[[str], bytes]) -> Callable[[str], Request]:
    def read(name: str) -> Request:
        message = parse(raw(name))
        assert isinstance(message, Request)
        return message

    return read


@pytest.fixture(scope="module")
def response_of(raw: Callable[[str], bytes]) -> Callable[[str], Response]:
    def read(name: str) -> Response:
        message = parse(raw(name))
        assert isinstance(message, Response)
        return message

    return read


def outcome(data: bytes) -> tuple[str, str, SipError | None, Request | Response | None]:
    """What becomes of the bytes, which layer says so, its error, and what is there to answer."""
    try:
        message = parse(data)
    except ParseError as error:
        partial = error.partial
        return (DROP if partial is None else str(error.status)), PARSE, error, partial
    try:
        if isinstance(message, Request):
            check_request(message)
        else:
            check_response(message)
    except SipError as error:
        return (str(error.status) if isinstance(message, Request) else DROP), CHECK, error, message
    return ACCEPT, NOBODY, None, message


def test_the_table_has_every_message_of_the_archive(shared: Path) -> None:
    folder = shared / "sip-torture" / "rfc4475"
    if not folder.is_dir():
        pytest.skip(f"torture messages not found at {folder}")
    assert {case.name for case in CASES} | NOT_IN_THE_RFC == {file.stem for file in folder.glob("*.dat")}
    assert len(CASES) == len({case.name for case in CASES})


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}-{case.name}")
def test_outcome(case: Case, raw: Callable[[str], bytes]) -> None:
    got, layer, error, _ = outcome(raw(case.name))
    assert (got, layer) == (case.outcome, case.layer), f"RFC 4475 {case.section}: {case.why}: {error}"


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome.isdigit()], ids=lambda case: case.name
)
def test_a_refusal_names_the_fault_and_can_be_sent(case: Case, raw: Callable[[str], bytes]) -> None:
    _, _, error, message = outcome(raw(case.name))
    assert error is not None
    assert isinstance(message, Request)
    answer = parse(Response.answering(message, error.status, error.reason, to_tag="t1").render())
    assert isinstance(answer, Response)
    assert answer.status == int(case.outcome)
    assert answer.reason not in {"", "Bad Request"}
    assert answer.get_all("Via") == message.get_all("Via")
    for name in ("From", "Call-ID", "CSeq"):
        assert answer.get(name) == message.get(name)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.outcome == ACCEPT], ids=lambda case: case.name
)
def test_an_accepted_message_survives_rendering(case: Case, raw: Callable[[str], bytes]) -> None:
    message = parse(raw(case.name))
    assert parse(message.render()) == message


# -- what the RFC says about the content ---------------------------------------------------------------


def test_wsinv_reads_through_folding_and_spacing(request_of: Callable[[str], Request]) -> None:
    message = request_of("wsinv")
    assert message.method == "INVITE"
    assert isinstance(message.uri, Uri)
    assert message.uri.params == {"unknownparam": None}
    assert message.to.uri == parse_uri("sip:vivekg@chair-dnrc.example.com")
    assert message.to.tag == "1918181833n"
    assert message.from_.display == 'J Rosenberg \\"'
    assert message.from_.tag == "98asjd8"
    assert message.max_forwards == 68
    assert message.cseq == CSeq(9, "INVITE")
    assert message.call_id == "wsinv.ndaksdj@192.0.2.1"
    assert [(via.transport, via.host, via.branch) for via in message.vias] == [
        ("UDP", "192.0.2.2", "390skdjuw"),
        ("TCP", "spindle.example.com", "z9hG4bK9ikj8"),
        ("UDP", "192.168.255.111", "z9hG4bK30239"),
    ]
    assert message.get("Subject") == ""
    assert message.get("newfangledheader") == "newfangled value continued newfangled value"
    assert message.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    assert [str(route.uri) for route in message.routes] == [
        "sip:services.example.com;lr;unknownwith=value;unknown-no-value"
    ]
    (contact,) = message.contacts
    assert contact.display == 'Quoted string ""'
    assert contact.params == {"newparam": "newvalue", "secondparam": None, "q": "0.33"}
    assert contact.q == 330
    assert len(message.body) == 150


def test_intmeth_takes_every_legal_character(request_of: Callable[[str], Request]) -> None:
    message = request_of("intmeth")
    method = "!interesting-Method0123456789_*+`.%indeed'~"
    assert message.method == method
    assert message.cseq == CSeq(139122385, method)
    assert isinstance(message.uri, Uri)
    assert message.uri.user == "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert message.uri.password == "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert message.uri.host == "example.com"
    assert message.via.branch == "z9hG4bK-.!%66*_+`'~"
    assert message.to.display == "BEL:\x07 NUL:\x00 DEL:\x7f"
    assert message.from_.display == "token1~` token2'+_ token3*%!.-"
    assert message.from_.params["fromparam''~+*_!.-%"] == "работающий"
    assert message.from_.tag == "_token~1'+`*%!-."
    assert message.call_id == "intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.max_forwards == 255
    assert message.get("extensionHeader-!.%*+_`'~") == "\ufeff大停電"


def test_esc01_resolves_escapes_once(request_of: Callable[[str], Request]) -> None:
    message = request_of("esc01")
    assert isinstance(message.uri, Uri)
    assert message.uri.user == "sips%3Auser%40example.com"
    assert message.uri.host == "example.net"
    assert message.uri.aor == "sip:sips%3Auser%40example.com@example.net"
    assert equivalent(message.to.uri, parse_uri("sip:user@example.com"))
    assert message.to.uri.aor == "sip:user@example.com"
    assert message.from_.uri.aor == "sip:I%20have%20spaces@example.net"
    contact = message.contacts[0].uri
    assert equivalent(contact, parse_uri("sip:caller@host5.example.net;lr;name=value%2541"))
    assert not equivalent(contact, parse_uri("sip:caller@host5.example.net;lr;name=valueA"))


def test_escnull_keeps_the_user_name_whole(request_of: Callable[[str], Request]) -> None:
    message = request_of("escnull")
    assert message.to.uri.aor == "sip:null-%00-null@example.com"
    first, second = (contact.uri for contact in message.contacts)
    assert not equivalent(first, second)


def test_esc02_takes_percent_for_a_character(request_of: Callable[[str], Request]) -> None:
    message = request_of("esc02")
    assert message.method == "RE%47IST%45R"
    assert message.to.display == "%Z%45"
    assert [str(contact.uri) for contact in message.contacts] == [
        "sip:alias1@host1.example.com",
        "sip:alias3@host3.example.com",
    ]
    assert message.get("C%6Fntact") == "<sip:alias2@host2.example.com>"


def test_lwsdisp_reads_the_display_name(request_of: Callable[[str], Request]) -> None:
    sender = request_of("lwsdisp").from_
    assert (sender.display, sender.uri_text, sender.tag) == ("caller", "sip:caller@example.com", "323")


def test_longreq_keeps_long_values(request_of: Callable[[str], Request]) -> None:
    message = request_of("longreq")
    assert len(message.vias) == 34
    assert message.vias[-1].branch == "very" + "long" * 50 + "branchvalue"
    assert message.from_.tag == "12" + "982" * 50 + "424"
    assert message.to.display == "I have a user name of " + "extreme" * 10 + " proportion"
    assert message.call_id == "longreq.one" + "really" * 20 + "longcallid"


def test_dblreq_ignores_the_second_message(request_of: Callable[[str], Request]) -> None:
    message = request_of("dblreq")
    assert (message.method, message.body) == ("REGISTER", b"")
    assert b"INVITE" not in message.render()


def test_semiuri_has_its_semicolon_in_the_user(request_of: Callable[[str], Request]) -> None:
    uri = request_of("semiuri").uri
    assert isinstance(uri, Uri)
    assert (uri.user, uri.host, uri.params) == ("user;par=u%40example.net", "example.com", {})


def test_transports_are_all_read(request_of: Callable[[str], Request]) -> None:
    assert [via.transport for via in request_of("transports").vias] == [
        "UDP",
        "SCTP",
        "TLS",
        "UNKNOWN",
        "TCP",
    ]


def test_mpart01_has_its_binary_body(request_of: Callable[[str], Request]) -> None:
    message = request_of("mpart01")
    assert len(message.body) == 553
    assert b"\x00" in message.body
    assert message.body.endswith(b"--7a9cbec02ceef655--\r\n")
    assert message.content_type is not None
    assert message.content_type.full == "multipart/mixed"
    assert message.content_type.params == {"boundary": "7a9cbec02ceef655"}
    assert message.render().endswith(message.body)


def test_unreason_has_its_phrase(response_of: Callable[[str], Response]) -> None:
    message = response_of("unreason")
    assert message.status == 200
    assert message.reason == "= 2**3 * 5**2 но сто девяносто девять - простое"


def test_noreason_has_an_empty_phrase(response_of: Callable[[str], Response]) -> None:
    message = response_of("noreason")
    assert (message.status, message.reason) == (100, "")


def test_badinv01_would_fail_by_its_contact_too(request_of: Callable[[str], Request]) -> None:
    message = request_of("badinv01")
    with pytest.raises(BadRequest, match="Via"):
        _ = message.via
    with pytest.raises(BadRequest, match="Contact"):
        _ = message.contacts


def test_scalar02_counts_other_overlarge_values_as_absent(request_of: Callable[[str], Request]) -> None:
    message = request_of("scalar02")
    assert message.max_forwards is None
    assert message.expires is None
    assert message.contacts[0].expires == 3600


def test_lwsstart_and_trws_are_sent_without_their_spaces(request_of: Callable[[str], Request]) -> None:
    assert request_of("lwsstart").render().startswith(b"INVITE sip:user@example.com SIP/2.0\r\n")
    assert request_of("trws").render().startswith(b"OPTIONS sip:remote-target@example.com SIP/2.0\r\n")


def test_badaspec_is_read_without_the_spaces(request_of: Callable[[str], Request]) -> None:
    assert request_of("badaspec").to.uri_text == "sip:t.watson@example.org"


def test_baddn_is_refused_for_its_display_name_once_it_is_whole(raw: Callable[[str], bytes]) -> None:
    got, layer, error, _ = outcome(raw("baddn") + b"\r\n")
    assert (got, layer) == ("400", CHECK)
    assert error is not None
    assert error.reason == "Malformed From header field: display name needs quotes"


def test_unkscm_and_unksm2_keep_unknown_schemes(request_of: Callable[[str], Request]) -> None:
    uri = request_of("unkscm").uri
    assert isinstance(uri, OtherUri)
    assert uri.scheme == "nobodyknowsthisscheme"
    message = request_of("unksm2")
    assert [message.to.uri.scheme, message.from_.uri.scheme, message.contacts[0].uri.scheme] == [
        "isbn",
        "http",
        "name",
    ]


def test_bext01_lists_what_it_requires(request_of: Callable[[str], Request]) -> None:
    message = request_of("bext01")
    assert message.values("Require") == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert message.values("Proxy-Require") == ["noProxiesSupportThis", "norDoAnyProxiesSupportThis"]


def test_regaut01_has_readable_credentials(request_of: Callable[[str], Request]) -> None:
    text = request_of("regaut01").get("Authorization")
    assert text is not None
    credentials = Credentials.parse(text)
    assert (credentials.scheme, credentials.params) == ("NoOneKnowsThisScheme", {"opaque-data": "here"})
    assert str(Challenge("Digest", {"realm": "r", "stale": "true"})) == 'Digest realm="r", stale=true'


def test_zeromf_has_no_hops_left(request_of: Callable[[str], Request]) -> None:
    assert request_of("zeromf").max_forwards == 0


def test_cparam_tells_contact_from_uri_parameters(request_of: Callable[[str], Request]) -> None:
    (of_contact,) = request_of("cparam01").contacts
    assert of_contact.params == {"unknownparam": None}
    assert str(of_contact.uri) == "sip:+19725552222@gw1.example.net"
    (of_uri,) = request_of("cparam02").contacts
    assert of_uri.params == {}
    assert str(of_uri.uri) == "sip:+19725552222@gw1.example.net;unknownparam"


def test_regescrt_keeps_the_route_in_the_contact(request_of: Callable[[str], Request]) -> None:
    message = request_of("regescrt")
    (contact,) = message.contacts
    assert str(contact.uri) == "sip:user@example.com?Route=%3Csip:sip.example.com%3E"
    assert "Route" not in message


def test_inv2543_takes_the_rest_of_the_datagram_for_its_body(request_of: Callable[[str], Request]) -> None:
    message = request_of("inv2543")
    assert message.via.branch is None
    assert message.from_.tag is None
    assert message.max_forwards is None
    assert message.body.startswith(b"v=0\r\n")
    assert message.from_ == NameAddr(None, "sip:+13035551111@ift.client.example.net;user=phone")
