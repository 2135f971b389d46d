"""Who may do what by SOAP: each operation as the owner of a session, as another user, and without a session.

kai, who is alice here, has something of each kind, with a secret in it.  Another user asks for it and tries
to change it in a session of his own; the others have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from lxml import etree

from presence.provisioning.users import UserService
from presence.storage.database import Database, open_database
from presence.storage.migrate import upgrade
from presence.storage.users import SqlUserRepository
from soapapi.application import CONTENT_TYPES
from tests.access.table import Cell, check_complete, parametrised
from tests.access.world import ROLES
from tests.soapapi.asking import KAI, SOAP12, Office, envelope

SECTION = "SOAP"
SECRET = "kais-secret"
OTHER = "soapuser1"
_RULE = (
    '<presence-rule name="{}"><rule><visibility>all</visibility>'
    "<pr:filter><pr:excludedsource>{}</pr:excludedsource></pr:filter></rule></presence-rule>"
)
_RECENT = "<timestamp>2026-03-24T10:00:00Z</timestamp><type>1</type><data>{}</data>"
_PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:kai@cisco.com"><tuple id="t">'
    "<status><basic>open</basic></status><note>{}</note></tuple></presence>"
)


class Operation(NamedTuple):
    """A request, and by what it shows that it was carried out."""

    body: str
    reads: str | None = None
    """What the answer has if it is of kai's own; None: it changes something of the user's; "": of no user."""


OPERATIONS: Mapping[str, Operation] = {
    "get-all-config": Operation("<get-all-config/>", SECRET),
    "get-system-config": Operation("<get-system-config/>", ""),
    "get-user-config": Operation("<get-user-config/>", SECRET),
    "set-user-config": Operation('<set-user-config><property name="colour">red</property></set-user-config>'),
    "get-licensing-features": Operation("<get-licensing-features/>", ""),
    "get-dialing-rules": Operation("<get-dialing-rules/>", ""),
    "get-contact-list": Operation("<get-contact-list/>", SECRET),
    "add-contact": Operation(
        '<add-contact><group name="friends"><persona-id>soapuser4</persona-id></group></add-contact>'
    ),
    "modify-contact": Operation(
        '<modify-contact><group name="friends"><persona-id nickname="other">soapuser2</persona-id></group>'
        "</modify-contact>"
    ),
    "delete-contact": Operation(
        '<delete-contact><group name="friends"><persona-id>soapuser2</persona-id></group></delete-contact>'
    ),
    "add-group": Operation('<add-group><group name="more"/></add-group>'),
    "modify-group": Operation('<modify-group><group old-name="friends" new-name="foes"/></modify-group>'),
    "delete-group": Operation('<delete-group><group name="friends"/></delete-group>'),
    "get-presence-rules": Operation("<get-presence-rules/>", SECRET),
    "set-presence-rules": Operation(
        f"<set-presence-rules>{_RULE.format('rule', 'else')}</set-presence-rules>"
    ),
    "delete-presence-rules": Operation('<delete-presence-rules><rule name="rule"/></delete-presence-rules>'),
    "get-acl": Operation('<get-acl><rule name="rule"/></get-acl>', "soapuser3"),
    "add-acl": Operation('<add-acl><rule name="rule"><watcher>soapuser4</watcher></rule></add-acl>'),
    "delete-acl": Operation('<delete-acl><rule name="rule"><watcher>soapuser3</watcher></rule></delete-acl>'),
    "get-recent-comm": Operation("<get-recent-comm/>", SECRET),
    "add-recent-comm": Operation(f"<add-recent-comm>{_RECENT.format('x')}</add-recent-comm>"),
    "publish-pres-status": Operation(f"<publish-pres-status>{_PIDF.format('x')}</publish-pres-status>"),
    "unpublish-pres-status": Operation("<unpublish-pres-status/>"),
    "get-calendaring": Operation("<get-calendaring/>", ">true<"),
    "set-calendaring": Operation("<set-calendaring>false</set-calendaring>"),
    "logout": Operation('<logout tuple-id="t"/>'),
}


def furnish(database: Database) -> None:
    """What kai keeps there, and two sessions."""
    office = Office(database)
    UserService(SqlUserRepository(database)).set_password(f"{OTHER}@cisco.com", "another password")
    for body in (
        f'<set-user-config><property name="secret">{SECRET}</property></set-user-config>',
        '<add-group><group name="friends"/></add-group>',
        f'<add-contact><group name="friends"><persona-id nickname="{SECRET}">soapuser2</persona-id></group>'
        "</add-contact>",
        f"<set-presence-rules>{_RULE.format('rule', SECRET)}</set-presence-rules>",
        '<add-acl><rule name="rule"><watcher>soapuser3</watcher></rule></add-acl>',
        f"<add-recent-comm>{_RECENT.format(SECRET)}</add-recent-comm>",
        f"<publish-pres-status>{_PIDF.format(SECRET)}</publish-pres-status>",
        "<set-calendaring>true</set-calendaring>",
    ):
        reply = office.ask(body)
        assert not reply.fault, reply.fault
    office.open(OTHER, f"key-of-{OTHER}")


class World:
    """The service on a database that `furnish` has furnished."""

    def __init__(self, database: Database) -> None:
        self.office = Office(database, users=())

    def kai(self) -> tuple[object, ...]:
        """All that there is of kai."""
        services = self.office.services
        return (
            services.contacts.list(KAI),
            services.presence_rules.rules(KAI),
            services.user_settings.list(KAI),
            services.history.list(KAI),
            services.standing.get(KAI),
            services.profiles.calendar(KAI),
            services.sessions.owner("key-of-kai"),
            [it for it in self.office.withdrawn if it[0] == KAI],
        )

    def post(self, role: str, body: str) -> tuple[int, str]:
        """Status and text of the answer."""
        key = {"another user": f"key-of-{OTHER}", "the owner": "key-of-kai", "stranger": "a-guess"}.get(role)
        data = envelope(body, key or "")
        if key is None:
            data = data.replace(b"<session-key>  </session-key>", b"")
        answer = self.office.application.answer(data, CONTENT_TYPES[SOAP12], ROLES[role].host)
        return answer.status, answer.body.decode()

    def attempt(self, role: str, operation: Operation) -> str:
        """What the table has to say of it."""
        before = self.kai()
        status, text = self.post(role, operation.body)
        after = self.kai()
        if status != 200:
            assert after == before, "refused, and something has changed"
            assert SECRET not in text
            return f"{status} {_subcode(text)}"
        if operation.reads == "":
            return "200"
        if role == "the owner":
            done = after != before if operation.reads is None else operation.reads in text
            return "his own" if done else "nothing"
        told = operation.reads is not None and operation.reads in text
        return "what is kai's" if told or after != before or SECRET in text else "his own"


def login(world: World, role: str) -> str:
    """As kai, with the password that each of them knows."""
    password = {"the owner": "secret", "another user": "another password"}.get(role, "")
    body = f'<login force="true"><username>kai</username><password>{password}</password></login>'
    status, text = world.post(role, body)
    found = etree.fromstring(text.encode())
    keys = found.xpath("//*[local-name()='session-key']/text()")
    reasons = found.xpath("//*[local-name()='reason']/text()")
    return f"{status} a session" if keys else f"{status} {''.join(reasons)}"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("furnished") / "furnished.sqlite3"
    upgrade(f"sqlite:///{path}")
    database = open_database(f"sqlite:///{path}")
    furnish(database)
    database.close()
    return path


@pytest.fixture(scope="module")
def furnish_another(
    furnished: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], World]]:
    """Worlds that are alike."""
    with ExitStack() as open_ones:

        def make() -> World:
            path = tmp_path_factory.mktemp("soap") / "soap.sqlite3"
            path.write_bytes(furnished.read_bytes())
            database = open_database(f"sqlite:///{path}")
            open_ones.callback(database.close)
            return World(database)

        yield make


@pytest.fixture(scope="module")
def untouched(furnish_another: Callable[[], World]) -> World:
    """For those who are refused, which changes nothing."""
    return furnish_another()


@parametrised(SECTION)
def test_everybody_gets_what_the_table_says(
    untouched: World, furnish_another: Callable[[], World], cell: Cell
) -> None:
    world = furnish_another() if cell.role in ("the owner", "another user") else untouched
    if cell.request == "login":
        got = login(world, cell.role)
    else:
        got = world.attempt(cell.role, OPERATIONS[cell.request])
    assert got == cell.outcome


def test_the_table_has_a_row_for_each_operation_that_there_is(untouched: World) -> None:
    check_complete(SECTION, ["login", *OPERATIONS])
    check_complete(SECTION, untouched.office.application.operations)


def _subcode(text: str) -> str:
    found = etree.fromstring(text.encode()).xpath("//*[local-name()='Subcode']/*/text()")
    return str(found[0]).partition(":")[2]
