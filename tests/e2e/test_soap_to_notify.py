"""What users set by SOAP is real: it goes in by HTTP and comes out in the NOTIFYs of a running server.

(SPEC R60, R65, R83, R84, R89, Q27, Q43 to Q45, Q49.)
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from urllib.error import HTTPError

import pytest
from lxml import etree

from tests.e2e.conftest import StartServer
from tests.support.server import Server
from tests.support.sipclient import SipClient, Subscription
from tests.support.sipwire import SipMessage

ALICE, BOB, CAROL, DAVE = (f"{name}@example.com" for name in ("alice", "bob", "carol", "dave"))
EPAS, RULES = "urn:cisco:epas:soap", "urn:cisco:epas:presence:rules"
SOAP = "http://www.w3.org/2003/05/soap-envelope"
LISTS = [
    ("Supported", "eventlist"),
    ("Accept", "multipart/related, application/rlmi+xml, application/pidf+xml"),
]


@pytest.fixture(scope="module")
def server(start_server: StartServer) -> Server:
    return start_server(ALICE, BOB, CAROL, DAVE)


class SoapClient:
    """A client application of one user."""

    def __init__(self, server: Server, username: str) -> None:
        self._url = f"http://{server.http[0]}:{server.http[1]}/EPASSoap/service"
        self.key = ""
        told = self.call(
            f'<login force="true"><username>{username}</username><password>secret</password></login>'
        )
        self.key = told.findtext(f"{{{EPAS}}}success/{{{EPAS}}}session-key") or ""
        assert self.key

    def call(self, body: str) -> etree._Element:
        """The element in the body of the answer."""
        header = f"<session-key>{self.key}</session-key>" if self.key else ""
        data = (
            f'<e:Envelope xmlns:e="{SOAP}" xmlns="{EPAS}" xmlns:pr="{RULES}">'
            f"<e:Header>{header}</e:Header><e:Body>{body}</e:Body></e:Envelope>"
        ).encode()
        request = urllib.request.Request(
            self._url, data, {"Content-Type": "application/soap+xml; charset=utf-8"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                told = answer.read()
        except HTTPError as error:
            told = error.read()
        return etree.fromstring(told).find(f"{{{SOAP}}}Body")[0]

    def succeed(self, body: str) -> None:
        """Call, and see every status succeed."""
        texts = [it.text for it in self.call(body).iter(f"{{{EPAS}}}status")]
        assert texts, body
        assert set(texts) == {"succeeded"}, body


def document(user: str, *tuples: tuple[str, str]) -> bytes:
    """Open tuples: (id, note)."""
    inside = "".join(
        f'<tuple id="{name}"><status><basic>open</basic></status><note>{note}</note></tuple>'
        for name, note in tuples
    )
    return (f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:{user}">{inside}</presence>').encode()


def shows(*notes: str, but: tuple[str, ...] = ()):
    """Whether a NOTIFY has all of `notes` in it, and none of `but`."""
    return lambda message: (
        all(it in message.text for it in notes) and not any(it in message.text for it in but)
    )


@pytest.fixture
def alice(server: Server) -> SoapClient:
    return SoapClient(server, "alice")


@pytest.fixture
def phone(server: Server) -> Iterator[SipClient]:
    """Alice's."""
    with SipClient(server.address("tcp"), ALICE, "secret", transport="tcp") as it:
        yield it


@pytest.fixture
def bob(server: Server) -> Iterator[Subscription]:
    """Watches alice."""
    with SipClient(server.address("tcp"), BOB, "secret", transport="tcp") as it:
        subscription = it.subscribe(f"sip:{ALICE}")
        subscription.notify()
        yield subscription
        subscription.unsubscribe()


class Roster:
    """Whom a list has, as its NOTIFYs tell, whole or in parts (RFC 4662 §5.2)."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._members: set[str] = set()

    def becomes(self, *members: str) -> SipMessage:
        """The NOTIFY with which these are all."""
        return self._subscription.notify(where=lambda message: self._take(message) == set(members))

    def _take(self, message: SipMessage) -> set[str]:
        if 'fullState="true"' in message.text:
            self._members.clear()
        for member, rest in re.findall(r'<resource uri="sip:([^"]+)"(.*?)</resource>', message.text):
            (self._members.discard if 'state="terminated"' in rest else self._members.add)(member)
        return self._members


def test_contacts_are_members_of_the_list_of_their_owner(
    alice: SoapClient, phone: SipClient, server: Server
) -> None:
    with SipClient(server.address("tcp"), CAROL, "secret", transport="tcp") as carol:
        carol.publish(document(CAROL, ("t", "carol is here")))
    watching = phone.subscribe("sip:alice+contacts@example.com", headers=LISTS)
    roster = Roster(watching)
    roster.becomes()
    alice.succeed('<add-group><group name="work"/></add-group>')
    alice.succeed(
        '<add-contact><group name="work"><persona-id nickname="Bobby">bob</persona-id></group>'
        '<group name=""><persona-id>carol</persona-id></group></add-contact>'
    )
    told = roster.becomes(BOB, CAROL)
    assert "Bobby" in told.text
    if "carol is here" not in told.text:
        watching.notify(where=shows("carol is here"))
    alice.succeed('<delete-contact><group name=""><persona-id>carol</persona-id></group></delete-contact>')
    roster.becomes(BOB)
    alice.succeed('<delete-group><group name="work"/></delete-group>')
    roster.becomes()
    watching.unsubscribe()


def test_rules_and_acls_change_what_a_watcher_is_shown(
    alice: SoapClient, phone: SipClient, bob: Subscription, server: Server
) -> None:
    phone.publish(document(ALICE, ("d", "at the desk")), headers=[("User-Agent", "DeskPhone/7.1 (a model)")])
    bob.notify(where=shows("at the desk"))
    with SipClient(server.address("tcp"), DAVE, "secret", transport="tcp") as dave:
        other = dave.subscribe(f"sip:{ALICE}")
        other.notify(where=shows("at the desk"))
        alice.succeed(
            '<set-presence-rules><presence-rule name="strangers"><rule><visibility>all</visibility>'
            "<pr:filter><pr:excludedsource>Deskphone</pr:excludedsource></pr:filter></rule>"
            "</presence-rule></set-presence-rules>"
        )
        alice.succeed('<add-acl><rule name="strangers"><watcher>bob</watcher></rule></add-acl>')
        bob.notify(where=shows(but=("at the desk",)), what="the source is hidden")
        alice.succeed('<delete-acl><rule name="strangers"><watcher>bob</watcher></rule></delete-acl>')
        bob.notify(where=shows("at the desk"), what="he is on no list any more")
        alice.succeed(
            '<set-presence-rules><presence-rule name="strangers"><rule>'
            "<visibility>reachability-only</visibility></rule></presence-rule></set-presence-rules>"
        )
        alice.succeed('<add-acl><rule name="strangers"><watcher>bob</watcher></rule></add-acl>')
        bob.notify(where=shows("open", but=("at the desk",)), what="his reachability alone")
        rule = '<presence-rule name="friends"><rule/></presence-rule>'
        alice.succeed(f"<set-presence-rules>{rule}</set-presence-rules>")
        alice.succeed('<add-acl><rule name="friends"><watcher>bob</watcher></rule></add-acl>')
        # Of two rules the one that shows less counts (Q45).
        bob.quiet()
        alice.succeed('<delete-presence-rules><rule name="strangers"/></delete-presence-rules>')
        bob.notify(where=shows("at the desk"), what="no rule any more")
        other.quiet()


def test_long_term_status_is_part_of_what_is_shown_until_it_is_taken_back(
    alice: SoapClient, bob: Subscription, server: Server
) -> None:
    vacation = document(ALICE, ("v", "on vacation")).decode()
    assert alice.call(f"<publish-pres-status>{vacation}</publish-pres-status>")[0].text == "0"
    bob.notify(where=shows("on vacation"))
    alice.call("<logout/>")
    bob.quiet()
    again = SoapClient(server, "alice")
    assert again.call("<unpublish-pres-status/>")[0].text == "0"
    bob.notify(where=shows(but=("on vacation",)))


def test_logout_withdraws_the_tuple_that_it_names_and_no_other(
    alice: SoapClient, phone: SipClient, bob: Subscription
) -> None:
    published = phone.publish(document(ALICE, ("cupc-override", "override"), ("phone", "by phone")))
    bob.notify(where=shows("override", "by phone"))
    answer = alice.call('<logout tuple-id="cupc-override"/>')
    assert etree.QName(answer).localname == "logout-resp"
    bob.notify(where=shows("by phone", but=("override",)))
    refused = alice.call("<get-contact-list/>")
    assert etree.QName(refused).localname == "Fault"
    phone.publish(etag=published.need("SIP-ETag"), expires=0, expect=None)
