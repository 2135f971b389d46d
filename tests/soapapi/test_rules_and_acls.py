"""Presence rules and ACLs by SOAP beyond the print: Q38 to Q41, Q45 to Q48, wrong types, limits."""

from __future__ import annotations

import threading

import pytest
from lxml import etree

from presence.policy.cisco import CiscoRule
from presence.policy.decide import DefaultHandling
from presence.provisioning.news import PRIVACY_LOCAL
from presence.provisioning.rule_set import MOST_RULES
from presence.storage.database import Database
from soapapi.names import EPAS, RULES
from tests.soapapi.asking import KAI, Office, Reply, envelope

INVALID = "Invalid Policy name"
EXCLUDED = "<pr:filter><pr:excludedsource>cupc</pr:excludedsource></pr:filter>"


def rule(name: str, inside: str = "<visibility>all</visibility>") -> str:
    return f'<presence-rule name="{name}"><rule>{inside}</rule></presence-rule>'


def set_rules(office: Office, *rules: str) -> Reply:
    return office.ask(f"<set-presence-rules>{''.join(rules)}</set-presence-rules>")


def acl(office: Office, operation: str, name: str, *watchers: str) -> Reply:
    inside = "".join(f"<watcher>{it}</watcher>" for it in watchers)
    return office.ask(f'<{operation}><rule name="{name}">{inside}</rule></{operation}>')


def listed(office: Office, name: str) -> list[str]:
    reply = office.ask(f'<get-acl><rule name="{name}"/></get-acl>')
    return reply.element.xpath("*/*/text()")


class TestRules:
    def test_selectors_choose_parts_r85(self, office: Office) -> None:
        set_rules(office, rule("x", f"<visibility>reachability-only</visibility>{EXCLUDED}"))

        def parts(inside: str) -> list[str]:
            reply = office.ask(f"<get-presence-rules>{inside}</get-presence-rules>")
            return [etree.QName(it).localname for it in reply.element[0][0]]

        assert parts("") == ["visibility", "reachability", "filter"]
        assert parts("<visibility/>") == ["visibility"]
        assert parts("<filter/><visibility/>") == ["visibility", "filter"]
        assert parts("<pr:reachability/>") == ["reachability"]

    def test_children_may_come_in_any_order_and_any_namespace_q38_q40(self, office: Office) -> None:
        plain = '<visibility xmlns="">reachability-only</visibility>'
        inside = f"<pr:reachability/>{EXCLUDED.replace('pr:', '')}{plain}"
        assert set_rules(office, rule("x", inside)).texts() == ["succeeded"]
        (stored,) = office.services.presence_rules.rules(KAI)
        assert stored == CiscoRule("x", "reachability-only", ("cupc",))
        body = office.ask("<get-presence-rules/>").element[0][0]
        assert [it.tag for it in body] == [
            f"{{{EPAS}}}visibility",
            f"{{{RULES}}}reachability",
            f"{{{RULES}}}filter",
        ]

    @pytest.mark.parametrize(
        "inside",
        [
            "<visibility>none</visibility>",
            "<visibility>all</visibility><visibility>all</visibility>",
            "<pr:filter><pr:excludedsource/></pr:filter>",
            "<pr:filter><pr:source>cupc</pr:source></pr:filter>",
            '<pr:reachability><pr:cond><pr:when reachability-status="away"/></pr:cond></pr:reachability>',
            "<pr:reachability><pr:cond><pr:epas-reachability/></pr:cond></pr:reachability>",
            "<pr:reachability>away<pr:what/></pr:reachability>",
            "<what/>",
        ],
    )
    def test_what_is_no_such_rule_fails_alone_q41(self, office: Office, inside: str) -> None:
        reply = set_rules(office, rule("a"), rule("bad", inside), rule("b"))
        assert reply.items() == [
            ({"name": "a"}, "succeeded"),
            ({"name": "bad"}, "failed"),
            ({"name": "b"}, "succeeded"),
        ]
        assert [it.name for it in office.services.presence_rules.rules(KAI)] == ["a", "b"]

    def test_a_rule_that_fails_leaves_the_one_of_its_name_as_it_was(self, office: Office) -> None:
        set_rules(office, rule("x", EXCLUDED))
        before = office.services.presence_rules.rules(KAI)
        office.news()
        assert set_rules(office, rule("x", "<visibility>none</visibility>")).texts() == ["failed"]
        assert (office.services.presence_rules.rules(KAI), office.news()) == (before, [])

    def test_a_rule_needs_a_name(self, office: Office) -> None:
        reply = set_rules(office, "<presence-rule><rule/></presence-rule>", rule(" "), rule("x"))
        assert reply.items() == [({}, "failed"), ({"name": " "}, "failed"), ({"name": "x"}, "succeeded")]
        gone = office.ask("<delete-presence-rules><rule/></delete-presence-rules>")
        assert gone.items() == [({}, INVALID)]

    def test_nothing_at_all_is_not_taken_for_a_rule_that_shows_everything_r88(self, office: Office) -> None:
        listed_only = '<presence-rule name="v"><acl>sip:soapuser1@cisco.com</acl></presence-rule>'
        reply = set_rules(office, '<presence-rule name="w"/>', listed_only, rule("x", ""))
        assert reply.items() == [
            ({"name": "w"}, "failed"),
            ({"name": "v"}, "failed"),
            ({"name": "x"}, "succeeded"),
        ]
        assert office.services.presence_rules.rules(KAI) == [CiscoRule("x")]

    def test_the_same_rule_twice_is_the_last_one(self, office: Office) -> None:
        reply = set_rules(office, rule("x", EXCLUDED), rule("x"))
        assert reply.texts() == ["succeeded", "succeeded"]
        assert office.services.presence_rules.rules(KAI) == [CiscoRule("x")]

    def test_one_rule_too_many_fails(self, office: Office) -> None:
        reply = set_rules(
            office, *(rule(f"rule {number}") for number in range(MOST_RULES + 1)), rule("rule 0")
        )
        assert reply.texts() == ["succeeded"] * MOST_RULES + ["failed", "succeeded"]

    def test_a_condition_deeper_than_anything_is_refused_whole(self, office: Office) -> None:
        status = '<pr:epas-status source="s" status="away"/>'
        deep = "<pr:not>" * 300 + status + "</pr:not>" * 300
        when = f'<pr:when reachability-status="away">{deep}</pr:when>'
        inside = f"<pr:reachability><pr:cond>{when}</pr:cond></pr:reachability>"
        reply = set_rules(office, rule("fine"), rule("deep", inside))
        assert reply.fault == "Sender Invalid request. NotWellFormed"
        assert office.services.presence_rules.rules(KAI) == []


class TestWithoutRules:
    """What get-all-config says of a user who has none (R87, Q39, Q45)."""

    def section(self, office: Office) -> list[tuple[str, str]]:
        (section,) = office.ask("<get-all-config><presence-rules/></get-all-config>").element
        return [(etree.QName(it).localname, it.text or "") for it in section]

    def test_everybody_is_allowed(self, office: Office) -> None:
        assert self.section(office) == [
            ("visibility", "all"),
            ("reachability", ""),
            ("privacy-policy", "Allow All"),
            ("acl", ""),
        ]

    @pytest.mark.parametrize(
        ("policy", "told"), [("allow", "Allow All"), ("confirm", "confirm"), ("block", "block")]
    )
    def test_another_default_policy_is_told_by_its_word(self, office: Office, policy: str, told: str) -> None:
        office.services.configuration.set({PRIVACY_LOCAL: policy})
        assert dict(self.section(office))["privacy-policy"] == told

    def test_where_no_property_says_the_default_policy_the_setting_does(self, database: Database) -> None:
        office = Office(database, defaults=DefaultHandling("polite-block", "block"))
        assert dict(self.section(office))["privacy-policy"] == "polite-block"
        office.services.configuration.set({PRIVACY_LOCAL: "allow"})
        assert dict(self.section(office))["privacy-policy"] == "Allow All"
        office.services.configuration.reset(PRIVACY_LOCAL)
        assert dict(self.section(office))["privacy-policy"] == "polite-block"


class TestAcls:
    @pytest.fixture(autouse=True)
    def _rule(self, office: Office) -> None:
        set_rules(office, rule("x"))

    def test_a_new_rule_is_about_nobody_q45(self, office: Office) -> None:
        assert listed(office, "x") == []

    def test_adding_fails_for_unknown_users_only_q46(self, office: Office) -> None:
        reply = acl(office, "add-acl", "x", "soapuser1", "soapuser1", "nobody", "", "soapuser2@cisco.com")
        assert reply.items("epas:rule/epas:status") == [
            ({"watcher": "soapuser1"}, "succeeded"),
            ({"watcher": "soapuser1"}, "succeeded"),
            ({"watcher": "nobody"}, "failed"),
            ({"watcher": ""}, "failed"),
            ({"watcher": "soapuser2@cisco.com"}, "succeeded"),
        ]
        assert listed(office, "x") == ["sip:soapuser1@cisco.com", "sip:soapuser2@cisco.com"]

    def test_deleting_fails_for_who_is_not_listed_q46(self, office: Office) -> None:
        acl(office, "add-acl", "x", "soapuser1")
        reply = acl(office, "delete-acl", "x", "sip:soapuser1@cisco.com", "soapuser1", "nobody")
        assert reply.texts("epas:rule/epas:status") == ["succeeded", "failed", "failed"]
        assert listed(office, "x") == []

    def test_watchers_of_other_domains_are_taken_r95(self, office: Office) -> None:
        acl(office, "add-acl", "x", "eve@example.org")
        assert listed(office, "x") == ["sip:eve@example.org"]

    @pytest.mark.parametrize("operation", ["add-acl", "delete-acl"])
    def test_an_unknown_rule_is_told_as_get_acl_does_q47(self, office: Office, operation: str) -> None:
        reply = office.ask(
            f'<{operation}><rule name="no"><watcher>soapuser1</watcher></rule>'
            "<rule><watcher>g</watcher></rule>"
            f'<rule name="x"><watcher>soapuser1</watcher></rule></{operation}>'
        )
        assert reply.items("epas:rule")[:2] == [({"name": "no"}, INVALID), ({}, INVALID)]
        assert len(reply.element[2]) == 1

    def test_a_rule_that_is_set_again_keeps_its_watchers_q48(self, office: Office) -> None:
        acl(office, "add-acl", "x", "soapuser1")
        set_rules(office, rule("x", EXCLUDED))
        assert listed(office, "x") == ["sip:soapuser1@cisco.com"]

    def test_a_rule_goes_with_its_watchers_and_both_are_told_q48(self, office: Office) -> None:
        acl(office, "add-acl", "x", "soapuser1", "soapuser2")
        office.news()
        gone = office.ask('<delete-presence-rules><rule name="x"/></delete-presence-rules>')
        assert gone.texts() == ["succeeded"]
        told = [topic for topic, _, _ in office.news() if topic != "policy.changed"]
        assert told == ["acl.deleted", "acl.deleted", "rule.deleted"]
        set_rules(office, rule("x"))
        assert listed(office, "x") == []

    def test_several_rules_are_one_request_in_order(self, office: Office) -> None:
        set_rules(office, rule("y"))
        reply = office.ask(
            '<add-acl><rule name="y"><watcher>soapuser1</watcher></rule>'
            '<rule name="x"><watcher>nobody</watcher><watcher>soapuser2</watcher></rule></add-acl>'
        )
        assert [(it.get("name"), [st.text for st in it]) for it in reply.element] == [
            ("y", ["succeeded"]),
            ("x", ["failed", "succeeded"]),
        ]

    def test_what_is_said_of_watchers_in_a_rule_does_not_count_q48(self, office: Office) -> None:
        set_rules(office, rule("x", "<acl>sip:soapuser1@cisco.com</acl>"))
        assert listed(office, "x") == []

    def test_no_rule_asked_for_is_none_told(self, office: Office) -> None:
        for operation in ("get-acl", "add-acl", "delete-acl", "set-presence-rules", "delete-presence-rules"):
            reply = office.ask(f"<{operation}/>")
            assert (reply.status, len(reply.element)) == (200, 0)

    def test_two_clients_at_once_lose_nothing_of_each_other(self, office: Office) -> None:
        office.open("kai", "shared")

        def client(who: str) -> None:
            for number in range(10):
                body = (
                    f'<add-acl><rule name="x"><watcher>{who}{number}@example.org</watcher></rule></add-acl>'
                )
                office.post(envelope(body, "shared"))

        threads = [threading.Thread(target=client, args=(who,)) for who in "ab"]
        for it in threads:
            it.start()
        for it in threads:
            it.join(60)
        assert len(set(listed(office, "x"))) == 20
