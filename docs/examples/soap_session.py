#!/usr/bin/env python3
"""A whole session with the SOAP service, by zeep (https://docs.python-zeep.org) from the served WSDL alone.

    pip install zeep
    python soap_session.py http://127.0.0.1:8080/EPASSoap/service alice secret bob

It logs in, fetches everything, makes a group and puts the other user into it, hides details from him by a
rule, sets a lasting status and takes it back, notes a call, and logs out.  What it made it deletes again.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import requests
from lxml import etree
from zeep import Client, Transport
from zeep.exceptions import Fault

GROUP, RULE = "made by example", "rule by example"


class Session:
    """The operations as methods, the session key in each call."""

    def __init__(
        self, url: str, username: str, password: str, *, port: str = "soap12", verify: str | bool = True
    ) -> None:
        """`port`: the version of SOAP; `verify`: a file with the certificate that signed the server's."""
        web = requests.Session()
        web.verify = verify
        client = Client(f"{url}?wsdl", transport=Transport(session=web))
        self._service = client.bind("EPASSoap", port)
        # An earlier session of the user, of which there may be but one, is ended by force.
        answer = self._service.login(username=username, password=password, force=True)
        if answer.failure is not None:
            raise PermissionError(answer.failure.reason)
        self._header = {"session-key": answer.success["session-key"]}

    def __getattr__(self, operation: str) -> Any:
        """`session.add_group(...)` is the operation add-group."""
        call = getattr(self._service, operation)
        return lambda *arguments, **named: call(*arguments, **named, _soapheaders=self._header)


def statuses(answer: Any) -> str:
    """What became of the items of a request."""
    return ", ".join(status["_value_1"] for status in answer)


def show_configuration(session: Session) -> None:
    """get-all-config without selectors answers everything; None is what has nothing in it."""
    everything = session.get_all_config()
    system = everything["get-system-config-resp"]["property"]
    contacts, dialing = everything["get-contact-list-resp"], everything["get-dialing-rules-resp"]
    granted = everything["get-licensing-features-resp"]
    domain = [it["_value_1"] for it in system if it["name"] == "Presence.Domain"]
    print(f"system: {len(system)} properties, domain {domain[0]}")
    print(f"user: {', '.join(it['name'] for it in everything['get-user-config-resp']['property'])}")
    print(f"licences: {', '.join(it for it in ('base', 'im', 'audio', 'video') if granted[it]) or 'none'}")
    print(f"contacts: {len(contacts['group']) if contacts else 0} groups")
    print(f"dialing rules: {len(dialing['rule']) if dialing else 0}")


def keep_contacts(session: Session, other: str) -> None:
    """A group, a person in it, and what comes of that."""
    print("add-group:", statuses(session.add_group(group=[{"name": GROUP}])))
    person = {"_value_1": other, "nickname": "the other one", "display-on-phone": True}
    added = session.add_contact(group=[{"name": GROUP, "persona-id": [person]}])
    print("add-contact:", statuses(added))
    for group in session.get_contact_list():
        for member in group["persona-id"]:
            print(f"  {group['name']} {member['index']}: {member['_value_1']} ({member['nickname']})")


def keep_rules(session: Session, other: str) -> None:
    """Who is on the list of the rule sees whether one can be reached, and not the phone."""
    rule = {"visibility": "reachability-only", "filter": {"excludedsource": ["phone"]}}
    print(
        "set-presence-rules:",
        statuses(session.set_presence_rules(**{"presence-rule": [{"name": RULE, "rule": rule}]})),
    )
    added = session.add_acl(rule=[{"name": RULE, "watcher": [other]}])
    print("add-acl:", ", ".join(statuses(one["status"]) for one in added))
    for one in session.get_acl(rule=[{"name": RULE}]):
        print(f"  {one['name']}: {', '.join(one['acl'])}")


def set_status(session: Session, address: str) -> None:
    """A status that lasts until it is taken back, as a presence document (RFC 3863)."""
    presence = etree.fromstring(
        f'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{address}"><tuple id="vacation">'
        "<status><basic>closed</basic></status><note>on vacation</note></tuple></presence>"
    )
    print("publish-pres-status:", session.publish_pres_status(_value_1=presence))
    print("unpublish-pres-status:", session.unpublish_pres_status())


def note_call(session: Session) -> None:
    """A record of a call; `data` is any XML, and is given back as it was."""
    call = etree.fromstring('<call xmlns="urn:example:calls" to="5551234"/>')
    done = session.add_recent_comm(timestamp="2026-01-31", type="2", data={"_value_1": [call]})
    print("add-recent-comm:", done["status-code"])
    for record in session.get_recent_comm():
        print(f"  {record['timestamp']} {record['type']}")


def clean_up(session: Session) -> None:
    """Delete what was made; a group goes with its contacts, a rule with its list."""
    print("delete-presence-rules:", statuses(session.delete_presence_rules(rule=[{"name": RULE}])))
    print("delete-group:", statuses(session.delete_group(group=[{"name": GROUP}])))


def main() -> int:
    """Run the session."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("url", help="of the service, without ?wsdl")
    options.add_argument("username")
    options.add_argument("password")
    options.add_argument("other", help="name of another user, for the contact list")
    options.add_argument("--ca", help="file with the certificate that signed the server's (HTTPS)")
    options.add_argument("--port", choices=["soap11", "soap12"], default="soap12", help="the version of SOAP")
    given = options.parse_args()
    try:
        session = Session(given.url, given.username, given.password, port=given.port, verify=given.ca or True)
    except PermissionError as error:
        print(f"not logged in: {error}", file=sys.stderr)
        return 1
    print("logged in")
    try:
        show_configuration(session)
        keep_contacts(session, given.other)
        keep_rules(session, given.other)
        set_status(session, f"sip:{given.username}")
        note_call(session)
        clean_up(session)
    except Fault as fault:
        print(f"refused: {fault.message}", file=sys.stderr)
        return 1
    finally:
        session.logout()
        print("logged out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
