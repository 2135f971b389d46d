"""Dialog information (RFC 4235): what a PBX publishes lights the lamps of colleagues."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.directory import Change
from presence.documents.dialog_info import DialogInfo, parse_dialog_info
from presence.policy import cisco
from presence.policy.stored import CISCO, POLICY_CHANGED, PolicyDocument
from sip.message import Request
from tests.presence.documents.formats import check
from tests.presence.packages.watching import ALICE, BOB, Phone, Watching
from tests.presence.watchers import SERVICES_ALONE, rule, set_rules
from tests.sip.usage.fakes import WALL

TYPE = "application/dialog-info+xml"
NAMESPACE = "urn:ietf:params:xml:ns:dialog-info"
STRANGER = "sip:eve@elsewhere.example"


def call(ident: str, state: str, more: str = "") -> str:
    return (
        f'<dialog id="{ident}" call-id="c-{ident}" local-tag="l" remote-tag="r" direction="recipient">'
        f"<state>{state}</state>{more}"
        "<remote><identity>sip:secret@example.org</identity>"
        '<session-description type="application/sdp">v=0</session-description></remote></dialog>'
    )


def published(*calls: str, state: str = "full") -> bytes:
    text = f'<dialog-info xmlns="{NAMESPACE}" version="7" state="{state}" entity="sip:100@pbx">'
    return f"{text}{''.join(calls)}</dialog-info>".encode()


@pytest.fixture
def world() -> Watching:
    return Watching(default_policy_foreign="confirm")


def publish(world: Watching, *calls: str, tag: str = "", state: str = "full") -> str:
    answer = world.publish("dialog", ALICE, TYPE, published(*calls, state=state), tag=tag)
    assert answer.status == 200, answer.reason
    return answer.get("SIP-ETag") or ""


def only(notifies: list[Request]) -> DialogInfo:
    (notify,) = notifies
    assert notify.get("Content-Type") == TYPE
    return parse_dialog_info(notify.body)


def states(document: DialogInfo) -> list[str]:
    return [dialog.state for dialog in document.dialogs]


@pytest.fixture
def alice(world: Watching) -> Phone:
    """Her own second phone."""
    phone = world.subscribe("dialog", ALICE, ALICE)
    phone.heard()
    return phone


def test_without_a_publication_there_is_no_call(world: Watching) -> None:
    document = only(world.subscribe("dialog", ALICE, BOB).heard())
    assert (document.entity, document.version, document.full, document.dialogs) == (ALICE, 0, True, ())


def test_a_call_that_comes_changes_and_ends_is_told_bit_by_bit(world: Watching, alice: Phone) -> None:
    tag = publish(world, call("1", "early"))
    first = only(alice.heard())
    assert (first.version, first.full, states(first)) == (1, False, ["early"])
    tag = publish(world, call("1", "confirmed"), call("2", "trying"), tag=tag)
    second = only(alice.heard())
    assert (second.version, second.full, states(second)) == (2, False, ["confirmed", "trying"])
    tag = publish(world, call("1", "confirmed"), tag=tag)
    third = only(alice.heard())
    assert (third.version, third.full, states(third)) == (3, False, ["terminated"])
    assert third.dialogs[0].id == second.dialogs[1].id


def test_a_refresh_gets_all_calls(world: Watching, alice: Phone) -> None:
    publish(world, call("1", "confirmed"), call("2", "early"))
    alice.heard()
    alice.ask(600)
    document = only(alice.heard())
    assert (document.version, document.full, states(document)) == (2, True, ["confirmed", "early"])


def test_a_call_that_is_published_as_over_is_told_so_once(world: Watching, alice: Phone) -> None:
    tag = publish(world, call("1", "confirmed"))
    alice.heard()
    over = '<dialog id="1"><state event="remote-bye" code="200">terminated</state></dialog>'
    tag = publish(world, over, tag=tag)
    (notify,) = alice.heard()
    assert b'event="remote-bye"' in notify.body
    publish(world, tag=tag)
    assert alice.heard() == []


def test_a_call_that_is_published_as_over_is_no_news_for_who_comes_later(
    world: Watching, alice: Phone
) -> None:
    tag = publish(world, call("1", "confirmed"), call("2", "early"))
    publish(world, call("1", "terminated"), call("2", "confirmed"), tag=tag)
    assert states(only(world.subscribe("dialog", ALICE, ALICE).heard())) == ["confirmed"]
    alice.heard()
    alice.ask(600)
    document = only(alice.heard())
    assert (document.full, states(document)) == (True, ["confirmed"])


def test_who_was_away_when_a_call_ended_hears_that_it_is_not_there(world: Watching, alice: Phone) -> None:
    tag = publish(world, call("1", "confirmed"))
    alice.heard(500)
    publish(world, call("1", "terminated"), tag=tag)
    document = only(alice.heard())
    assert (document.full, states(document)) == (True, [])


@pytest.mark.parametrize("params", ["call-id=c-1", 'call-id="c-1";to-tag=r;from-tag=l'])
def test_a_single_call_is_not_answered_with_all_of_them(world: Watching, params: str) -> None:
    publish(world, call("1", "confirmed"), call("2", "confirmed"))
    phone = world.subscribe(f"dialog;{params}", ALICE, BOB)
    names = ", ".join(sorted(it.partition("=")[0] for it in params.split(";")))
    assert (phone.answer.status, phone.answer.reason) == (489, f"dialog is not served with {names}")
    assert "dialog" in (phone.answer.get("Allow-Events") or "")
    assert phone.notifies() == []


def test_parameters_that_change_nothing_of_the_state_are_no_obstacle(world: Watching) -> None:
    publish(world, call("1", "confirmed"))
    phone = world.subscribe("dialog;include-session-description;max-rate=1", ALICE, ALICE)
    assert states(only(phone.heard())) == ["confirmed"]


def test_the_calls_of_several_publishers_are_one_table(world: Watching, alice: Phone) -> None:
    tag = publish(world, call("1", "confirmed"))
    publish(world, call("1", "early"))
    alice.heard()
    alice.ask(600)
    document = only(alice.heard())
    assert states(document) == ["confirmed", "early"]
    mine, other = (dialog.id for dialog in document.dialogs)
    assert mine != other
    assert world.publish("dialog", ALICE, TYPE, b"", tag=tag, expires=0).status == 200
    gone = only(alice.heard())
    assert [(dialog.id, dialog.state) for dialog in gone.dialogs] == [(mine, "terminated")]
    alice.ask(600)
    assert [dialog.id for dialog in only(alice.heard()).dialogs] == [other]


def test_a_publisher_says_everything_each_time_even_if_he_calls_it_partial(
    world: Watching, alice: Phone
) -> None:
    tag = publish(world, call("1", "confirmed"))
    publish(world, call("2", "confirmed"), tag=tag, state="partial")
    alice.heard()
    alice.ask(600)
    assert [dialog.call_id for dialog in only(alice.heard()).dialogs] == ["c-2"]


def test_the_same_published_again_or_refreshed_tells_nothing(world: Watching, alice: Phone) -> None:
    tag = publish(world, call("1", "confirmed"))
    alice.heard()
    tag = publish(world, call("1", "confirmed"), tag=tag)
    assert world.publish("dialog", ALICE, TYPE, b"", tag=tag).status == 200
    assert alice.heard() == []


def test_a_publication_whose_time_is_over_ends_its_calls(world: Watching, alice: Phone) -> None:
    assert world.publish("dialog", ALICE, TYPE, published(call("1", "early")), expires=60).status == 200
    alice.heard()
    world.house.after(61)
    assert states(only(alice.heard())) == ["terminated"]


def test_the_user_himself_hears_whom_he_talks_to_but_no_session_descriptions(
    world: Watching, alice: Phone
) -> None:
    publish(world, call("1", "confirmed"))
    (notify,) = alice.heard()
    assert b"sip:secret@example.org" in notify.body
    assert b'call-id="c-1"' in notify.body
    assert b"session-description" not in notify.body


def test_others_hear_that_there_is_a_call_and_not_with_whom(world: Watching) -> None:
    publish(world, call("1", "confirmed"))
    (notify,) = world.subscribe("dialog", ALICE, BOB).heard()
    document = parse_dialog_info(notify.body)
    (dialog,) = document.dialogs
    assert (dialog.state, dialog.direction) == ("confirmed", "recipient")
    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == (None, None, None)
    assert b"secret" not in notify.body


def test_whom_the_rules_of_presence_make_wait_gets_nothing_until_they_allow_it(world: Watching) -> None:
    publish(world, call("1", "confirmed"))
    eve = world.subscribe("dialog", ALICE, STRANGER)
    (first,) = eve.heard()
    assert (first.get("Subscription-State"), first.body) == ("pending;expires=600", b"")
    set_rules(world.house, rule("r", STRANGER, "allow"))
    document = only(eve.heard())
    assert (document.version, document.full, states(document)) == (0, True, ["confirmed"])


def test_who_waits_and_is_told_nothing_is_told_it_once_by_its_entity_tag(world: Watching) -> None:
    eve = world.subscribe("dialog", ALICE, STRANGER)
    (first,) = eve.heard()
    assert (first.body, bool(first.get("SIP-ETag"))) == (b"", True)
    eve._more = f"Suppress-If-Match: {first.get('SIP-ETag')}"
    assert eve.ask(600).status == 204
    assert eve.heard() == []


def test_who_is_blocked_politely_sees_no_call() -> None:
    world = Watching(default_policy_foreign="polite-block")
    publish(world, call("1", "confirmed"))
    eve = world.subscribe("dialog", ALICE, STRANGER)
    (notify,) = eve.heard()
    assert notify.get("Subscription-State") == "active;expires=600"
    assert parse_dialog_info(notify.body).dialogs == ()


PERSONS_ALONE = "<provide-persons><all-persons/></provide-persons><provide-all-attributes/>"
WORK_ALONE = "<provide-services><class>work</class></provide-services>"
ONE_SCHEME = "<provide-services><service-uri-scheme>mailto</service-uri-scheme></provide-services>"


@pytest.mark.parametrize(
    ("provide", "told"),
    [(PERSONS_ALONE, []), (SERVICES_ALONE, ["confirmed"]), (WORK_ALONE, []), (ONE_SCHEME, [])],
)
def test_calls_are_told_to_those_who_are_shown_all_services(
    world: Watching, provide: str, told: list[str]
) -> None:
    set_rules(world.house, rule("some", BOB, "allow", provide))
    publish(world, call("1", "confirmed"))
    assert states(only(world.subscribe("dialog", ALICE, BOB).heard())) == told


def reachability_only(world: Watching) -> None:
    """A rule of Cisco's for bob, beside what there is."""
    seen = cisco.render_cisco_rule(cisco.CiscoRule("some", "reachability-only", acl=(BOB,)))
    document = PolicyDocument(ALICE, CISCO, "some", cisco.CONTENT_TYPE, seen)
    world.house.parts.apply([Change(1, WALL, POLICY_CHANGED, ALICE, {}, current=(document,))])
    world.house.settle()


def test_who_sees_the_reachability_alone_hears_of_no_call(world: Watching) -> None:
    reachability_only(world)
    publish(world, call("1", "confirmed"))
    bob = world.subscribe("dialog", ALICE, BOB)
    assert states(only(bob.heard())) == []
    publish(world, call("2", "early"))
    assert bob.heard() == []


def test_when_services_are_shown_no_more_the_calls_are_over_for_him(world: Watching) -> None:
    publish(world, call("1", "confirmed"))
    bob = world.subscribe("dialog", ALICE, BOB)
    assert states(only(bob.heard())) == ["confirmed"]
    reachability_only(world)
    assert states(only(bob.heard())) == ["terminated"]


def test_who_is_blocked_is_refused() -> None:
    world = Watching(default_policy_foreign="block")
    assert world.subscribe("dialog", ALICE, STRANGER).answer.status == 403


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<dialog-info/>", "dialog-info: the root element"),
        (published(call("1", "humming")), "dialog-info: 'humming' is no state of a dialog"),
    ],
)
def test_what_is_no_dialog_information_is_refused(world: Watching, body: bytes, reason: str) -> None:
    answer = world.publish("dialog", ALICE, TYPE, body)
    assert answer.status == 400
    assert answer.reason.startswith(reason)


def test_a_presence_document_is_not_accepted(world: Watching) -> None:
    answer = world.publish("dialog", ALICE, "application/pidf+xml", b"<presence/>")
    assert (answer.status, answer.get("Accept")) == (415, TYPE)


def test_another_format_is_not_acceptable(world: Watching) -> None:
    answer = world.subscribe("dialog", ALICE, ALICE, more="Accept: application/pidf+xml").answer
    assert (answer.status, answer.get("Accept")) == (406, TYPE)


def test_what_goes_out_is_valid(world: Watching, alice: Phone, shared: Path) -> None:
    tag = publish(world, call("1", "confirmed", "<duration>5</duration>"), call("2", "early"))
    publish(world, call("2", "confirmed"), tag=tag)
    bob = world.subscribe("dialog", ALICE, BOB)
    for notify in (*alice.heard(), *bob.heard()):
        check(shared, "dialog-info.xsd", notify.body)


def test_calls_are_there_after_a_restart_by_the_same_ids(world: Watching, alice: Phone) -> None:
    publish(world, call("1", "confirmed"))
    before = only(alice.heard())
    world.restart()
    world.house.after(1)
    after = only(alice.heard())
    assert after.version > before.version
    assert (after.full, after.dialogs) == (True, before.dialogs)
