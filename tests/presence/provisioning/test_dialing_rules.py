"""Which rule applies to a number, and what is dialled."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from presence.provisioning.dial_rules import RuleBook
from presence.provisioning.dialing import DialingRule, DialingService
from presence.provisioning.errors import ProvisioningError


class Book:
    """Keeps rules in memory."""

    def __init__(self, rules: list[DialingRule]) -> None:
        self.rules = rules

    def read(self) -> RuleBook:
        return RuleBook({it.key: it for it in self.rules})

    def edit(self, work: Callable) -> object:
        book = self.read()
        result = work(book)
        self.rules = list(book.rules.values())
        return result


def dial(number: str, *rules: DialingRule, kind: int = 1) -> tuple[str | None, str]:
    rule, dialled = DialingService(Book(list(rules))).apply(number, kind)
    return None if rule is None else rule.name, dialled


def rule(name: str = "r", **values) -> DialingRule:
    return DialingRule(1, name, **values)


@pytest.mark.parametrize(
    ("values", "number", "dialled"),
    [
        ({"begins_with": "9", "number_of_digits": 4, "digits_to_remove": 1, "prefix": "1"}, "9234", "1234"),
        ({"begins_with": "89", "prefix": "7"}, "8912", "78912"),
        ({"begins_with": "+49", "digits_to_remove": 3, "prefix": "0"}, "+49 (30) 12-34/5.6", "030123456"),
        ({"begins_with": "", "number_of_digits": 3, "prefix": "5"}, "123", "5123"),
        ({"digits_to_remove": 9, "prefix": "*1#"}, "1234", "*1#"),
        ({"begins_with": "*", "number_of_digits": 3, "digits_to_remove": 1}, "*12", "12"),
    ],
)
def test_a_rule_takes_digits_from_the_front_and_puts_its_prefix_there(values, number, dialled) -> None:
    assert dial(number, rule(**values)) == ("r", dialled)


@pytest.mark.parametrize(
    ("values", "number"),
    [
        ({"begins_with": "9"}, "8999"),
        ({"begins_with": "9", "number_of_digits": 4}, "98765"),
        ({"begins_with": "9", "number_of_digits": 4}, "987"),
        ({"begins_with": "+49", "number_of_digits": 4}, "4912"),
    ],
)
def test_a_number_that_no_rule_applies_to_is_dialled_as_it_is(values, number) -> None:
    assert dial(number, rule(prefix="1", **values)) == (None, number)


def test_no_number_of_digits_is_any_length() -> None:
    assert [dial(it, rule(begins_with="9", prefix="0"))[1] for it in ("9", "99", "9" * 20)] == [
        "09",
        "099",
        "0" + "9" * 20,
    ]


def test_a_plus_counts_as_one_of_the_digits() -> None:
    assert dial("+491", rule(begins_with="+", number_of_digits=4, digits_to_remove=1)) == ("r", "491")


def test_the_rule_with_the_lower_priority_number_is_the_one_then_the_first_by_name() -> None:
    late, early = rule("a", priority=2, prefix="2"), rule("z", priority=1, prefix="1")
    other = rule("b", priority=1, prefix="3")
    assert dial("5", late, early) == ("z", "15")
    assert dial("5", late, early, other) == ("b", "35")


def test_no_rule_is_applied_to_the_result_of_another() -> None:
    assert dial("5", rule("a", prefix="9"), rule("b", begins_with="9", prefix="0")) == ("a", "95")


def test_rules_of_the_other_kind_do_not_count() -> None:
    assert dial("5", rule(prefix="9"), kind=2) == (None, "5")


def test_values_that_do_not_go_together_are_kept_and_what_is_odd_is_said() -> None:
    # Example 48 prints this one (R76).
    odd = rule(begins_with="89", number_of_digits=1, prefix="7")
    assert DialingService(Book([])).add(odd) == odd
    assert dial("89", odd) == (None, "89")
    assert odd.faults() == ["it applies to nothing: '89' is longer than 1 digits"]
    assert rule(number_of_digits=1, digits_to_remove=2).faults() == ["it removes 2 of 1 digits"]
    assert rule().faults() == ["it changes nothing"]
    assert rule(begins_with="9", number_of_digits=4, digits_to_remove=1).faults() == []


@pytest.mark.parametrize("number", ["", "abc", "12a", "1+2", "++1", "1" * 101, "sip:1@example.com"])
def test_what_is_no_number_is_refused(number: str) -> None:
    with pytest.raises(ProvisioningError, match="is not a number to dial"):
        dial(number)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"name": " "}, "the name of a rule cannot be empty"),
        ({"name": "x" * 65}, "the name of a rule is longer than 64 characters"),
        ({"kind": 3}, "there is no kind '3' of rules: it is application (1) or directory (2)"),
        ({"begins_with": "9-1"}, "number-begins-with '9-1' may have digits, +, * and # only"),
        ({"prefix": "1" * 101}, "prefix is longer than 100 characters"),
        ({"number_of_digits": 101}, "number-of-digits is 101: it is a number from 0 to 100"),
        ({"digits_to_remove": -1}, "digits-to-be-removed is -1: it is a number from 0 to 100"),
    ],
)
def test_what_no_rule_can_have_is_refused(values, why: str) -> None:
    with pytest.raises(ProvisioningError) as refused:
        DialingService(Book([])).add(DialingRule(**{"kind": 1, "name": "r", **values}))
    assert str(refused.value) == why
