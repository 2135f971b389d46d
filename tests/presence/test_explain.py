"""Why does he see that?  Explanations of the whole server, step by step."""

from __future__ import annotations

import json

import pytest

from presence.composition.model import mark_of
from presence.directory import Change
from presence.explain import Explanation, HeldShown, SubscriptionShown
from presence.policy import cisco
from presence.policy.stored import CISCO, POLICY_CHANGED, PolicyDocument
from presence.provisioning.errors import ProvisioningError
from sip.usage.notifier.fanout import AT_ONCE
from tests.presence.house import House
from tests.presence.lists.list_phones import Phone as ListPhone
from tests.presence.lists.list_phones import contacts, subscribed
from tests.presence.packages.presence_filters import WHEN_OPEN
from tests.presence.watchers import (
    ALICE,
    BOB,
    CAROL,
    PARTIAL,
    SERVICES_ALONE,
    Watcher,
    pidf,
    rule,
    set_rules,
    watch,
)
from tests.sip.usage.fakes import WALL

CONTACTS_OF_BOB = "sip:bob+contacts@sip.test"
FILTER = b"""<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="presence">
<filter id="f1"><what><include>/presence/tuple/status/basic</include></what></filter></filter-set>"""


@pytest.fixture
def house() -> House:
    house = House(registration_is_open=True)
    house.publish(ALICE, pidf("open", "hello", "happy"))
    house.after(10)
    return house


def why(house: House, watcher: str = BOB) -> Explanation:
    return house.parts.explain(watcher, ALICE)


def set_cisco_rule(house: House, document: bytes) -> None:
    stored = PolicyDocument(ALICE, CISCO, "r", cisco.CONTENT_TYPE, document)
    house.parts.apply([Change(1, WALL, POLICY_CHANGED, ALICE, {}, current=(stored,))])
    house.settle()


def test_the_components_come_with_source_priority_age_and_expiry(house: House) -> None:
    (component,) = why(house).components
    assert (component.kind, component.source, component.priority) == ("publication", "presence", 0.0)
    assert (component.age, component.expires_in) == (10.0, 590.0)
    assert component.tells == "1 tuple, 1 person"


def test_a_registration_is_a_component_without_an_end(house: House) -> None:
    house.register(CAROL, house.network.at("192.0.2.7", 5999), "<sip:carol@192.0.2.7:5999>")
    (component,) = house.parts.explain(BOB, CAROL).components
    assert (component.kind, component.age, component.expires_in) == ("registration", None, None)


def test_the_composed_document_is_there_before_anything_is_taken_away(house: House) -> None:
    set_rules(house, rule("foe", BOB, "polite-block"))
    explanation = why(house)
    assert "happy" in explanation.composed
    assert explanation.document is not None
    assert "happy" not in explanation.document


def test_each_rule_tells_whether_it_matched_and_why(house: House) -> None:
    set_rules(house, rule("hers", CAROL, "allow"), rule("his", BOB, "allow"))
    explanation = why(house)
    assert explanation.handling == "allow"
    assert [(it.rule, it.matched, it.why) for it in explanation.rules] == [
        ("rules/hers", False, "identity: watcher bob@sip.test is not in the list"),
        ("rules/his", True, "identity: watcher bob@sip.test is in the list"),
        ("default", False, "rules/his names bob@sip.test"),
    ]


def test_without_rules_the_default_is_told(house: House) -> None:
    (verdict,) = why(house).rules
    assert (verdict.rule, verdict.matched) == ("default", True)
    assert house.parts.explain("eve@elsewhere.test", ALICE).handling == "confirm"


def goes_out(house: House, ident: str, component: int = 0) -> str:
    """The id that a tuple of a publication has where it is shown."""
    return f"{ident}-{mark_of(why(house).components[component].key)}"


def test_nothing_is_taken_away_from_who_sees_everything(house: House) -> None:
    assert why(house).steps == ()


def test_what_the_permissions_take_away_is_named(house: House) -> None:
    set_rules(house, rule("short", BOB, "allow", SERVICES_ALONE))
    (step,) = why(house).steps
    assert (step.name, step.taken, step.put) == (
        "permissions", (f"tuple {goes_out(house, 't')}: note", "person presentity of presence"), (),
    )  # fmt: skip


def test_polite_blocking_is_a_step_too(house: House) -> None:
    set_rules(house, rule("foe", BOB, "polite-block"))
    (step,) = why(house).steps
    assert step.name == "polite-block"
    assert step.taken == (f"tuple {goes_out(house, 't')} of presence", "person presentity of presence")
    assert step.put == ("tuple unpublished",)


def test_a_document_of_rules_that_cannot_be_read_says_so(house: House) -> None:
    set_cisco_rule(house, b"<nonsense/>")
    explanation = why(house)
    assert explanation.handling == "block"
    assert "cannot be read" in explanation.rules[0].why


def test_excluded_sources_and_visibility_of_ciscos_rules_are_steps_one_after_the_other(house: House) -> None:
    desk = (
        pidf("open", "at the desk")
        .replace(b'id="t"', b'id="desk"')
        .replace(
            b"</tuple>", b'<so:source xmlns:so="urn:cisco:params:xml:ns:pidf:source">Desk</so:source></tuple>'
        )
    )
    house.publish(ALICE, desk)
    set_cisco_rule(
        house,
        b"""<presence-rule name="r" xmlns="urn:cisco:epas:soap" xmlns:pr="urn:cisco:epas:presence:rules">
        <rule><visibility>reachability-only</visibility>
        <pr:filter><pr:excludedsource>desk</pr:excludedsource></pr:filter>
        </rule><acl>sip:bob@sip.test</acl></presence-rule>""",
    )
    excluded, visibility = why(house).steps
    assert (excluded.name, excluded.taken) == (
        "excluded sources: desk",
        (f"tuple {goes_out(house, 'desk', 1)} of Desk",),
    )
    assert visibility.name == "visibility reachability-only"
    assert visibility.taken == (f"tuple {goes_out(house, 't')} of presence", "person presentity of presence")
    assert visibility.put == ("tuple reachability", "person reachable")


def test_who_is_refused_gets_no_document(house: House) -> None:
    set_rules(house, rule("foe", BOB, "block"))
    assert why(house).document is None


def test_who_waits_gets_the_neutral_document(house: House) -> None:
    eve = watch(house, "sip:eve@elsewhere.test")
    explanation = why(house, "sip:eve@elsewhere.test")
    (subscription,) = explanation.subscriptions
    assert subscription.state == "pending"
    assert explanation.document == subscription.document == eve.notifies[0].body.decode()


def test_the_document_is_the_one_that_goes_out(house: House) -> None:
    bob = watch(house)
    explanation = why(house)
    assert explanation.document == explanation.subscriptions[0].document == bob.notifies[0].body.decode()


def test_a_subscription_comes_with_its_filter_version_and_last_result(house: House) -> None:
    bob = watch(house, BOB, f"Accept: {PARTIAL}", body=FILTER)
    house.after(5)
    (subscription,) = why(house).subscriptions
    assert (subscription.state, subscription.expires_in) == ("active", 595.0)
    assert (subscription.content_type, subscription.version) == ("application/pidf-diff+xml", 1)
    assert subscription.filter is not None
    assert "basic" in subscription.filter
    assert subscription.document is not None
    assert "hello" not in subscription.document
    assert subscription.last_notify is not None
    assert (subscription.last_notify.status, subscription.last_notify.at) == (200, WALL + 10)
    set_rules(house, rule("foe", BOB, "polite-block"))
    bob.answer(500)
    (subscription,) = why(house).subscriptions
    assert subscription.last_notify is not None
    assert (subscription.last_notify.status, subscription.last_notify.reason) == (
        500, "Server Internal Error",
    )  # fmt: skip


class TestThroughAList:
    """Bob has alice in his contacts, and is subscribed to these."""

    def list_of_bob(self, house: House, body: bytes = b"") -> ListPhone:
        contacts(house, ALICE, CAROL, owner=BOB)
        phone = ListPhone(house, BOB, CONTACTS_OF_BOB)
        headers = ("Content-Type: application/simple-filter+xml",) if body else ()
        assert phone.subscribe(*headers, body=body).status == 200
        return phone

    def test_it_is_marked_and_has_state_expiry_version_and_last_result(self, house: House) -> None:
        phone = self.list_of_bob(house)
        (first,) = phone.told()
        house.after(5)
        (subscription,) = why(house).subscriptions
        assert subscription.through == CONTACTS_OF_BOB
        assert (subscription.state, subscription.expires_in) == ("active", 595.0)
        assert (subscription.content_type, subscription.version) == ("multipart/related", 0)
        assert subscription.document == first.documents[ALICE].decode()
        assert subscription.last_notify is not None
        assert (subscription.last_notify.status, subscription.last_notify.at) == (200, WALL + 10)
        house.publish(CAROL, pidf("open"))
        phone.hears()
        (subscription,) = why(house).subscriptions
        assert subscription.version == 1

    def test_one_to_alice_alone_is_not_marked_and_both_are_shown(self, house: House) -> None:
        self.list_of_bob(house)
        watch(house)
        assert [it.through for it in why(house).subscriptions] == [None, CONTACTS_OF_BOB]

    def test_the_filter_is_that_of_the_list(self, house: House) -> None:
        phone = self.list_of_bob(house, FILTER)
        (first,) = phone.told()
        (subscription,) = why(house).subscriptions
        assert subscription.filter is not None
        assert "basic" in subscription.filter
        assert subscription.document == first.documents[ALICE].decode()
        assert "hello" not in subscription.document

    @pytest.mark.parametrize(
        ("handling", "state"), [("confirm", "pending"), ("block", "terminated;reason=rejected")]
    )
    def test_who_may_not_see_her_gets_no_document(self, house: House, handling: str, state: str) -> None:
        self.list_of_bob(house)
        set_rules(house, rule("r", BOB, handling))
        (subscription,) = why(house).subscriptions
        assert (subscription.state, subscription.document) == (state, None)

    def test_nothing_is_shown_when_she_is_taken_out_of_the_list(self, house: House) -> None:
        self.list_of_bob(house)
        contacts(house, CAROL, owner=BOB)
        assert why(house).subscriptions == ()

    def test_lists_of_others_are_not_shown(self, house: House) -> None:
        self.list_of_bob(house)
        assert why(house, CAROL).subscriptions == ()


def test_subscriptions_of_others_are_not_shown(house: House) -> None:
    watch(house, CAROL)
    assert why(house).subscriptions == ()


def test_to_explain_sends_and_changes_nothing(house: House) -> None:
    bob = watch(house, BOB, f"Accept: {PARTIAL}")
    before = (len(bob.flow.sent), len(house.journal.writes))
    why(house)
    assert (len(bob.flow.sent), len(house.journal.writes)) == before
    house.publish(ALICE, pidf("open", "other", "sad"))
    assert len(bob.news()) == 1


def test_it_fits_json(house: House) -> None:
    watch(house)
    assert json.loads(json.dumps(why(house).as_dict()))["handling"] == "allow"


@pytest.mark.parametrize("name", ["alice@sip.test", "sip:alice@sip.test", " sip:alice@SIP.test "])
def test_addresses_are_taken_as_people_write_them(house: House, name: str) -> None:
    assert house.parts.explain("bob@sip.test", name).presentity == ALICE


def test_nobody_is_a_lookup_error_and_nonsense_a_provisioning_error(house: House) -> None:
    with pytest.raises(LookupError, match=r"no such user: nobody@sip\.test"):
        house.parts.explain(BOB, "nobody@sip.test")
    with pytest.raises(ProvisioningError, match="is not a valid address"):
        house.parts.explain("bob", ALICE)


class TestWhatHeWasTold:
    """What the watcher has is not always what he would be sent now."""

    def shown(self, house: House) -> SubscriptionShown:
        (subscription,) = why(house).subscriptions
        return subscription

    def test_he_has_what_goes_out(self, house: House) -> None:
        watch(house)
        shown = self.shown(house)
        assert (shown.told, shown.held_back, shown.rates) == (shown.document, None, "")

    def test_a_trigger_that_does_not_fire_keeps_a_change_from_him(self, house: House) -> None:
        bob = watch(house, body=WHEN_OPEN)
        house.publish(ALICE, pidf("closed"))
        assert bob.news() == []
        shown = self.shown(house)
        assert shown.held_back == HeldShown("trigger", None)
        assert shown.told is not None
        assert shown.told != shown.document

    def test_a_rate_holds_the_news_back_for_a_while(self, house: House) -> None:
        bob = Watcher(house)
        bob.event = "presence;max-rate=0.05"
        assert bob.subscribe().status == 200
        bob.news()
        house.after(5)
        house.publish(ALICE, pidf("closed"))
        assert bob.news() == []
        shown = self.shown(house)
        assert (shown.rates, shown.held_back) == ("max-rate=0.05", HeldShown("rate", 15.0))
        house.after(15.1)
        assert len(bob.news()) == 1
        shown = self.shown(house)
        assert (shown.told, shown.held_back) == (shown.document, None)

    def test_a_notify_without_an_answer_keeps_the_next_one_back(self, house: House) -> None:
        bob = watch(house)
        house.publish(ALICE, pidf("closed"))
        shown = self.shown(house)
        assert shown.held_back == HeldShown("answer", None)
        bob.news()
        assert self.shown(house).held_back is None

    def test_among_very_many_watchers_he_waits_for_his_turn(self, house: House) -> None:
        for _ in range(AT_ONCE):
            watch(house, CAROL)
        bob = watch(house)
        house.publish(ALICE, pidf("closed"))
        assert self.shown(house).held_back == HeldShown("turn", None)
        house.after(0.02)
        assert len(bob.news()) == 1
        assert self.shown(house).held_back is None

    def test_after_a_failure_it_is_not_known_what_he_has(self, house: House) -> None:
        bob = watch(house)
        house.publish(ALICE, pidf("closed"))
        bob.answer(500)
        assert self.shown(house).told is None

    def test_to_ask_changes_nothing_of_what_he_is_told(self, house: House) -> None:
        bob = watch(house, body=WHEN_OPEN)
        house.publish(ALICE, pidf("closed"))
        why(house)
        house.publish(ALICE, pidf("open"))
        assert len(bob.news()) == 1

    def test_changes_of_a_list_gather(self, house: House) -> None:
        contacts(house, ALICE, owner=BOB)
        subscribed(house, CONTACTS_OF_BOB, BOB)
        assert self.shown(house).told == self.shown(house).document
        house.publish(ALICE, pidf("closed"))
        assert self.shown(house).held_back == HeldShown("window", None)

    def test_who_has_just_allowed_a_list_waits_for_its_window(self, house: House) -> None:
        """Until then the phone has him as pending."""
        set_rules(house, rule("later", BOB, "confirm"))
        contacts(house, ALICE, owner=BOB)
        phone, first = subscribed(house, CONTACTS_OF_BOB, BOB)
        assert first.states == {ALICE: "pending"}
        set_rules(house, rule("yes", BOB, "allow"))
        shown = self.shown(house)
        assert (shown.state, shown.told, shown.held_back) == ("active", None, HeldShown("window", None))
        assert phone.hears().states == {ALICE: "active"}
        assert self.shown(house).held_back is None
