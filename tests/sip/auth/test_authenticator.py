"""Challenges and credentials (RFC 3261 §22, RFC 7616 §3.4, RFC 8760 §2.3, and what real clients send)."""

from __future__ import annotations

import logging

import pytest

from sip.auth.authenticator import Authenticator, DigestSettings
from sip.errors import BadRequest, ProxyAuthRequired, SipError, Unauthorized
from sip.headers import Challenge
from sip.message import Request, parse
from tests.sip.auth.clients import credentials, nonce_of
from tests.sip.usage.fakes import Directory, sip

SECRET = b"a secret of the server"
REALM = "example.com"


def request(*headers: str, method: str = "REGISTER", uri: str = "sip:example.com") -> Request:
    lines = "\n".join(headers)
    message = parse(
        sip(f"""
            {method} {uri} SIP/2.0
            Via: SIP/2.0/UDP 192.0.2.4:5060;branch=z9hG4bKnashds7
            From: <sip:alice@example.com>;tag=456248
            To: <sip:alice@example.com>
            Call-ID: 843817637684230@998sdasdh09
            CSeq: 1826 {method}
            {lines}
        """)
    )
    assert isinstance(message, Request)
    return message


def authenticator(settings: DigestSettings | None = None, **others: object) -> Authenticator:
    return Authenticator(Directory(), SECRET, settings, **others)  # type: ignore[arg-type]


def refusal(server: Authenticator, message: Request, now: float = 100.0, *, proxy: bool = False) -> SipError:
    with pytest.raises(SipError) as caught:
        server.authenticate(message, realm=REALM, now=now, proxy=proxy)
    return caught.value


def challenge(server: Authenticator, now: float = 100.0) -> str:
    return nonce_of(refusal(server, request(), now).headers[0][1])


def is_stale(error: SipError) -> bool:
    return Challenge.parse(error.headers[0][1]).params.get("stale") == "true"


# -- challenges ---------------------------------------------------------------------------------------


def test_a_request_without_credentials_is_challenged_with_md5_alone() -> None:
    error = refusal(authenticator(), request())
    assert isinstance(error, Unauthorized)
    (header,) = error.headers
    assert header[0] == "WWW-Authenticate"
    offer = Challenge.parse(header[1])
    assert offer.scheme == "Digest"
    assert set(offer.params) == {"realm", "nonce", "qop", "algorithm"}
    assert (offer.params["realm"], offer.params["qop"], offer.params["algorithm"]) == (REALM, "auth", "MD5")


def test_a_proxy_asks_with_407() -> None:
    error = refusal(authenticator(), request(), proxy=True)
    assert isinstance(error, ProxyAuthRequired)
    assert [name for name, _ in error.headers] == ["Proxy-Authenticate"]


def test_several_algorithms_are_offered_in_the_order_of_the_setting() -> None:
    settings = DigestSettings(algorithms=("SHA-256", "MD5"))
    error = refusal(authenticator(settings), request())
    assert [Challenge.parse(value).params["algorithm"] for _, value in error.headers] == ["SHA-256", "MD5"]


def test_an_unknown_algorithm_is_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="SHA-1"):
        DigestSettings(algorithms=("SHA-1",))


# -- good credentials ---------------------------------------------------------------------------------


@pytest.mark.parametrize("header", ["Authorization", "Proxy-Authorization"])
@pytest.mark.parametrize("proxy", [False, True])
def test_credentials_are_taken_from_either_header_whichever_was_asked_for(header: str, proxy: bool) -> None:
    server = authenticator()
    message = request(f"{header}: {credentials(challenge(server))}")
    user = server.authenticate(message, realm=REALM, now=101.0, proxy=proxy)
    assert (user.username, user.aor, user.realm, user.algorithm) == (
        "alice",
        "sip:alice@example.com",
        REALM,
        "MD5",
    )
    assert user.info is None


def test_a_user_name_with_a_domain_is_the_same_user() -> None:
    server = authenticator()
    value = credentials(challenge(server), username="alice@example.com")
    assert server.authenticate(request(f"Authorization: {value}"), realm=REALM, now=100.0).aor == (
        "sip:alice@example.com"
    )


def test_credentials_without_algorithm_are_md5() -> None:
    server = authenticator()
    message = request(f"Authorization: {credentials(challenge(server), algorithm=None)}")
    assert server.authenticate(message, realm=REALM, now=100.0).algorithm == "MD5"


def test_sha_256_alone_can_be_asked_for() -> None:
    server = authenticator(DigestSettings(algorithms=("SHA-256",)))
    message = request(f"Authorization: {credentials(challenge(server), algorithm='SHA-256')}")
    assert server.authenticate(message, realm=REALM, now=100.0).algorithm == "SHA-256"


def test_of_two_credentials_the_one_that_verifies_wins() -> None:
    # JAIN-SIP answers both challenges and gets the SHA-256 one wrong.
    server = authenticator(DigestSettings(algorithms=("SHA-256", "MD5")))
    nonce = challenge(server)
    wrong = credentials(nonce, algorithm="SHA-256", password="computed otherwise")
    message = request(f"Authorization: {wrong}", f"Authorization: {credentials(nonce)}")
    assert server.authenticate(message, realm=REALM, now=100.0).algorithm == "MD5"


def test_credentials_for_another_realm_on_the_way_do_no_harm() -> None:
    server = authenticator()
    elsewhere = credentials("abc", realm="proxy.example.net", username="account17")
    message = request(f"Proxy-Authorization: {elsewhere}", f"Authorization: {credentials(challenge(server))}")
    assert server.authenticate(message, realm=REALM, now=100.0).username == "alice"


def test_the_next_nonce_is_handed_out_by_setting() -> None:
    server = authenticator(DigestSettings(authentication_info=True))
    first = server.authenticate(
        request(f"Authorization: {credentials(challenge(server))}"), realm=REALM, now=100.0
    )
    assert first.info is not None
    assert first.info.startswith('nextnonce="')
    following = credentials(nonce_of(first.info.replace("nextnonce", "nonce")))
    server.authenticate(request(f"Authorization: {following}"), realm=REALM, now=101.0)


# -- refused credentials ------------------------------------------------------------------------------


def test_a_wrong_password_and_an_unknown_user_get_the_same_answer() -> None:
    server = authenticator()
    answers = []
    for wrong in ({"password": "guess"}, {"username": "mallory", "password": "alice-secret"}):
        error = refusal(server, request(f"Authorization: {credentials(challenge(server), **wrong)}"))
        (header,) = error.headers
        answers.append((error.status, error.reason, header[0], header[1].replace(nonce_of(header[1]), "")))
    assert answers[0] == answers[1]
    assert answers[0][:2] == (401, "Wrong user name or password")
    assert "stale" not in answers[0][3]


def test_an_account_without_address_of_record_is_nobody() -> None:
    class Half(Directory):
        def aor_of(self, username: str, realm: str) -> str | None:
            return None

    server = Authenticator(Half(), SECRET)
    error = refusal(server, request(f"Authorization: {credentials(challenge(server))}"))
    assert (error.status, error.reason) == (401, "Wrong user name or password")


def test_a_failure_is_logged_without_secrets_and_without_the_names_of_strangers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = authenticator()
    value = credentials(challenge(server), username="my-password-by-mistake")
    with caplog.at_level(logging.INFO):
        refusal(server, request(f"Authorization: {value}"))
    (record,) = caplog.records
    assert record.message == "auth.failed"
    assert "my-password-by-mistake" not in str(vars(record))


def test_credentials_of_another_realm_alone_are_no_credentials() -> None:
    server = authenticator()
    value = credentials(challenge(server), realm="other.example")
    error = refusal(server, request(f"Authorization: {value}"))
    assert (error.status, error.reason) == (401, "Unauthorized")


def test_a_response_to_another_method_is_wrong() -> None:
    server = authenticator()
    value = credentials(challenge(server), method="REGISTER")
    assert refusal(server, request(f"Authorization: {value}", method="MESSAGE")).status == 401


def test_an_algorithm_that_was_not_offered_is_refused() -> None:
    server = authenticator(DigestSettings(algorithms=("SHA-256",)))
    error = refusal(server, request(f"Authorization: {credentials(challenge(server), algorithm='MD5')}"))
    assert (error.status, error.reason) == (401, "Digest algorithm not offered")
    assert "algorithm=SHA-256" in error.headers[0][1]


def test_a_qop_that_was_not_offered_is_refused() -> None:
    server = authenticator()
    error = refusal(server, request(f"Authorization: {credentials(challenge(server), qop='auth-int')}"))
    assert (error.status, error.reason) == (401, "Digest qop not offered")


def test_basic_is_never_accepted() -> None:
    error = refusal(authenticator(), request("Authorization: Basic YWxpY2U6YWxpY2Utc2VjcmV0"))
    assert (error.status, error.reason) == (401, "Unauthorized")


def test_empty_credentials_before_the_first_challenge_are_none() -> None:
    value = 'Digest username="alice", realm="example.com", nonce="", uri="sip:example.com", response=""'
    error = refusal(authenticator(), request(f"Authorization: {value}"))
    assert (error.status, error.reason) == (401, "Unauthorized")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("nc=00000001", "nc=000001zz"), "Bad nc in Authorization"),
        (("nc=00000001", "nc=100000001"), "Bad nc in Authorization"),
        (('cnonce="0a4f113b"', 'cnonce=""'), "Missing cnonce in Authorization"),
        (('uri="sip:example.com"', 'x="y"'), "Missing uri in Authorization"),
        (('username="alice"', 'user="alice"'), "Missing username in Authorization"),
        (("qop=auth", "qop=auth, qop=auth"), "Malformed Authorization header field: repeated parameter"),
        (('realm="example.com"', 'realm="example.com'), "Malformed Authorization header field"),
    ],
)
def test_malformed_credentials_are_answered_400_with_the_fault(change: tuple[str, str], reason: str) -> None:
    server = authenticator()
    value = credentials(challenge(server))
    assert change[0] in value
    error = refusal(server, request(f"Authorization: {value.replace(*change)}"))
    assert isinstance(error, BadRequest)
    assert error.reason == reason


def test_more_credentials_than_anybody_needs_are_refused_unread() -> None:
    server = authenticator()
    lines = [f"Authorization: {credentials(challenge(server), password='guess')}" for _ in range(9)]
    assert refusal(server, request(*lines)).reason == "Too many credentials"


# -- the uri parameter --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("sip:example.com", "sip:example.com"),
        ("sip:alice@example.com", "sip:alice@EXAMPLE.com"),
        ("sip:alice@example.com", "sip:%61lice@example.com"),
        ("sip:alice@example.com:5060;transport=tcp", "sip:alice@example.com"),
        ("sip:example.com;transport=udp", "sip:example.com"),
        ("sip:example.com", "sip:sip.test"),
        ("sip:alice@example.com", "sip:192.0.2.1:5060"),  # SIPp: where it sends to
    ],
)
def test_a_uri_parameter_that_means_the_request_uri_is_accepted(asked: str, named: str) -> None:
    server = authenticator(is_ours=lambda uri: (uri.host, uri.port) == ("192.0.2.1", 5060))
    message = request(f"Authorization: {credentials(challenge(server), uri=named)}", uri=asked)
    assert server.authenticate(message, realm=REALM, now=100.0).username == "alice"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("sip:carol@example.com", "sip:bob@example.com"),
        ("sip:alice@example.com", "sip:alice@elsewhere.example"),
        ("sip:alice@example.com", "sip:192.0.2.77:5060"),
        ("sip:bob@elsewhere.example", "sip:example.com"),
        ("sip:alice@example.com", "tel:+12015550123"),
        ("sip:alice@example.com", "not a uri"),
    ],
)
def test_a_uri_parameter_for_something_else_is_answered_400(asked: str, named: str) -> None:
    server = authenticator(is_ours=lambda uri: (uri.host, uri.port) == ("192.0.2.1", 5060))
    error = refusal(server, request(f"Authorization: {credentials(challenge(server), uri=named)}", uri=asked))
    assert (error.status, error.reason) == (400, "The uri in Authorization is not the Request-URI")


# -- stale and replayed -------------------------------------------------------------------------------


def test_a_good_response_to_an_old_nonce_is_stale() -> None:
    server = authenticator(DigestSettings(nonce_life=300))
    message = request(f"Authorization: {credentials(challenge(server, 100.0))}")
    error = refusal(server, message, now=401.0)
    assert (error.status, error.reason) == (401, "Nonce expired or used")
    assert is_stale(error)


def test_a_client_that_comes_again_after_stale_is_let_in() -> None:
    server = authenticator(DigestSettings(nonce_life=300))
    error = refusal(server, request(f"Authorization: {credentials(challenge(server, 100.0))}"), now=401.0)
    again = request(f"Authorization: {credentials(nonce_of(error.headers[0][1]))}")
    assert server.authenticate(again, realm=REALM, now=401.0).username == "alice"


def test_a_wrong_response_to_an_old_nonce_is_not_called_stale() -> None:
    server = authenticator(DigestSettings(nonce_life=300))
    message = request(f"Authorization: {credentials(challenge(server, 100.0), password='guess')}")
    assert not is_stale(refusal(server, message, now=401.0))


def test_a_good_response_to_a_nonce_that_we_never_issued_is_stale() -> None:
    message = request(f"Authorization: {credentials('dcd98b7102dd2f0e8b11d0f600bfb0c093')}")
    assert is_stale(refusal(authenticator(), message))


def test_a_recorded_request_played_again_is_refused() -> None:
    server = authenticator()
    message = request(f"Authorization: {credentials(challenge(server))}")
    server.authenticate(message, realm=REALM, now=100.0)
    assert is_stale(refusal(server, message))


def test_one_nonce_serves_many_requests_by_its_count() -> None:
    server = authenticator()
    nonce = challenge(server)
    for count in ("00000001", "00000003", "00000002", "0000000a"):
        message = request(f"Authorization: {credentials(nonce, nc=count)}")
        assert server.authenticate(message, realm=REALM, now=100.0).username == "alice"


# -- without qop, RFC 2069 ----------------------------------------------------------------------------


def libpurple(nonce: str, count: int) -> str:
    """As libpurple writes it: nc quoted, though nothing is counted; no cnonce, no algorithm."""
    return credentials(nonce, algorithm=None, qop=None) + f', nc="{count:08x}"'


def test_a_response_without_qop_is_accepted() -> None:
    server = authenticator()
    message = request(f"Authorization: {libpurple(challenge(server), 1)}")
    assert server.authenticate(message, realm=REALM, now=100.0).username == "alice"


def test_without_qop_a_nonce_is_good_once_and_then_stale() -> None:
    server = authenticator()
    nonce = challenge(server)
    server.authenticate(request(f"Authorization: {libpurple(nonce, 1)}"), realm=REALM, now=100.0)
    error = refusal(server, request(f"Authorization: {libpurple(nonce, 2)}"))
    assert is_stale(error)
    fresh = nonce_of(error.headers[0][1])
    server.authenticate(request(f"Authorization: {libpurple(fresh, 3)}"), realm=REALM, now=100.0)


def test_without_qop_a_nonce_lives_shorter() -> None:
    server = authenticator(DigestSettings(nonce_life=300, nonce_life_without_qop=30))
    nonce = challenge(server, 100.0)
    assert is_stale(refusal(server, request(f"Authorization: {libpurple(nonce, 1)}"), now=131.0))
    message = request(f"Authorization: {credentials(nonce)}")
    assert server.authenticate(message, realm=REALM, now=131.0).username == "alice"


def test_responses_without_qop_can_be_refused() -> None:
    server = authenticator(DigestSettings(accept_without_qop=False))
    error = refusal(server, request(f"Authorization: {libpurple(challenge(server), 1)}"))
    assert (error.status, error.reason) == (401, "Digest qop required")
