"""The tables in docs/conformance/ name tests that are there and leave no requirement without an answer."""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FOLDER = TESTS.parent / "docs" / "conformance"

# The RFCs of the presence engine, each of which has a chapter in one of the files.
ENGINE = {
    *(3863, 4479, 4480, 4481, 4482, 5196),  # documents
    *(4745, 5025),  # policy
    *(3857, 3858),  # watcher information
    *(4660, 4661),  # filters
    *(4662, 5367, 4826),  # lists
    *(5261, 5262, 5263, 5264),  # partial
    *(5839, 6446),  # conditional, rates
    *(4235, 3842, 3680),  # other packages
}

HEAD = ["section", "requirement", "tests"]
KEYWORD = re.compile(r"\b(MUST|SHALL|REQUIRED)\b")
SECTION = re.compile(r"^(§?(\d+|[A-Z])(\.\d+)*|Appendix [A-Z](\.\d+)*)$")
NUMBER = re.compile(r"(?<![\w.])(?:\d+|[A-Z](?=\.))(?:\.\d+)*")
TITLE = re.compile(r"(\d+(?:\.\d+)*)\.?\s{1,3}(?=\S)(.*)")
# What these say of the keywords is how they are meant, or a form to be filled in.
NOT_NORMATIVE = re.compile(r"(terminology|(document )?conventions|definitions|IANA)\b", re.IGNORECASE)
TEST_NAME = re.compile(r"^[\w/]+\.py(::\w+){1,2}$")
LEFT_OUT = re.compile(r"left out: \w+")


@dataclass(frozen=True)
class Row:
    """One line of a table: where it stands, and its cells."""

    where: str
    cells: tuple[str, ...]

    @property
    def for_others(self) -> bool:
        """True of the line that gathers what an RFC asks of roles that the server does not play."""
        return self.cells[0] == "for others"

    @property
    def tests(self) -> list[str]:
        return [name for name in re.findall(r"`([^`]+)`", self.cells[-1]) if ".py" in name]


def chapters(text: str, name: str) -> dict[int, list[Row]]:
    """The tables of one file by RFC; the head and the rule of a table are no rows."""
    found: dict[int, list[Row]] = {}
    rows: list[Row] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if heading := re.match(r"## RFC (\d+)\b", line):
            assert int(heading[1]) not in found, f"{name}:{number}: a second chapter of RFC {heading[1]}"
            rows = found[int(heading[1])] = []
        elif line.startswith("|"):
            cells = tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
            if list(cells) != HEAD and not re.match(r"^\|[-|]+$", line):
                rows.append(Row(f"{name}:{number}", cells))
    return found


def faults(row: Row) -> list[str]:
    """What is wrong with a row in its form, in words; empty if nothing is."""
    if len(row.cells) != len(HEAD):
        return [f"{row.where}: {len(row.cells)} cells instead of {len(HEAD)}"]
    section, requirement, answer = row.cells
    wrong = []
    if not requirement:
        wrong.append(f"{row.where}: no requirement")
    if row.for_others:
        return wrong
    wrong += [
        f"{row.where}: {part!r} is no section" for part in section.split(", ") if not SECTION.match(part)
    ]
    if not KEYWORD.search(requirement):
        wrong.append(f"{row.where}: no MUST, SHALL or REQUIRED in {requirement!r}")
    if not row.tests and not LEFT_OUT.search(answer):
        wrong.append(f'{row.where}: neither a test nor "left out: reason"')
    wrong += [f"{row.where}: {test} is no path::test" for test in row.tests if not TEST_NAME.match(test)]
    return wrong


def named_sections(rows: list[Row]) -> set[str]:
    """The sections that the rows of a chapter speak of; what is for others names them in its text."""
    return {
        number for row in rows for number in NUMBER.findall(row.cells[1] if row.for_others else row.cells[0])
    }


def normative_sections(rfc: str) -> set[str]:
    """The sections in the text of an RFC that require something, by the words of RFC 2119."""
    found: set[str] = set()
    section = skipped = ""
    for paragraph in re.split(r"\n\s*\n", rfc):
        title = TITLE.match(paragraph.strip("\n\f"))
        if title is not None and not re.search(r"\.\s*\.\s*\.", paragraph):
            section = title[1]
            if "." not in section or NOT_NORMATIVE.match(title[2]):
                skipped = section if NOT_NORMATIVE.match(title[2]) else ""
        said = re.sub(r"#REQUIRED", "", paragraph)
        within_skipped = skipped and f"{section}.".startswith(f"{skipped}.")
        if section and not within_skipped and KEYWORD.search(said):
            found.add(section)
    return found


@cache
def defined_in(path: Path) -> frozenset[str]:
    """The tests that a file defines, `name` or `Class::name`; none where there is no such file."""
    if not path.is_file():
        return frozenset()
    names = set()
    for node in ast.parse(path.read_bytes()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        names |= {
            prefix + each.name
            for each in inner
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and each.name.startswith("test_")
        }
    return frozenset(names)


def exists(test: str) -> bool:
    path, _, name = test.partition("::")
    return name in defined_in(TESTS / path)


def files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")


def test_every_rfc_of_the_presence_engine_has_one_chapter():
    found = [rfc for path in files() for rfc in chapters(path.read_text(encoding="utf-8"), path.name)]

    assert sorted(found) == sorted(ENGINE)


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
class TestTables:
    def test_every_requirement_has_a_test_or_is_left_out_with_a_reason(self, path):
        tables = chapters(path.read_text(encoding="utf-8"), path.name)

        assert [fault for rows in tables.values() for row in rows for fault in faults(row)] == []

    def test_every_test_that_is_named_exists(self, path):
        tables = chapters(path.read_text(encoding="utf-8"), path.name)
        named = [(row.where, test) for rows in tables.values() for row in rows for test in row.tests]

        assert [(where, test) for where, test in named if not exists(test)] == []

    def test_every_section_that_requires_something_is_spoken_of(self, path, shared):
        tables = chapters(path.read_text(encoding="utf-8"), path.name)
        texts = {rfc: (shared / "rfc" / f"rfc{rfc}.txt").read_text(errors="replace") for rfc in tables}

        assert {
            rfc: missing
            for rfc, rows in tables.items()
            if (missing := normative_sections(texts[rfc]) - named_sections(rows))
        } == {}

    def test_no_chapter_is_without_rows(self, path):
        tables = chapters(path.read_text(encoding="utf-8"), path.name)

        assert [rfc for rfc, rows in tables.items() if not rows] == []


class TestTheChecker:
    """The checks above see what they are there to see."""

    def row(self, *cells: str) -> Row:
        return Row("x.md:1", cells)

    def test_a_row_with_a_test_is_in_order(self):
        assert faults(self.row("4.2", "MUST be valid", "`test_conformance.py::TestTheChecker::test_x`")) == []

    def test_a_row_that_is_left_out_needs_a_reason(self):
        assert faults(self.row("4.2", "MUST sign", "left out: no signatures")) == []
        assert faults(self.row("4.2", "MUST sign", "left out:")) == [
            'x.md:1: neither a test nor "left out: reason"'
        ]

    def test_a_row_without_answer_is_a_fault(self):
        assert faults(self.row("4.2", "MUST sign", "")) == ['x.md:1: neither a test nor "left out: reason"']

    def test_what_is_for_others_needs_no_test(self):
        assert faults(self.row("for others", "publishers sign", "")) == []

    def test_a_test_that_does_not_exist_is_not_found(self):
        assert exists("test_conformance.py::TestTheChecker::test_a_row_without_answer_is_a_fault")
        assert not exists("test_conformance.py::test_a_row_without_answer_is_a_fault")
        assert not exists("test_nothing.py::test_nothing")

    def test_sections_that_require_something_are_found_in_an_rfc(self):
        rfc = (
            '2.  Terminology\n\n   The key words "MUST", "MUST NOT" are to be interpreted as usual.\n\n'
            "3.  Documents\n\n   A document may be short.\n\n"
            "3.1.  Ids\n\n   An id MUST be\n   unique.\n\n"
            "4.  IANA Considerations\n\n4.1.  A form\n\n   It is REQUIRED.\n"
        )

        assert normative_sections(rfc) == {"3.1"}

    def test_sections_are_named_in_the_first_cell_and_in_the_text_for_others(self):
        rows = [self.row("4.2, 5", "MUST be 7", "x"), self.row("for others", "watchers (§3.1)", "")]

        assert named_sections(rows) == {"4.2", "5", "3.1"}

    def test_a_chapter_ends_where_the_next_begins(self):
        head = "| section | requirement | tests |\n|---|---|---|"
        text = f"## RFC 1: a\n\n{head}\n| 1 | MUST a | x |\n\n## RFC 2: b\n"

        found = chapters(text, "x.md")

        assert {rfc: len(rows) for rfc, rows in found.items()} == {1: 1, 2: 0}
