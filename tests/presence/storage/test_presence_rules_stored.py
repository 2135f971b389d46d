"""Presence rules and ACLs as users set them (SPEC R84 to R95, Q41, Q45 to Q48), and the news of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from presence.policy.book import PolicyBook
from presence.policy.cisco import CONTENT_TYPE, CiscoRule, read_presence_rule
from presence.policy.decide import decide
from presence.policy.model import Watcher
from presence.policy.stored import CISCO, PolicyDocument
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.policies import PolicyService
from presence.provisioning.presence_rules import PresenceRulesService, Status
from presence.provisioning.rule_set import MOST_RULES
from presence.storage.database import Database
from presence.storage.policies import SqlPolicyRepository
from presence.storage.presence_rules import SqlPresenceRulesRepository
from presence.storage.rows import read_changes
from tests.presence.policy.documents import ruleset
from tests.presence.storage.provisioned import ALICE, BOB, CAROL, add_users, news

DONE, FAILED, NO_RULE = Status.DONE, Status.FAILED, Status.NO_RULE
EVE = "sip:eve@example.org"
PLAIN = (
    '<epas:presence-rule xmlns:epas="urn:cisco:epas:soap" xmlns:pr="urn:cisco:epas:presence:rules" name="x">'
    "<epas:rule><epas:visibility>all</epas:visibility><pr:reachability/><pr:filter/></epas:rule>"
    "</epas:presence-rule>"
)
NARROW = PLAIN.replace(">all<", ">reachability-only<")
POLICY = ("policy.changed", ALICE, {"source": "cisco", "name": "x"})


@pytest.fixture
def rules(database: Database) -> PresenceRulesService:
    add_users(database)
    return PresenceRulesService(
        SqlPresenceRulesRepository(database), ["example.com", "example.net"], clock=lambda: 1000.5
    )


def entry(watcher: str, rule: str = "x") -> dict[str, object]:
    return {"rule": rule, "watcher": watcher}


def statuses(outcomes) -> list[Status]:
    return [it.status for it in outcomes]


# -- rules


def test_the_printed_rules_are_set_and_read_back(rules: PresenceRulesService, shared: Path) -> None:
    request = shared / "reference/cup/soap/reconstructed/43-set-presence-rules.request.xml"
    elements = etree.parse(str(request)).iter("{urn:cisco:epas:soap}presence-rule")
    given = [read_presence_rule(it) for it in elements]
    assert [it.name for it in given] == ["noACL_rule", "test rule"]
    assert statuses(rules.set("alice@example.com", given)) == [DONE, DONE]
    assert rules.rules(ALICE) == given
    assert statuses(rules.delete(ALICE, ["noACL_rule", "noexistentRule"])) == [DONE, NO_RULE]
    assert [it.name for it in rules.rules(ALICE)] == ["test rule"]


def test_a_rule_of_the_same_name_is_replaced_and_keeps_its_acl_q48(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    rules.add_watchers(ALICE, "x", ["bob"])
    rules.set(ALICE, [CiscoRule("x", "reachability-only", ("cupc",), acl=(EVE,))])
    assert rules.rules(ALICE) == [CiscoRule("x", "reachability-only", ("cupc",), acl=(BOB,))]


def test_a_new_rule_has_an_empty_acl_and_matches_nobody_q45(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule("x", acl=(BOB,))])
    assert rules.acl(ALICE, ["x"]) == [()]


def test_another_visibility_fails_alone_q41(rules: PresenceRulesService, database: Database) -> None:
    bad = CiscoRule("bad", "none")  # type: ignore[arg-type]
    outcomes = rules.set(ALICE, [CiscoRule("a"), bad, CiscoRule("b")])
    assert statuses(outcomes) == [DONE, FAILED, DONE]
    assert outcomes[1].why.startswith(
        "presence rule: visibility: must be all or reachability-only, not 'none'"
    )
    assert [it.name for it in rules.rules(ALICE)] == ["a", "b"]
    assert [topic for topic, _, _ in news(database)] == ["rule.added"] * 2 + ["policy.changed"] * 2


@pytest.mark.parametrize("name", ["", "  ", "n" * 256, "a\x00b", "a\ufffeb"])
def test_what_is_no_name_is_refused(rules: PresenceRulesService, name: str) -> None:
    assert statuses(rules.set(ALICE, [CiscoRule(name)])) == [FAILED]
    assert rules.rules(ALICE) == []


def test_a_rule_that_could_not_be_read_again_is_refused(rules: PresenceRulesService) -> None:
    large = CiscoRule("x", excluded=tuple(f"source {number}" for number in range(3000)))
    assert statuses(rules.set(ALICE, [large, CiscoRule("y", excluded=("a\x00",))])) == [FAILED, FAILED]
    assert rules.rules(ALICE) == []


def test_blanks_in_names_do_not_count(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule(" my  rule ")])
    rules.add_watchers(ALICE, "my rule", ["bob"])
    assert rules.acl(ALICE, ["my   rule"]) == [(BOB,)]
    assert statuses(rules.delete(ALICE, ["  my rule"])) == [DONE]


def test_a_user_has_so_many_rules_and_no_more(rules: PresenceRulesService) -> None:
    outcomes = rules.set(ALICE, [CiscoRule(f"r{number:03}") for number in range(MOST_RULES + 1)])
    assert statuses(outcomes) == [DONE] * MOST_RULES + [FAILED]
    assert statuses(rules.set(ALICE, [CiscoRule("r000", "reachability-only")])) == [DONE]


def test_setting_and_deleting_a_rule_announce_it_with_its_data(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    rules.set(ALICE, [CiscoRule("x", "reachability-only")])
    rules.delete(ALICE, ["x"])
    plain, narrow = {"name": "x", "data": PLAIN}, {"name": "x", "data": NARROW}
    assert news(database) == [
        ("rule.added", ALICE, {"new": plain}),
        POLICY,
        ("rule.changed", ALICE, {"old": plain, "new": narrow}),
        POLICY,
        ("rule.deleted", ALICE, {"old": narrow}),
        POLICY,
    ]


def test_a_rule_that_is_set_to_what_it_is_announces_nothing(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    rules.add_watchers(ALICE, "x", ["bob"])
    before = news(database)
    assert statuses(rules.set(ALICE, [CiscoRule("x")])) == [DONE]
    assert statuses(rules.add_watchers(ALICE, "x", ["bob"]) or ()) == [DONE]
    assert news(database) == before


def test_deleting_a_rule_announces_its_acl_first_and_the_data_has_no_acl_q48(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    rules.add_watchers(ALICE, "x", ["bob", EVE])
    before = len(news(database))
    rules.delete(ALICE, ["x"])
    assert news(database)[before:] == [
        ("acl.deleted", ALICE, {"old": entry(BOB)}),
        ("acl.deleted", ALICE, {"old": entry(EVE)}),
        ("rule.deleted", ALICE, {"old": {"name": "x", "data": PLAIN}}),
        POLICY,
    ]


def test_items_of_one_request_see_each_other(rules: PresenceRulesService, database: Database) -> None:
    assert statuses(rules.set(ALICE, [CiscoRule("x"), CiscoRule("x", "reachability-only")])) == [DONE, DONE]
    assert statuses(rules.delete(ALICE, ["x", "x"])) == [DONE, NO_RULE]
    topics = [topic for topic, _, _ in news(database)]
    assert topics == ["rule.added", "rule.changed", "policy.changed", "rule.deleted", "policy.changed"]


# -- ACLs


def test_the_printed_acl_calls_have_the_printed_outcomes(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule("test rules!")])
    outcomes = rules.add_watchers(ALICE, "test rules!", ["bob", "carol", "g", "j"])
    assert statuses(outcomes or ()) == [DONE, DONE, FAILED, FAILED]
    assert rules.acl(ALICE, ["test rules!", "non-existing acl343258"]) == [(BOB, CAROL), None]
    outcomes = rules.delete_watchers(ALICE, "test rules!", ["bob", "alice"])
    assert statuses(outcomes or ()) == [DONE, FAILED]
    assert rules.acl(ALICE, ["test rules!"]) == [(CAROL,)]


def test_a_watcher_may_be_written_in_each_of_its_spellings_r95(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    spellings = ["bob", "b", "bob@Example.com", "sip:bob@example.com;transport=tcp", " sips:bob@example.com"]
    assert statuses(rules.add_watchers(ALICE, "x", spellings) or ()) == [DONE] * 5
    assert rules.acl(ALICE, ["x"]) == [(BOB,)]
    assert statuses(rules.delete_watchers(ALICE, "x", ["b@example.com"]) or ()) == [DONE]
    assert rules.acl(ALICE, ["x"]) == [()]


def test_who_is_on_the_list_already_succeeds_and_only_unknown_users_fail_q46(
    rules: PresenceRulesService,
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    watchers = ["bob", "bob", "alice", EVE, "nobody@example.net", "g", "<>"]
    outcomes = rules.add_watchers(ALICE, "x", watchers)
    assert statuses(outcomes or ()) == [DONE] * 4 + [FAILED] * 3
    assert [it.why for it in (outcomes or ())[4:]] == [
        "there is no user nobody@example.net",
        "there is no user g@example.com",
        "there is no user <>",
    ]
    assert rules.acl(ALICE, ["x"]) == [(BOB, ALICE, EVE)]


def test_an_unknown_rule_is_said_so_for_the_whole_rule_q47(
    rules: PresenceRulesService, database: Database
) -> None:
    assert rules.add_watchers(ALICE, "x", ["bob"]) is None
    assert rules.delete_watchers(ALICE, "x", ["bob"]) is None
    assert rules.replace_watcher(ALICE, "x", "bob", "carol") is None
    assert news(database) == []


def test_acl_changes_are_announced_one_by_one_and_the_policy_once(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    before = len(news(database))
    rules.add_watchers(ALICE, "x", ["bob", "g", EVE])
    rules.replace_watcher(ALICE, "x", "bob", "carol")
    rules.delete_watchers(ALICE, "x", [EVE, "bob"])
    assert news(database)[before:] == [
        ("acl.added", ALICE, {"new": entry(BOB)}),
        ("acl.added", ALICE, {"new": entry(EVE)}),
        POLICY,
        ("acl.changed", ALICE, {"old": entry(BOB), "new": entry(CAROL)}),
        POLICY,
        ("acl.deleted", ALICE, {"old": entry(EVE)}),
        POLICY,
    ]
    assert rules.acl(ALICE, ["x"]) == [(CAROL,)]


def test_several_rules_are_changed_in_one_transaction(rules: PresenceRulesService) -> None:
    rules.set(ALICE, [CiscoRule("x"), CiscoRule("y")])
    added = rules.add_to_acls(ALICE, [("x", ["bob"]), ("z", ["bob"]), ("y", ["g", "carol"])])
    assert [None if it is None else statuses(it) for it in added] == [[DONE], None, [FAILED, DONE]]
    deleted = rules.delete_from_acls(ALICE, [("y", ["carol"]), ("z", []), ("x", ["carol"])])
    assert [None if it is None else statuses(it) for it in deleted] == [[DONE], None, [FAILED]]
    assert rules.acl(ALICE, ["x", "y"]) == [(BOB,), ()]


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("carol", "alice", "carol@example.com is not on the ACL of rule 'x'"),
        ("bob", "nobody", "there is no user nobody@example.com"),
        ("bob", EVE, "eve@example.org is on the ACL of rule 'x' already"),
    ],
)
def test_what_cannot_be_replaced_stays(rules: PresenceRulesService, old: str, new: str, why: str) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    rules.add_watchers(ALICE, "x", ["bob", EVE])
    assert rules.replace_watcher(ALICE, "x", old, new) == (FAILED, why)
    assert rules.acl(ALICE, ["x"]) == [(BOB, EVE)]


def test_an_acl_grows_until_it_could_not_be_read_again(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set(ALICE, [CiscoRule("x")])
    watchers = [f"sip:watcher{number}@example.org" for number in range(2000)]
    outcomes = rules.add_watchers(ALICE, "x", watchers) or ()
    full = statuses(outcomes).index(FAILED)
    assert outcomes[full].why == "the ACL of rule 'x' is full"
    assert 1000 < full < 2000
    (acl,) = rules.acl(ALICE, ["x"])
    assert acl == tuple(watchers[:full])
    # The longer address has no room, a shorter one in its place has.
    assert rules.replace_watcher(ALICE, "x", watchers[0], "bob") == (DONE, "")
    with database.snapshot() as snapshot:
        (document,) = snapshot.policies()
    assert 65536 - 200 < len(document.document) <= 65536


# -- what is kept, and by whom it is read


def test_a_running_server_follows(rules: PresenceRulesService, database: Database) -> None:
    book = PolicyBook()
    rules.set(ALICE, [CiscoRule("x", "reachability-only")])
    rules.add_watchers(ALICE, "x", ["bob"])
    with database.reading() as connection:
        book.apply(read_changes(connection, 0, 100))

    def names_bob() -> bool:
        decision = decide(book.rules_of(ALICE), Watcher(BOB, True), ALICE, 0.0, None, "block")
        return decision.handling == "allow"

    assert names_bob()
    rules.delete_watchers(ALICE, "x", ["bob"])
    with database.reading() as connection:
        book.apply(read_changes(connection, 0, 100))
    assert not names_bob()


def test_the_rules_of_operators_are_left_alone(rules: PresenceRulesService, database: Database) -> None:
    operators = PolicyService(SqlPolicyRepository(database))
    operators.set("alice@example.com", ruleset(), name="x")
    rules.set(ALICE, [CiscoRule("x")])
    rules.delete(ALICE, ["x"])
    assert [(it.source, it.name) for it in operators.list()] == [("rules", "x")]
    assert rules.rules(ALICE) == []


def test_a_document_that_cannot_be_read_is_not_listed_and_can_be_replaced_and_deleted(
    rules: PresenceRulesService, database: Database
) -> None:
    repository = SqlPolicyRepository(database)
    broken = PolicyDocument(ALICE, CISCO, "x", CONTENT_TYPE, b"<broken/>")
    repository.put(broken)
    assert (rules.rules(ALICE), rules.acl(ALICE, ["x"])) == ([], [None])
    assert statuses(rules.set(ALICE, [CiscoRule("x")])) == [DONE]
    assert rules.rules(ALICE) == [CiscoRule("x")]
    repository.put(broken)
    assert statuses(rules.delete(ALICE, ["x"])) == [DONE]
    told = [it for it in news(database) if it[0].startswith("rule.")]
    plain, old = {"name": "x", "data": PLAIN}, {"name": "x", "data": "<broken/>"}
    assert told == [
        ("rule.changed", ALICE, {"old": old, "new": plain}),
        ("rule.deleted", ALICE, {"old": old}),
    ]


def test_the_owner_may_be_named_by_an_alias_and_must_be_a_user(
    rules: PresenceRulesService, database: Database
) -> None:
    rules.set("a@example.com", [CiscoRule("x")])
    assert rules.rules("a@example.com") == rules.rules(ALICE) == [CiscoRule("x")]
    assert {key for _, key, _ in news(database)} == {ALICE}
    for refused in (
        lambda: rules.rules(EVE),
        lambda: rules.set(EVE, []),
        lambda: rules.delete(EVE, []),
        lambda: rules.acl(EVE, []),
        lambda: rules.add_watchers(EVE, "x", []),
    ):
        with pytest.raises(ProvisioningError, match=r"^there is no user eve@example.org$"):
            refused()
