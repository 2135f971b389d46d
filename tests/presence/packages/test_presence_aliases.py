"""Rules speak of watchers by any of their names (RFC 4745 §7.1), also by such as come and go meanwhile."""

from __future__ import annotations

import pytest

from presence.directory import USER_CHANGED, Change, Credentials, User
from presence.policy import cisco
from presence.policy.stored import CISCO, POLICY_CHANGED, PolicyDocument
from tests.presence.house import PASSWORD, House
from tests.presence.watchers import ALICE, BOB, CAROL, Watcher, pidf, rule, set_rules, watch
from tests.sip.usage.fakes import WALL

BOBBY = "sip:bobby@sip.test"
ELSEWHERE = "sip:bob@other.test"
EVERYBODY_BUT = (
    '<cr:rule id="most"><cr:conditions><cr:identity><cr:many>{}</cr:many></cr:identity></cr:conditions>'
    "<cr:actions><sub-handling>allow</sub-handling></cr:actions></cr:rule>"
)


def names(house: House, *aliases: str) -> None:
    """The outbox tells that Bob has these aliases."""
    bob = User(BOB, "Bob", WALL, Credentials.of(BOB, PASSWORD), aliases)
    house.parts.apply([Change(1, WALL, USER_CHANGED, BOB, {}, bob)])
    house.settle()


@pytest.fixture
def house() -> House:
    house = House(default_policy_foreign="allow")
    house.publish(ALICE, pidf())
    return house


@pytest.mark.parametrize("who", [BOB, BOBBY], ids=["by his own name", "by the alias"])
class TestAnAlias:
    def test_a_rule_that_blocks_it_blocks_him(self, house: House, who: str) -> None:
        names(house, BOBBY)
        set_rules(house, rule("foe", BOBBY, "block"))
        assert Watcher(house, who).subscribe().status == 403

    @pytest.mark.parametrize(
        "exception",
        [f'<cr:except id="{BOBBY}"/>', f'<cr:except id="{ELSEWHERE}"/>', '<cr:except domain="other.test"/>'],
        ids=["id", "id of another domain", "domain"],
    )
    def test_who_is_excepted_by_it_is_not_one_of_many(self, who: str, exception: str) -> None:
        house = House(default_policy_local="block")
        names(house, BOBBY, ELSEWHERE)
        set_rules(house, EVERYBODY_BUT.format(exception))
        assert Watcher(house, who).subscribe().status == 403
        assert Watcher(house, CAROL).subscribe().status == 200

    def test_its_domain_is_his(self, house: House, who: str) -> None:
        names(house, BOBBY, ELSEWHERE)
        many = EVERYBODY_BUT.format("").replace("<cr:many>", '<cr:many domain="other.test">')
        set_rules(house, many, rule("nobody else", "sip:x@sip.test", "allow"))
        assert "everybody of other.test" in why(house, who)

    def test_an_acl_of_cisco_may_name_it(self, house: House, who: str) -> None:
        names(house, BOBBY)
        reach = cisco.render_cisco_rule(cisco.CiscoRule("some", "reachability-only", acl=(BOBBY,)))
        document = PolicyDocument(ALICE, CISCO, "some", cisco.CONTENT_TYPE, reach)
        house.parts.apply([Change(1, WALL, POLICY_CHANGED, ALICE, {}, current=(document,))])
        assert b'<tuple id="reachability">' in watch(house, who).notifies[0].body


def why(house: House, who: str) -> str:
    return "; ".join(verdict.why for verdict in house.parts.policy.decision(who, ALICE).verdicts)


def test_an_alias_that_comes_ends_what_a_rule_about_it_forbids(house: House) -> None:
    set_rules(house, rule("foe", BOBBY, "block"))
    bob, carol = watch(house), watch(house, CAROL)
    names(house, BOBBY)
    assert [notify.get("Subscription-State") for notify in bob.news()] == ["terminated;reason=rejected"]
    assert carol.news() == []


def test_an_alias_that_goes_takes_along_what_a_rule_about_it_permits(house: House) -> None:
    set_rules(house, rule("friend", BOBBY, "allow"), EVERYBODY_BUT.format("").replace("allow", "confirm"))
    names(house, BOBBY)
    bob = watch(house)
    assert bob.state == "active"
    names(house)
    bob.news()
    assert bob.state == "pending"


def test_who_watches_under_a_name_that_becomes_an_alias_is_judged_as_its_owner(house: House) -> None:
    set_rules(house, rule("foe", BOB, "block"))
    stranger = watch(house, ELSEWHERE)
    names(house, ELSEWHERE)
    stranger.news()
    assert stranger.state == "terminated;reason=rejected"


def test_an_alias_that_no_rule_mentions_touches_nobody(house: House) -> None:
    set_rules(house, rule("friend", CAROL, "allow"))
    bob = watch(house)
    names(house, BOBBY)
    assert bob.news() == []
