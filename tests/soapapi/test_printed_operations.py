"""Every printed request, posted as it is, gets the printed answer (SPEC R53, R55; Examples 26 to 68).

What the server cannot know is prepared: users, rules and settings that the guide assumes.  Where the guide
prints an answer to another request than the one before it, the rebuilt request is posted.
"""

from __future__ import annotations

import pytest
from lxml import etree

from presence.policy.cisco import CiscoRule, read_presence_rule
from presence.provisioning.contacts import AddGroup
from presence.provisioning.dialing import DialingRule
from presence.provisioning.hosts import Licences
from presence.storage.database import Database
from soapapi.names import EPAS
from tests.soapapi.asking import KAI, SOAP11, Office, Printed, exclusive

VACATION = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:kai@cisco.com">'
    '<tuple id="t"><status><basic>closed</basic></status><note>vacation</note></tuple></presence>'
)
WATCHERS = ["soapuser2", "soapuser3", "soapuser4", "soapuser5"]
ANSWERS = [29, 31, 33, 35, 37, 39, 27, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62, 64, 66, 68]
REBUILT = (32, 43, 59, 61)


def prepare(office: Office, printed: Printed, number: int) -> None:
    """What there is before the request whose answer is Example `number`."""
    services = office.services
    story = [28, 30, 32, 34] if number == 27 else [it for it in (28, 30, 32, 34, 36) if it < number - 1 < 40]
    for request in story:
        office.post_printed(printed.request(request, rebuilt=request == 32))
    match number:
        case 42 | 46:
            services.presence_rules.set(KAI, [CiscoRule("noACL_rule")])
        case 48:
            services.dialing.add(DialingRule(1, "App dialing rule", "App dialing rule", 1, "89", 1, 0, "7"))
            services.dialing.add(
                DialingRule(2, "Directory dialing rule", "Directory dialing rule", 1, "97876", 2, 2, "98")
            )
        case 52:
            services.history.add(KAI, "2006-03-24", 2, "<what>xmltag-other</what>")
            services.history.add(KAI, "2005-03-22", 1, "<what>this is a record</what>")
            services.history.add(KAI, "2007-03-24", 3, "<what>this is another record</what>")
        case 54:
            services.profiles.set_licences(KAI, Licences(base=True, im=True, audio=False, video=False))
        case 60 | 62 | 64:
            services.presence_rules.set(KAI, [CiscoRule("test rules!")])
            # Example 64: soapuser5 is on the list of Example 60, and not any more.
            listed = {60: WATCHERS, 62: [], 64: WATCHERS[:3]}[number]
            services.presence_rules.add_watchers(KAI, "test rules!", listed)
        case 66:
            services.profiles.set_calendar(KAI, True)


def request_of(printed: Printed, number: int) -> bytes:
    data = printed.request(number - 1, rebuilt=number - 1 in REBUILT)
    # The guide does not print the document.
    return data.replace(b"[XML presence doc]", VACATION.encode())


@pytest.mark.parametrize("number", ANSWERS)
def test_the_printed_request_gets_the_printed_answer(
    database: Database, printed: Printed, number: int
) -> None:
    office = Office(database, printed_namespaces=True)
    prepare(office, printed, number)
    reply = office.post_printed(request_of(printed, number))
    expected = printed.response(number, printed=True)
    assert reply.status == 200
    assert exclusive(reply.element) == exclusive(expected)
    assert orders(reply.element) == orders(expected)


@pytest.mark.parametrize("number", [42, 60, 62, 64])
def test_by_default_all_of_it_is_in_the_namespace_q38(office: Office, printed: Printed, number: int) -> None:
    prepare(office, printed, number)
    reply = office.post_printed(request_of(printed, number))
    assert {etree.QName(it).namespace for it in reply.element.iter()} - {EPAS} <= {
        "urn:cisco:epas:presence:rules"
    }
    assert plain(reply.element) == plain(printed.response(number))


@pytest.mark.parametrize("number", ANSWERS)
def test_soap_11_is_answered_the_same_in_its_own_envelope(
    office: Office, printed: Printed, number: int
) -> None:
    prepare(office, printed, number)
    data = request_of(printed, number).replace(
        b"http://www.w3.org/2003/05/soap-envelope", b"http://schemas.xmlsoap.org/soap/envelope/"
    )
    office.open("kai", etree.fromstring(data).findtext("{*}Header/{*}session-key").strip())
    reply = office.post(data, SOAP11)
    assert reply.status == 200
    expected = printed.response(number, printed=number == 52)
    assert plain(reply.element) == plain(expected)


def test_the_whole_contact_story_in_its_order(office: Office, printed: Printed) -> None:
    def told(number: int) -> None:
        reply = office.post_printed(printed.request(number - 1, rebuilt=number == 33))
        assert exclusive(reply.element) == exclusive(printed.response(number)), number

    assert len(office.ask("<get-contact-list/>").element) == 0
    for number in (29, 31, 33, 35, 27, 37, 39):
        told(number)
    left = [
        (group.get("name"), group.get("index"), [(it.text, it.attrib.values()) for it in group])
        for group in office.ask("<get-contact-list/>").element
    ]
    assert left == [
        ("", "-200", [("soapuser4", ["1", "what", "false"]), ("soapuser3", ["33", "1", "false"])]),
        (
            "work",
            "1000.9",
            [
                ("soapuser5", ["-3000", "", "false"]),
                ("soapuser3", ["201", "user3's nickname", "false"]),
                ("soapuser4", ["202", "soap user's nickname", "true"]),
            ],
        ),
        (
            "new customers",
            "2000.9",
            [
                ("soapuser2", ["202", "another user2's nickname", "true"]),
                ("soapuser3", ["203", "who is soap user 3?", "false"]),
            ],
        ),
    ]


def test_the_requests_that_were_rebuilt_are_answered_as_printed_too(office: Office, printed: Printed) -> None:
    office.services.contacts.apply(KAI, [AddGroup("work"), AddGroup("friends")])
    deleted = office.post_printed(printed.request(32))
    assert deleted.items() == [
        ({"name": name}, "succeeded") for name in ("work", "friends", "customers", "work")
    ]
    ruled = office.post_printed(printed.request(43))
    assert ruled.items() == [({"name": "test rule"}, "succeeded")]
    unknown = [({"name": "test rules"}, "Invalid Policy name")]
    assert office.post_printed(printed.request(59)).items("epas:rule")[:1] == unknown
    added = office.post_printed(printed.request(61))
    assert added.items("epas:rule") == [({"name": "Kai rules!"}, "Invalid Policy name")]


def test_the_printed_rule_comes_back_as_it_was_set(office: Office, printed: Printed) -> None:
    data = printed.request(43)
    office.post_printed(data)
    (rule,) = office.ask("<get-presence-rules/>").element
    (sent,) = etree.fromstring(data).iter(f"{{{EPAS}}}presence-rule")
    assert read_presence_rule(rule) == read_presence_rule(sent)
    assert [etree.QName(it).localname for it in rule[0]] == ["visibility", "reachability", "filter"]


def orders(element: etree._Element) -> list[list[str]]:
    """The names of the attributes in the order in which they stand."""
    return [list(it.attrib) for it in element.iter(etree.Element)]


def plain(element: etree._Element) -> list[tuple[str, list[tuple[str, str]], str]]:
    """Names, attributes and texts, whatever the prefixes."""
    return [(it.tag, it.attrib.items(), (it.text or "").strip()) for it in element.iter(etree.Element)]
