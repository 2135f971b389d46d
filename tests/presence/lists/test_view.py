"""What the subscriber of a list is told, and when (RFC 4662 §4.5, §5)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from presence.documents.multipart import parse_multipart
from presence.documents.rlmi import parse_rlmi
from presence.lists.model import Member, ResourceList
from presence.lists.view import ACTIVE, PENDING, TERMINATED, ListNotification, ListView

LIST = "sip:alice+contacts@example.com"
BOB, CAROL, DAVE = (f"sip:{name}@example.com" for name in ("bob", "carol", "dave"))


def of(*members: str | Member, name: str | None = None) -> ResourceList:
    made = (it if isinstance(it, Member) else Member(it, it) for it in members)
    return ResourceList(LIST, tuple(made), name)


def view_of(*members: str | Member, version: int = 0) -> ListView:
    return ListView(of(*members), token="t", version=version)


def told(view: ListView) -> ListView:
    """The view after its first notification has arrived."""
    assert view.take() is not None
    view.delivered()
    return view


def shown(notification: ListNotification | None) -> dict[str, object]:
    """What a subscriber reads from the bytes: version, full, and per resource document, state or nothing."""
    assert notification is not None
    content_type, body = notification.render()
    whole = parse_multipart(content_type, body)
    information = parse_rlmi(whole.root.body)
    found: dict[str, object] = {"version": information.version, "full": information.full}
    used = []
    for resource in information.resources:
        assert resource.uri not in found, "a resource stands once in a notification"
        found[resource.uri] = None
        for instance in resource.instances:
            if instance.cid is None:
                found[resource.uri] = f"{instance.state} {instance.reason or ''}".strip()
            else:
                part = whole.part(instance.cid)
                assert part is not None
                assert instance.state == "active"
                used.append(instance.cid)
                found[resource.uri] = part.body
    assert [part.content_id for part in whole.parts[1:]] == used
    return found


def test_the_first_notification_is_version_0_with_every_member_known_or_not():
    view = view_of(BOB, CAROL, DAVE, Member("tel:+1", "tel:+1", None, "noresource"))
    view.changed(BOB, ACTIVE, b"<b/>")
    view.changed(CAROL, PENDING)
    assert shown(view.take()) == {
        "version": 0,
        "full": True,
        BOB: b"<b/>",
        CAROL: "pending",
        DAVE: None,
        "tel:+1": "terminated noresource",
    }


def test_then_only_what_changed_is_told_and_the_version_rises_by_one():
    view = told(view_of(BOB, CAROL, DAVE))
    view.changed(CAROL, ACTIVE, b"<c/>")
    assert shown(view.take()) == {"version": 1, "full": False, CAROL: b"<c/>"}
    view.delivered()
    view.changed(DAVE, ACTIVE, b"<d/>")
    view.changed(BOB, PENDING)
    view.changed(DAVE, ACTIVE, b"<d2/>")
    assert shown(view.take()) == {"version": 2, "full": False, BOB: "pending", DAVE: b"<d2/>"}


def test_nothing_is_told_when_nothing_changed():
    view = told(view_of(BOB))
    assert (view.due, view.take()) == (False, None)
    assert view.changed(BOB, ACTIVE, b"<b/>")
    view.take()
    assert not view.changed(BOB, ACTIVE, b"<b/>")
    assert (view.due, view.take()) == (False, None)
    assert view.version == 2


def test_an_empty_list_is_told_of_as_well():
    assert shown(view_of().take()) == {"version": 0, "full": True}


def test_after_a_subscribe_the_state_is_full_also_when_nothing_changed():
    view = view_of(BOB, CAROL)
    view.changed(BOB, ACTIVE, b"<b/>")
    told(view)
    assert shown(view.take(full=True)) == {"version": 1, "full": True, BOB: b"<b/>", CAROL: None}


def test_after_a_failure_the_state_is_full_again():
    view = told(view_of(BOB, CAROL))
    view.changed(BOB, ACTIVE, b"<b/>")
    view.take()
    view.failed()
    assert view.due
    assert shown(view.take()) == {"version": 2, "full": True, BOB: b"<b/>", CAROL: None}


def test_what_changes_while_a_notification_is_under_way_is_told_by_the_next():
    view = told(view_of(BOB))
    view.changed(BOB, ACTIVE, b"<b/>")
    view.take()
    view.changed(BOB, ACTIVE, b"<b2/>")
    view.delivered()
    assert shown(view.take()) == {"version": 2, "full": False, BOB: b"<b2/>"}


def test_a_subscription_that_was_restored_goes_on_with_its_version_and_the_full_state():
    view = view_of(BOB, version=41)
    assert shown(view.take()) == {"version": 41, "full": True, BOB: None}
    assert view.version == 42


# -- states


def test_a_terminated_instance_has_a_reason_and_no_document():
    view = view_of(BOB, CAROL)
    view.changed(BOB, ACTIVE, b"<b/>")
    told(view)
    view.changed(BOB, TERMINATED, reason="rejected")
    view.changed(CAROL, TERMINATED)
    assert shown(view.take()) == {
        "version": 1, "full": False, BOB: "terminated rejected", CAROL: "terminated noresource",
    }  # fmt: skip
    view.delivered()
    assert view.changed(BOB, TERMINATED, reason="probation")


def test_nothing_is_leaked_while_a_member_has_not_allowed_it():
    view = view_of(BOB)
    view.changed(BOB, PENDING, b"<secret/>", reason="none")
    notification = view.take()
    assert notification is not None
    assert b"secret" not in notification.render()[1]
    assert shown(notification)[BOB] == "pending"


def test_an_active_instance_needs_a_document_and_a_state_is_one_of_three():
    view = view_of(BOB)
    with pytest.raises(ValueError, match="an active instance has a document"):
        view.changed(BOB, ACTIVE)
    with pytest.raises(ValueError, match="'waiting' is no state"):
        view.changed(BOB, "waiting")


def test_who_is_no_member_changes_nothing():
    view = told(view_of(BOB))
    assert not view.changed(CAROL, PENDING)
    assert not view.due


def test_the_id_of_an_instance_stays_and_content_ids_do_not():
    view = view_of(BOB)
    seen = []
    for body in (b"<a/>", b"<b/>"):
        view.changed(BOB, ACTIVE, body)
        notification = view.take()
        assert notification is not None
        seen.append((notification.resources[0].instances[0], notification.content_id))
    view.replace(of())
    view.replace(of(BOB))
    view.changed(BOB, ACTIVE, b"<c/>")
    last = view.take()
    assert last is not None
    seen.append((last.resources[0].instances[0], last.content_id))
    assert len({instance.id for instance, _ in seen}) == 1
    assert len({instance.cid for instance, _ in seen} | {root for _, root in seen}) == 6


# -- members come and go


def test_a_member_who_comes_is_told_of_before_anything_is_known_of_him():
    view = told(view_of(BOB))
    came, went = view.replace(of(CAROL, BOB))
    assert ([it.aor for it in came], list(went)) == ([CAROL], [])
    assert shown(view.take()) == {"version": 1, "full": False, CAROL: None}
    view.delivered()
    assert shown(view.take(full=True)) == {"version": 2, "full": True, CAROL: None, BOB: None}
    assert [it.aor for it in view.members] == [CAROL, BOB]


def test_a_member_who_went_is_told_of_once_as_terminated():
    view = view_of(BOB, CAROL)
    view.changed(BOB, ACTIVE, b"<b/>")
    told(view)
    came, went = view.replace(of(CAROL))
    assert (list(came), list(went)) == ([], [BOB])
    assert BOB not in view
    assert shown(view.take()) == {"version": 1, "full": False, BOB: "terminated noresource"}
    view.delivered()
    assert not view.due
    assert shown(view.take(full=True)) == {"version": 2, "full": True, CAROL: None}


def test_a_member_who_went_is_told_of_again_when_that_was_lost():
    view = told(view_of(BOB, CAROL))
    view.replace(of(CAROL))
    view.take()
    view.failed()
    assert shown(view.take()) == {"version": 2, "full": True, CAROL: None, BOB: "terminated noresource"}


def test_nobody_hears_of_a_member_who_came_and_went_in_between():
    view = told(view_of(BOB))
    view.replace(of(BOB, CAROL))
    view.replace(of(BOB))
    assert view.take() is None


def test_a_member_who_went_and_came_back_is_one_resource():
    view = told(view_of(BOB))
    view.replace(of())
    came, _ = view.replace(of(BOB))
    assert [it.aor for it in came] == [BOB]
    view.changed(BOB, PENDING)
    assert shown(view.take()) == {"version": 1, "full": False, BOB: "pending"}


def test_a_member_who_came_back_is_not_terminated_after_a_failure():
    view = told(view_of(BOB))
    view.replace(of())
    view.take()
    view.replace(of(BOB))
    view.failed()
    assert shown(view.take()) == {"version": 2, "full": True, BOB: None}


def test_a_member_who_went_came_back_and_went_again_is_told_of_as_terminated():
    view = told(view_of(BOB))
    for members in (of(), of(BOB), of()):
        view.replace(members)
    assert shown(view.take()) == {"version": 1, "full": False, BOB: "terminated noresource"}


def test_who_is_known_to_have_gone_is_not_told_of_again_after_a_later_failure():
    view = told(view_of(BOB, CAROL))
    view.replace(of(CAROL))
    told(view)
    view.changed(CAROL, PENDING)
    view.take()
    view.failed()
    assert shown(view.take()) == {"version": 3, "full": True, CAROL: "pending"}


def test_another_name_for_a_member_is_told_and_his_state_stays():
    view = view_of(BOB)
    view.changed(BOB, ACTIVE, b"<b/>")
    told(view)
    came, went = view.replace(of(Member(BOB, BOB, 'Bob <"&')))
    assert (list(came), list(went)) == ([], [])
    notification = view.take()
    assert shown(notification) == {"version": 1, "full": False, BOB: b"<b/>"}
    assert notification is not None
    assert notification.resources[0].names[0].text == 'Bob <"&'


def test_a_member_who_cannot_be_seen_any_more_is_terminated_and_comes_when_he_can_be_again():
    view = view_of(BOB)
    view.changed(BOB, ACTIVE, b"<b/>")
    told(view)
    view.replace(of(Member(BOB, BOB, None, "rejected")))
    assert shown(view.take()) == {"version": 1, "full": False, BOB: "terminated rejected"}
    came, _ = view.replace(of(BOB))
    assert [it.refused for it in came] == [None]


def test_another_name_of_the_list_is_told_with_the_full_state():
    view = told(view_of(BOB))
    view.replace(of(BOB, name="Friends"))
    notification = view.take()
    assert notification is not None
    assert (notification.full, notification.information.names[0].text) == (True, "Friends")


# -- bytes


def test_the_body_is_as_the_rfc_prints_it_and_valid(shared):
    view = ListView(of(Member(BOB, BOB, "Bob"), CAROL, name="Friends"), token="s1-x")
    view.changed(BOB, ACTIVE, b"<presence/>")
    notification = view.take()
    assert notification is not None
    content_type, body = notification.render()
    assert content_type.startswith(
        'multipart/related;type="application/rlmi+xml";start="<list.0.s1-x@example.com>";boundary='
    )
    whole = parse_multipart(content_type, body)
    assert whole.root.content_type == 'application/rlmi+xml;charset="UTF-8"'
    assert [part.content_type for part in whole.parts[1:]] == ["application/pidf+xml"]
    schema = etree.XMLSchema(file=str(shared / "schemas" / "rlmi.xsd"))
    root = etree.fromstring(whole.root.body)
    assert schema.validate(root), schema.error_log


@pytest.mark.parametrize("token", ["", "a b", "a@b", "a>", "é"])
def test_a_token_that_cannot_stand_in_a_content_id_is_refused(token):
    with pytest.raises(ValueError):
        ListView(of(BOB), token=token)


def test_a_list_of_five_hundred_is_one_body():
    members = [f"sip:user{number}@example.com" for number in range(500)]
    view = view_of(*members)
    for member in members:
        view.changed(member, ACTIVE, b"<presence/>")
    found = shown(view.take())
    assert [found[member] for member in members] == [b"<presence/>"] * 500


# -- a subscriber who follows (§5.6) always ends with what is


class Subscriber:
    """Keeps the table of §5.6."""

    def __init__(self) -> None:
        self.version = -1
        self.table: dict[str, object] = {}

    def read(self, found: dict[str, object]) -> None:
        version, full = found.pop("version"), found.pop("full")
        assert isinstance(version, int)
        assert full or version == self.version + 1, "no gap is left without the full state"
        assert version > self.version
        self.version = version
        self.table = found if full else self.table | found


MEMBERS = [f"sip:{name}@example.com" for name in "abcd"]
STATES = st.one_of(
    st.tuples(st.just(ACTIVE), st.sampled_from([b"<x/>", b"<y/>"])),
    st.tuples(st.sampled_from([PENDING, TERMINATED]), st.none()),
)
STEPS = st.one_of(
    st.tuples(st.just("changed"), st.sampled_from(MEMBERS), STATES),
    st.tuples(st.just("replace"), st.lists(st.sampled_from(MEMBERS), unique=True)),
    st.tuples(st.just("notify"), st.sampled_from(["arrives", "is lost", "fails but arrived"]), st.booleans()),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_whatever_happens_the_subscriber_ends_with_what_is(steps):
    view, subscriber = view_of(*MEMBERS[:2]), Subscriber()
    for step in [*steps, ("notify", "arrives", False)]:
        match step:
            case "changed", member, (state, body):
                view.changed(member, state, body)
            case "replace", members:
                view.replace(of(*members))
            case "notify", fate, full:
                notification = view.take(full=full)
                if notification is None:
                    continue
                if fate != "is lost":
                    subscriber.read(shown(notification))
                if fate == "arrives":
                    view.delivered()
                else:
                    view.failed()
    expected = shown(view.take(full=True))
    del expected["version"], expected["full"]
    left = {
        uri: state
        for uri, state in subscriber.table.items()
        if uri in expected or state != "terminated noresource"
    }
    assert left == expected


class TestRoom:
    """No more than `room` bytes: the full state names all, documents without room follow (§4.5)."""

    ROOM = 3000

    @classmethod
    def view(cls, *documents: bytes) -> tuple[ListView, list[str]]:
        members = [f"sip:user{number}@example.com" for number in range(len(documents))]
        view = view_of(*members)
        view.room = cls.ROOM
        for member, document in zip(members, documents, strict=True):
            view.changed(member, ACTIVE, document)
        return view, members

    @classmethod
    def all_of(cls, view: ListView) -> list[dict[str, object]]:
        """The notifications until nothing is due, each delivered."""
        found = []
        while view.due:
            notification = view.take()
            assert notification is not None
            assert len(notification.render()[1]) <= cls.ROOM
            found.append(shown(notification))
            view.delivered()
        return found

    def test_all_are_named_at_once_and_each_document_comes_once(self) -> None:
        view, members = self.view(*(b"<%d>%b" % (number, b"x" * 500) for number in range(10)))
        full, *rest = self.all_of(view)
        assert (full["full"], list(full)[2:]) == (True, members)
        assert len(rest) > 1
        assert [it["full"] for it in rest] == [False] * len(rest)
        assert [it["version"] for it in (full, *rest)] == list(range(len(rest) + 1))
        came = [(uri, it[uri]) for it in (full, *rest) for uri in members if it.get(uri) is not None]
        assert sorted(came) == [(uri, b"<%d>%b" % (number, b"x" * 500)) for number, uri in enumerate(members)]

    def test_there_are_as_many_documents_as_there_is_room_for(self) -> None:
        view, _ = self.view(*[b"x" * 500] * 10)
        view.take()
        view.delivered()
        notification = view.take()
        assert notification is not None
        # One more would take 500 bytes and a head.
        assert self.ROOM - 800 < len(notification.render()[1]) <= self.ROOM

    def test_what_fits_is_told_in_one(self) -> None:
        view, members = self.view(b"<a/>", b"<b/>")
        (only,) = self.all_of(view)
        assert only == {"version": 0, "full": True, members[0]: b"<a/>", members[1]: b"<b/>"}

    def test_a_document_that_is_too_large_for_any_is_given_up(self) -> None:
        view, members = self.view(b"x" * 4000, b"<b/>")
        (only,) = self.all_of(view)
        assert only == {
            "version": 0,
            "full": True,
            members[0]: "terminated giveup",
            members[1]: b"<b/>",
        }

    def test_after_a_failure_it_begins_again_with_all_names(self) -> None:
        view, members = self.view(*[b"x" * 500] * 10)
        view.take()
        view.delivered()
        view.take()
        view.failed()
        full, *_ = self.all_of(view)
        assert (full["version"], full["full"], list(full)[2:]) == (2, True, members)

    def test_who_went_meanwhile_is_told_of_too(self) -> None:
        view, members = self.view(*[b"x" * 500] * 10)
        view.take()
        view.delivered()
        view.replace(of(*members[:-1]))
        rest = self.all_of(view)
        assert [it[members[-1]] for it in rest if members[-1] in it] == ["terminated noresource"]

    def test_who_changes_meanwhile_is_told_as_he_is_then(self) -> None:
        view, members = self.view(*[b"x" * 500] * 10)
        view.take()
        view.delivered()
        view.changed(members[-1], ACTIVE, b"<new/>")
        rest = self.all_of(view)
        assert [it[members[-1]] for it in rest if members[-1] in it] == [b"<new/>"]

    @given(st.lists(st.integers(0, 4000), max_size=30), st.booleans())
    @settings(max_examples=60, deadline=None)
    def test_no_notification_is_larger_and_nobody_is_left_out(self, sizes: list[int], odd: bool) -> None:
        names = [f"sip:{'&' * odd}{number}@example.com" for number in range(len(sizes))]
        view = ListView(of(*(Member(it, it, "<>&" * odd) for it in names)), token="t", version=0)
        view.room = 6000
        for name, size in zip(names, sizes, strict=True):
            view.changed(name, ACTIVE, b"x" * size)
        told_of: set[str] = set()
        while view.due:
            notification = view.take()
            assert notification is not None
            assert len(notification.render()[1]) <= 6000
            told_of |= {uri for uri, state in shown(notification).items() if state is not None}
            view.delivered()
        assert told_of == {*names, "version", "full"}
