"""Which URI is whose list."""

from __future__ import annotations

import pytest

from presence.lists.naming import ListNames, group_list_pattern, list_pattern

ALICE = "sip:alice@example.com"


@pytest.mark.parametrize(
    ("group", "uri"),
    [
        (None, "sip:alice+contacts@example.com"),
        ("work", "sip:alice+contacts.work@example.com"),
        ("my friends", "sip:alice+contacts.my%20friends@example.com"),
        ("a.b+contacts@home/~\u00e9", "sip:alice+contacts.a.b%2Bcontacts%40home%2F~%C3%A9@example.com"),
        ("", "sip:alice+contacts.@example.com"),
    ],
)
def test_a_list_has_one_uri_that_means_it_alone(group, uri):
    names = ListNames()
    assert names.uri(ALICE, group) == uri
    assert list(names.readings(uri)) == [(ALICE, group)]


@pytest.mark.parametrize(
    "aor",
    [
        ALICE,
        "sip:example.com",
        "sip:+contacts@example.com",
        "sip:+contacts.work@example.com",
        "sip:alice+contactswork@example.com",
        "sip:alice+contacts.%FF@example.com",
    ],
)
def test_other_addresses_mean_no_list(aor):
    assert list(ListNames().readings(aor)) == []


def test_an_address_that_can_be_read_in_more_than_one_way_is_read_in_all():
    assert list(ListNames().readings("sip:a+contacts.b+contacts.c@h")) == [
        ("sip:a@h", "b+contacts.c"),
        ("sip:a+contacts.b@h", "c"),
    ]
    assert list(ListNames().readings("sip:a+contacts.b+contacts@h")) == [
        ("sip:a+contacts.b@h", None),
        ("sip:a@h", "b+contacts"),
    ]


def test_the_patterns_may_be_others_and_the_group_may_come_first():
    names = ListNames("buddies-{user}", "{group}-of-{user}-list")
    assert names.uri(ALICE) == "sip:buddies-alice@example.com"
    assert names.uri(ALICE, "a b") == "sip:a%20b-of-alice-list@example.com"
    assert list(names.readings("sip:a%20b-of-alice-list@example.com")) == [(ALICE, "a b")]
    assert list(names.readings("sip:buddies-alice@example.com")) == [(ALICE, None)]


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (list_pattern, "{user}"),
        (list_pattern, "contacts"),
        (list_pattern, "{user}{user}x"),
        (list_pattern, "{user}@lists"),
        (list_pattern, "{user} contacts"),
        (list_pattern, "{user}+{group}"),
        (group_list_pattern, "{user}+contacts"),
        (group_list_pattern, "{user}{group}"),
        (group_list_pattern, "{group}{user}x"),
        (group_list_pattern, "{user};{group}"),
    ],
)
def test_a_pattern_that_makes_no_uris_is_refused(check, text):
    with pytest.raises(ValueError):
        check(text)
