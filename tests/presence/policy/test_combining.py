"""Combining permissions (RFC 4745 §10): a table for each type, and the order never matters."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from presence.policy.model import (
    ATTRIBUTES,
    EVERYTHING,
    NOTHING,
    Handling,
    Permissions,
    Selection,
    UserInput,
)
from presence.policy.reachability import EpasStatus, Reachability, When
from presence.policy.restriction import COMPOSED, UNRESTRICTED, Restriction

HANDLINGS: tuple[Handling, ...] = ("block", "confirm", "polite-block", "allow")
USER_INPUTS: tuple[UserInput, ...] = ("false", "bare", "thresholds", "full")


@pytest.mark.parametrize(("one", "other"), list(product(range(4), repeat=2)))
def test_subscription_handling_is_the_maximum(one: int, other: int) -> None:
    combined = Permissions(HANDLINGS[one]) | Permissions(HANDLINGS[other])
    assert combined.handling == HANDLINGS[max(one, other)]


@pytest.mark.parametrize("handling", HANDLINGS)
def test_a_rule_without_handling_adds_nothing_to_that_of_others(handling: Handling) -> None:
    assert (Permissions() | Permissions(handling)).handling == handling
    assert (Permissions(handling) | Permissions()).handling == handling


@pytest.mark.parametrize(("one", "other"), list(product(range(4), repeat=2)))
def test_user_input_is_the_maximum_of_false_bare_thresholds_full(one: int, other: int) -> None:
    combined = Permissions(user_input=USER_INPUTS[one]) | Permissions(user_input=USER_INPUTS[other])
    assert combined.user_input == USER_INPUTS[max(one, other)]


@pytest.mark.parametrize("name", ATTRIBUTES)
@pytest.mark.parametrize(("one", "other"), list(product([False, True], repeat=2)))
def test_each_boolean_is_true_if_one_of_them_is(name: str, one: bool, other: bool) -> None:
    def given(value: bool) -> Permissions:
        return Permissions(attributes=frozenset({name}) if value else frozenset())

    assert (name in (given(one) | given(other)).attributes) is (one or other)


@pytest.mark.parametrize(("one", "other"), list(product([False, True], repeat=2)))
def test_all_attributes_is_granted_if_one_of_them_does(one: bool, other: bool) -> None:
    assert (Permissions(all_attributes=one) | Permissions(all_attributes=other)).all_attributes is (
        one or other
    )


@pytest.mark.parametrize("kind", ["persons", "devices", "services"])
def test_sets_are_united(kind: str) -> None:
    """The example of RFC 5025 §3.3.1.1."""
    first = Selection(
        False,
        frozenset({("deviceID", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), ("class", "biz")}),
    )
    second = Selection(False, frozenset({("class", "home"), ("class", "biz")}))
    combined = getattr(Permissions(**{kind: first}) | Permissions(**{kind: second}), kind)
    assert combined.members == first.members | second.members
    assert len(combined.members) == 3


@pytest.mark.parametrize("kind", ["persons", "devices", "services"])
def test_all_elements_with_some_elements_are_all(kind: str) -> None:
    some = Permissions(**{kind: Selection(False, frozenset({("class", "biz")}))})
    every, none = Permissions(**{kind: EVERYTHING}), Permissions(**{kind: NOTHING})
    assert getattr(some | every, kind) == getattr(every | some, kind) == EVERYTHING
    assert getattr(some | none, kind) == getattr(some, kind)


def test_unknown_attributes_are_united() -> None:
    combined = Permissions(unknown=frozenset({"{urn:a}x"})) | Permissions(unknown=frozenset({"{urn:b}x"}))
    assert combined.unknown == frozenset({"{urn:a}x", "{urn:b}x"})


def test_each_type_is_combined_by_itself_in_any_order() -> None:
    rules = (
        Permissions("confirm", persons=EVERYTHING, attributes=frozenset({"mood"})),
        Permissions("allow", services=EVERYTHING, user_input="bare"),
        Permissions(attributes=frozenset({"note"}), user_input="thresholds"),
    )
    expected = Permissions(
        "allow", EVERYTHING, NOTHING, EVERYTHING, frozenset({"mood", "note"}), "thresholds"
    )
    assert {a | b | c for a, b, c in permutations(rules)} == {expected}


TREE = Reachability("phone", (When("away", (EpasStatus("phone", "busy"),)),))


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (Restriction(True), Restriction(False), Restriction(True)),
        (UNRESTRICTED, UNRESTRICTED, UNRESTRICTED),
        (
            Restriction(excluded=frozenset({"a"})),
            Restriction(excluded=frozenset({"b"})),
            Restriction(excluded=frozenset({"a", "b"})),
        ),
        (
            Restriction(reachability=frozenset({TREE})),
            UNRESTRICTED,
            Restriction(reachability=COMPOSED | {TREE}),
        ),
    ],
)
def test_restrictions_of_two_rules_restrict_both(
    one: Restriction, other: Restriction, both: Restriction
) -> None:
    assert one | other == other | one == both
