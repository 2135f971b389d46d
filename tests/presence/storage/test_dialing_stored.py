"""Dialing rules in the database and what is announced of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from presence.provisioning.dialing import DialingRule, DialingService, Imported, ImportRefused
from presence.provisioning.errors import ProvisioningError
from presence.provisioning.news import DIAL_RULE_ADDED, DIAL_RULE_CHANGED, DIAL_RULE_DELETED, SYSTEM
from presence.storage.database import Database
from presence.storage.dialing import SqlDialingRepository
from tests.presence.storage.news import NS, Told, printed

NINE = DialingRule(1, "9", "9 to 1", 1, "9", 4, 1, "1")


@pytest.fixture
def dialing(database: Database) -> DialingService:
    return DialingService(SqlDialingRepository(database))


def printed_rules(shared: Path, file: str) -> dict[str, dict[str, str]]:
    """The `old` and `new` of a printed payload."""
    return {
        side.tag.rpartition("}")[2]: {
            it.tag.rpartition("}")[2]: it.text or "" for it in side.find("u:rule", namespaces=NS)
        }
        for side in printed(shared, file).xpath("u:old|u:new", namespaces=NS)
    }


def test_a_rule_that_comes_changes_and_goes_announces_what_is_printed(dialing, database, shared) -> None:
    told = Told(database)
    dialing.add(NINE)
    assert told.news() == [(DIAL_RULE_ADDED, SYSTEM, printed_rules(shared, "ApplicationDialRule-insert"))]
    dialing.modify(1, "9", description="9 changed to 1")
    told.news()
    dialing.modify("application", "9", description="9 to 1")
    assert told.news() == [(DIAL_RULE_CHANGED, SYSTEM, printed_rules(shared, "ApplicationDialRule-update"))]
    dialing.modify(1, "9", description="9 changed to 1")
    told.news()
    dialing.delete(1, "9")
    assert told.news() == [(DIAL_RULE_DELETED, SYSTEM, printed_rules(shared, "ApplicationDialRule-delete"))]
    assert dialing.list() == []


def test_rules_are_kept_as_they_were_given_and_listed_by_kind_priority_and_name(dialing) -> None:
    rules = [
        DialingRule(1, "b", priority=2),
        DialingRule(1, "c", 'with é, "quotes"', 1, "+49", 12, 3, "00"),
        DialingRule(1, "a", priority=2),
        DialingRule(2, "a", priority=0),
    ]
    for rule in rules:
        assert dialing.add(rule) == rule
    assert dialing.list() == [rules[1], rules[2], rules[0], rules[3]]
    assert dialing.list(2) == dialing.list("directory") == [rules[3]]


def test_a_rule_gets_another_name_and_kind(dialing, database) -> None:
    dialing.add(NINE)
    told = Told(database)
    old, new = dialing.modify(1, "9", name="nine", kind=2)
    assert (old.key, new.key) == ((1, "9"), (2, "nine"))
    assert dialing.list() == [new]
    ((topic, _, payload),) = told.news()
    assert (topic, payload["old"]["name"], payload["new"]["type"]) == (DIAL_RULE_CHANGED, "9", "2")


def test_what_changes_nothing_is_not_announced(dialing, database) -> None:
    dialing.add(NINE)
    told = Told(database)
    dialing.modify(1, "9", prefix=" 1 ")
    assert dialing.import_csv(dialing.export_csv()) == Imported(unchanged=1)
    assert told.news() == []


def test_a_name_is_taken_once_of_each_kind(dialing) -> None:
    dialing.add(NINE)
    dialing.add(DialingRule(2, "9"))
    dialing.add(DialingRule(1, "8"))
    with pytest.raises(ProvisioningError, match=r"^there is a rule '9' of application already$"):
        dialing.add(NINE)
    with pytest.raises(ProvisioningError, match=r"^there is a rule '9' of application already$"):
        dialing.modify(1, "8", name="9")
    for missing in (dialing.delete, dialing.modify, dialing.get):
        with pytest.raises(ProvisioningError, match=r"^there is no rule 'x' of directory$"):
            missing(2, "x")


class TestImport:
    def test_what_is_exported_is_imported(self, dialing) -> None:
        dialing.add(NINE)
        dialing.add(DialingRule(2, "a, b", 'say "a"', 7, "", 0, 2, "*#"))
        text = dialing.export_csv()
        assert text == (
            "type,name,description,priority,number-begins-with,number-of-digits,digits-to-be-removed,prefix\n"
            "1,9,9 to 1,1,9,4,1,1\n"
            '2,"a, b","say ""a""",7,,0,2,*#\n'
        )
        rules = dialing.list()
        for rule in rules:
            dialing.delete(*rule.key)
        assert dialing.import_csv(text) == Imported(added=2)
        assert dialing.list() == rules

    def test_it_adds_changes_and_leaves_the_others(self, dialing, database) -> None:
        for name in ("a", "b", "c"):
            dialing.add(DialingRule(1, name))
        told = Told(database)
        text = "\ufeffprefix,Name,TYPE\r\n\r\n0,b,application\r\n,a,1\r\n00,d,2\r\n"
        assert dialing.import_csv(text) == Imported(added=1, changed=1, unchanged=1)
        assert [it[0] for it in told.news()] == [DIAL_RULE_CHANGED, DIAL_RULE_ADDED]
        assert [(it.name, it.prefix) for it in dialing.list()] == [
            ("a", ""), ("b", "0"), ("c", ""), ("d", "00"),
        ]  # fmt: skip

    def test_it_may_replace_all(self, dialing, database) -> None:
        for name in ("a", "b", "c"):
            dialing.add(DialingRule(1, name))
        told = Told(database)
        done = dialing.import_csv("type,name\n1,b\n1,d\n", replace_all=True)
        assert done == Imported(added=1, unchanged=1, deleted=2)
        assert [it[0] for it in told.news()] == [DIAL_RULE_ADDED, DIAL_RULE_DELETED, DIAL_RULE_DELETED]
        assert [it.name for it in dialing.list()] == ["b", "d"]

    def test_one_bad_line_and_nothing_is_imported_and_each_is_named(self, dialing, database) -> None:
        dialing.add(NINE)
        told = Told(database)
        text = (
            "type,name,priority,number-begins-with,description\n"
            "1,good,1,89,\n"
            "3,kind,1,89,\n"
            "1,,1,89,\n"
            '1,lines,1,89,"two\nlines"\n'
            "1,priority,high,89,\n"
            "1,priority,-1,89,\n"
            "1,far,9999999,89,\n"
            "1,begins,1,8x,\n"
            "1,short\n"
            "1,good,1,,\n"
        )
        with pytest.raises(ImportRefused) as refused:
            dialing.import_csv(text)
        assert refused.value.errors == (
            (3, "there is no kind '3' of rules: it is application (1) or directory (2)"),
            (4, "the name of a rule cannot be empty"),
            (5, "the description has a character in it that cannot be shown"),
            (7, "priority is 'high': it is a number"),
            (8, "priority is '-1': it is a number"),
            (9, "priority is 9999999: it is a number from 0 to 1000000"),
            (10, "number-begins-with '8x' may have digits, +, * and # only"),
            (11, "2 fields instead of 5"),
            (12, "rule 'good' is on line 2 already"),
        )
        assert str(refused.value) == "nothing was imported: 9 lines are refused"
        assert dialing.list() == [NINE]
        assert told.news() == []

    @pytest.mark.parametrize(
        ("text", "line", "why"),
        [
            ("", 1, "no line names the columns: type,name,description,"),
            ("1,9,9 to 1,1,9,4,1,1\n", 1, "there is no column '1'; they are type,name,"),
            ("\nname,prefix\na,1\n", 2, "column type is missing"),
            ("type,name,type\n", 1, "column type is named twice"),
            ('type,name\n1,"a\n', 2, "not CSV: unexpected end of data"),
        ],
    )
    def test_a_file_that_is_none_is_refused(self, dialing, text: str, line: int, why: str) -> None:
        with pytest.raises(ImportRefused) as refused:
            dialing.import_csv(text)
        ((at, reason),) = refused.value.errors
        assert at == line
        assert reason.startswith(why)

    def test_progress_adds_up_to_the_lines_of_the_file(self, dialing) -> None:
        lines = ["type,name", *(f"1,rule {number}" for number in range(2000))]
        steps: list[int] = []
        assert dialing.import_csv("\n".join(lines) + "\n", progress=steps.append).added == 2000
        assert (sum(steps), len(steps) > 2) == (2001, True)
