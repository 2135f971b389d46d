"""Which news every operation makes, for the change notifier and for a running server (SPEC R96)."""

from __future__ import annotations

import pytest

from tests.soapapi.asking import KAI, Office

PIDF = (
    '<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:kai@cisco.com">'
    '<tuple id="t"><status><basic>closed</basic></status></tuple></presence>'
)
BEFORE = (
    '<add-group><group name="a"/></add-group>',
    '<add-contact><group name="a"><persona-id>soapuser1</persona-id></group></add-contact>',
    '<set-presence-rules><presence-rule name="r"><rule/></presence-rule></set-presence-rules>',
    '<add-acl><rule name="r"><watcher>soapuser1</watcher></rule></add-acl>',
    '<set-user-config><property name="p">1</property></set-user-config>',
    f"<publish-pres-status>{PIDF}</publish-pres-status>",
)
"""What there is before each request."""

TOLD = [
    ('<add-group><group name="b"/></add-group>', ["contacts.group-added"]),
    ('<modify-group><group old-name="a" index="9"/></modify-group>', ["contacts.group-changed"]),
    ('<delete-group><group name="a"/></delete-group>', ["contacts.deleted", "contacts.group-deleted"]),
    (
        '<add-contact><group name="a"><persona-id>soapuser2</persona-id></group></add-contact>',
        ["contacts.added"],
    ),
    (
        '<modify-contact><group name="a"><persona-id nickname="x">soapuser1</persona-id></group>'
        "</modify-contact>",
        ["contacts.changed"],
    ),
    (
        '<delete-contact><group name="a"><persona-id>soapuser1</persona-id></group></delete-contact>',
        ["contacts.deleted"],
    ),
    (
        '<set-presence-rules><presence-rule name="s"><rule/></presence-rule></set-presence-rules>',
        ["policy.changed", "rule.added"],
    ),
    (
        '<set-presence-rules><presence-rule name="r"><visibility>reachability-only</visibility>'
        "</presence-rule></set-presence-rules>",
        ["policy.changed", "rule.changed"],
    ),
    (
        '<delete-presence-rules><rule name="r"/></delete-presence-rules>',
        ["acl.deleted", "policy.changed", "rule.deleted"],
    ),
    (
        '<add-acl><rule name="r"><watcher>soapuser2</watcher></rule></add-acl>',
        ["acl.added", "policy.changed"],
    ),
    (
        '<delete-acl><rule name="r"><watcher>soapuser1</watcher></rule></delete-acl>',
        ["acl.deleted", "policy.changed"],
    ),
    ('<set-user-config><property name="q">1</property></set-user-config>', ["setting.added"]),
    ('<set-user-config><property name="p">2</property></set-user-config>', ["setting.changed"]),
    ("<set-calendaring>true</set-calendaring>", ["config.user"]),
    (f"<publish-pres-status>{PIDF.replace('closed', 'open')}</publish-pres-status>", ["standing.changed"]),
    ("<unpublish-pres-status/>", ["standing.changed"]),
]
SILENT = [
    *(body for body in BEFORE[:-1]),
    "<set-calendaring>false</set-calendaring>",
    "<add-recent-comm><timestamp>2006-03-24</timestamp><type>1</type><data/></add-recent-comm>",
    "<get-all-config/>",
    "<get-recent-comm/>",
    "<get-presence-rules/>",
    '<get-acl><rule name="r"/></get-acl>',
    "<get-calendaring/>",
]


@pytest.fixture
def settled(office: Office) -> Office:
    for body in BEFORE:
        assert office.ask(body).status == 200
    office.news()
    return office


@pytest.mark.parametrize(("body", "topics"), TOLD)
def test_a_change_is_told_under_its_owner(settled: Office, body: str, topics: list[str]) -> None:
    settled.ask(body)
    news = settled.news()
    assert sorted(topic for topic, _, _ in news) == topics
    assert {key for _, key, _ in news} == {KAI}


@pytest.mark.parametrize("body", SILENT)
def test_what_changes_nothing_is_not_told(settled: Office, body: str) -> None:
    assert settled.ask(body).status == 200
    assert settled.news() == []
