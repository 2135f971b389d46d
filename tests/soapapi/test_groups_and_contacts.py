"""Groups and contacts by SOAP beyond the print: Q30 to Q35, wrong types, limits, two clients at once."""

from __future__ import annotations

import threading

import pytest

from presence.storage.database import Database
from tests.soapapi.asking import Office, Reply, envelope

NO_PERSON = "Contact does not exist in."
NO_GROUP = "The Contact Group does not exist."


def add_groups(office: Office, *items: str) -> Reply:
    return office.ask(f"<add-group>{''.join(f'<group {it}/>' for it in items)}</add-group>")


def contacts(office: Office, operation: str, group: str, *items: str) -> Reply:
    """`group` are the attributes of the group."""
    personas = "".join(it if it.startswith("<") else f"<persona-id>{it}</persona-id>" for it in items)
    return office.ask(f"<{operation}><group {group}>{personas}</group></{operation}>")


def add(office: Office, group: str, *items: str) -> Reply:
    return contacts(office, "add-contact", f'name="{group}"', *items)


def listed(office: Office, user: str = "kai") -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(name, index, [(index, user)]) of each group."""
    return [
        (group.get("name"), group.get("index"), [(it.get("index"), it.text) for it in group])
        for group in office.ask("<get-contact-list/>", user).element
    ]


class TestPlaces:
    def test_the_next_index_is_one_more_than_the_highest_exactly_q30(self, office: Office) -> None:
        add_groups(office, 'name="a" index="1000.9"', 'name="b"')
        add(office, "a", '<persona-id index="0.1">soapuser1</persona-id>', "soapuser2")
        assert listed(office) == [
            ("a", "1000.9", [("0.1", "soapuser1"), ("1.1", "soapuser2")]),
            ("b", "1001.9", []),
        ]

    def test_ten_places_are_kept_and_more_are_rounded_q30(self, office: Office) -> None:
        add_groups(office, 'name="a" index="0.1234567890"', 'name="b" index="0.12345678915"')
        assert [index for _, index, _ in listed(office)] == ["0.123456789", "0.1234567892"]

    def test_equal_indexes_stand_in_the_order_of_insertion_q30(self, office: Office) -> None:
        add_groups(office, 'name="z" index="5"', 'name="a" index="5.0"', 'name="m" index="05"')
        assert [name for name, _, _ in listed(office)] == ["z", "a", "m"]

    def test_the_first_group_follows_the_default_one_q30(self, office: Office) -> None:
        add_groups(office, 'name="first"')
        assert listed(office) == [("first", "1", [])]

    @pytest.mark.parametrize("index", ["abc", "", "1e3", "1,5", "NaN", "0x10", "1" * 40])
    def test_a_group_with_an_index_that_is_no_number_fails_q31(self, office: Office, index: str) -> None:
        reply = add_groups(office, f'name="a" index="{index}"', 'name="b"')
        assert reply.items() == [({"name": "a", "index": index}, "failed"), ({"name": "b"}, "succeeded")]
        moved = office.ask(f'<modify-group><group old-name="b" new-name="c" index="{index}"/></modify-group>')
        assert moved.texts() == ["failed"]
        assert [name for name, _, _ in listed(office)] == ["b"]

    @pytest.mark.parametrize("bad", ['index="x"', 'display-on-phone="maybe"', 'display-on-phone=""'])
    def test_a_contact_with_a_bad_value_fails_and_nothing_of_it_is_kept_q31(
        self, office: Office, bad: str
    ) -> None:
        add(office, "", '<persona-id nickname="old">soapuser1</persona-id>')
        office.news()
        added = add(office, "", f"<persona-id {bad}>soapuser2</persona-id>")
        changed = contacts(
            office, "modify-contact", 'name=""', f'<persona-id nickname="new" {bad}>soapuser1</persona-id>'
        )
        assert added.texts() + changed.texts() == ["failed", "failed"]
        assert office.news() == []
        assert listed(office) == [("", "0", [("1", "soapuser1")])]


class TestGroups:
    def test_renaming_onto_a_name_that_there_is_fails_q32(self, office: Office) -> None:
        add_groups(office, 'name="a"', 'name="b"')
        reply = office.ask('<modify-group><group old-name="a" new-name="b" index="9"/></modify-group>')
        assert reply.items() == [({"old-name": "a", "new-name": "b", "index": "9"}, "failed")]
        assert listed(office) == [("a", "1", []), ("b", "2", [])]

    def test_a_change_with_nothing_to_change_fails_r71(self, office: Office) -> None:
        add_groups(office, 'name="a"')
        assert office.ask('<modify-group><group old-name="a"/></modify-group>').texts() == ["failed"]

    def test_contacts_go_with_their_group_q33(self, office: Office) -> None:
        add_groups(office, 'name="a"')
        add(office, "a", "soapuser1")
        assert office.ask('<delete-group><group name="a"/></delete-group>').texts() == ["succeeded"]
        add_groups(office, 'name="a"')
        assert listed(office) == [("a", "1", [])]

    def test_the_default_group_cannot_be_deleted_q33(self, office: Office) -> None:
        add(office, "", "soapuser1")
        reply = office.ask('<delete-group><group name=""/></delete-group>')
        assert reply.items() == [({"name": ""}, "failed")]
        assert listed(office) == [("", "0", [("1", "soapuser1")])]

    def test_the_default_group_cannot_be_added(self, office: Office) -> None:
        assert add_groups(office, 'name=""').texts() == ["failed"]

    def test_empty_groups_are_listed_q34(self, office: Office) -> None:
        add_groups(office, 'name="empty"')
        assert listed(office) == [("empty", "1", [])]

    def test_the_default_group_is_listed_once_it_was_moved_or_has_somebody_in_it_q34(
        self, office: Office
    ) -> None:
        assert listed(office) == []
        office.ask('<modify-group><group old-name="" index="-1"/></modify-group>')
        assert listed(office) == [("", "-1", [])]

    def test_a_group_that_is_not_there_is_deleted_as_well_as_can_be_r72(self, office: Office) -> None:
        assert office.ask('<delete-group><group name="no"/></delete-group>').texts() == ["succeeded"]
        assert office.news() == []


class TestContacts:
    def test_one_who_is_there_is_modified_q32(self, office: Office) -> None:
        add(office, "", '<persona-id index="7" nickname="old">soapuser1</persona-id>')
        reply = add(office, "", '<persona-id nickname="new">soapuser1</persona-id>')
        assert reply.texts() == ["succeeded"]
        ((persona,),) = office.ask("<get-contact-list/>").element
        assert dict(persona.attrib) == {"index": "7", "nickname": "new", "display-on-phone": "false"}

    def test_the_owner_may_add_himself_q32(self, office: Office) -> None:
        assert add(office, "", "kai").texts() == ["succeeded"]
        assert listed(office) == [("", "0", [("1", "kai")])]

    def test_the_person_is_looked_at_first_when_adding_r73(self, office: Office) -> None:
        assert add(office, "no", "nobody", "soapuser1").texts() == [NO_PERSON, NO_GROUP]

    @pytest.mark.parametrize("operation", ["modify-contact", "delete-contact"])
    def test_the_group_is_looked_at_first_otherwise_q35(self, office: Office, operation: str) -> None:
        assert contacts(office, operation, 'name="no"', "nobody").texts() == [NO_GROUP]
        assert contacts(office, operation, 'name=""', "nobody", "soapuser1").texts() == [NO_PERSON] * 2

    def test_an_empty_nickname_takes_it_away_and_none_leaves_it_r74(self, office: Office) -> None:
        add(office, "", '<persona-id nickname="x" display-on-phone="true">soapuser1</persona-id>')
        contacts(office, "modify-contact", 'name=""', '<persona-id index="3">soapuser1</persona-id>')
        ((persona,),) = office.ask("<get-contact-list/>").element
        assert persona.attrib.values() == ["3", "x", "true"]
        contacts(office, "modify-contact", 'name=""', '<persona-id nickname="">soapuser1</persona-id>')
        ((persona,),) = office.ask("<get-contact-list/>").element
        assert persona.attrib.values() == ["3", "", "true"]

    def test_one_person_in_two_groups_has_a_name_in_each_r69(self, office: Office) -> None:
        add_groups(office, 'name="a"')
        add(office, "a", '<persona-id nickname="there">soapuser1</persona-id>')
        add(office, "", '<persona-id nickname="here">soapuser1</persona-id>')
        groups = office.ask("<get-contact-list/>").element
        assert [it.get("nickname") for group in groups for it in group] == ["here", "there"]
        contacts(office, "delete-contact", 'name=""', "soapuser1")
        assert listed(office) == [("a", "1", [("1", "soapuser1")])]

    def test_people_of_other_domains_are_told_with_their_domain(self, office: Office) -> None:
        reply = add(office, "", "sip:eve@example.org", "soapuser1@cisco.com")
        assert reply.items() == [
            ({"persona-id": "sip:eve@example.org", "group": ""}, "succeeded"),
            ({"persona-id": "soapuser1@cisco.com", "group": ""}, "succeeded"),
        ]
        assert listed(office) == [("", "0", [("1", "eve@example.org"), ("2", "soapuser1")])]

    def test_blanks_around_a_person_do_not_count(self, office: Office) -> None:
        reply = add(office, "", "\n  soapuser1\n")
        assert reply.items() == [({"persona-id": "soapuser1", "group": ""}, "succeeded")]

    def test_what_markup_means_in_names_comes_back(self, office: Office) -> None:
        add_groups(office, 'name="&lt;R&amp;D&gt; &quot;ü&quot;"')
        assert [name for name, _, _ in listed(office)] == ['<R&D> "ü"']


class TestItemsThatNameNothing:
    def test_a_group_without_a_name_fails_alone(self, office: Office) -> None:
        reply = add_groups(office, 'name="a"', 'index="5"', 'name="b"')
        assert reply.items() == [
            ({"name": "a"}, "succeeded"),
            ({"index": "5"}, "failed"),
            ({"name": "b"}, "succeeded"),
        ]
        renamed = office.ask('<modify-group><group new-name="c"/></modify-group>')
        assert renamed.items() == [({"new-name": "c"}, "failed")]
        assert office.ask("<delete-group><group/></delete-group>").items() == [({}, "failed")]
        assert [name for name, _, _ in listed(office)] == ["a", "b"]

    @pytest.mark.parametrize("operation", ["add-contact", "modify-contact", "delete-contact"])
    def test_a_contact_of_a_group_without_a_name_fails(self, office: Office, operation: str) -> None:
        add(office, "", "soapuser1")
        reply = contacts(office, operation, "", "soapuser1")
        assert reply.items() == [({"persona-id": "soapuser1"}, "failed")]
        assert listed(office) == [("", "0", [("1", "soapuser1")])]

    @pytest.mark.parametrize("operation", ["add-contact", "modify-contact", "delete-contact"])
    def test_nobody_is_no_contact(self, office: Office, operation: str) -> None:
        reply = contacts(office, operation, 'name=""', "<persona-id/>", "<persona-id> a b </persona-id>")
        assert reply.texts() == [NO_PERSON, NO_PERSON]

    @pytest.mark.parametrize(
        "operation",
        ["add-group", "modify-group", "delete-group", "add-contact", "modify-contact", "delete-contact"],
    )
    def test_a_request_for_nothing_is_answered_with_nothing(self, office: Office, operation: str) -> None:
        reply = office.ask(f"<{operation}/>")
        assert (reply.status, len(reply.element)) == (200, 0)


def test_all_items_of_a_request_are_one_transaction_in_order_r56(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    kept = type(office.services.contacts).apply

    def counted(self, owner, changes):
        calls.append(len(changes))
        return kept(self, owner, changes)

    monkeypatch.setattr(type(office.services.contacts), "apply", counted)
    reply = office.ask(
        "<add-contact>"
        '<group name=""><persona-id>soapuser1</persona-id><persona-id>nobody</persona-id></group>'
        '<group name="no"><persona-id>soapuser1</persona-id></group>'
        '<group name=""><persona-id nickname="again">soapuser1</persona-id></group>'
        "</add-contact>"
    )
    assert reply.texts() == ["succeeded", NO_PERSON, NO_GROUP, "succeeded"]
    assert calls == [4]
    assert [topic for topic, _, _ in office.news()] == ["contacts.added", "contacts.changed"]


def test_more_contacts_than_allowed_fail(database: Database) -> None:
    office = Office(database, contacts=2)
    reply = add(office, "", "soapuser1", "soapuser2", "soapuser3", "soapuser1")
    assert reply.texts() == ["succeeded", "succeeded", "failed", "succeeded"]
    groups = add_groups(office, 'name="a"', 'name="b"', 'name="c"')
    assert groups.texts() == ["succeeded", "succeeded", "failed"]


def test_names_that_are_too_long_fail(office: Office) -> None:
    long = "x" * 256
    assert add_groups(office, f'name="{long}"').texts() == ["failed"]
    reply = add(office, "", f'<persona-id nickname="{long}">soapuser1</persona-id>')
    assert reply.texts() == ["failed"]
    assert listed(office) == []


def test_each_user_has_his_own_list(office: Office) -> None:
    add_groups(office, 'name="mine"')
    assert listed(office, "soapuser1") == []


def test_two_clients_of_a_user_at_once_lose_nothing_of_each_other(office: Office) -> None:
    """They share the session of the user (Q24)."""
    office.open("kai", "shared")
    texts: list[str] = []

    def client(name: str) -> None:
        for number in range(10):
            body = f'<add-group><group name="{name}{number}"/><group name="both{number}"/></add-group>'
            texts.extend(office.post(envelope(body, "shared")).texts())

    threads = [threading.Thread(target=client, args=(name,)) for name in "ab"]
    for it in threads:
        it.start()
    for it in threads:
        it.join(60)
    # A group that both add is there once, and one of them is told so.
    assert sorted(texts) == ["failed"] * 10 + ["succeeded"] * 30
    found = listed(office)
    assert len({name for name, _, _ in found}) == 30
    assert len({index for _, index, _ in found}) == 30
