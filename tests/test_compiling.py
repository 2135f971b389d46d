"""What mypyc is given (setup.py, decision 0018) is there, and has nothing in it that mypyc gets wrong.

Whether it compiles and works takes minutes to find out: scripts/test-compiled.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def constant(name: str) -> list[str]:
    """A tuple or frozenset of names in setup.py, which cannot be imported: it would build."""
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            value = node.value.args[0] if isinstance(node.value, ast.Call) else node.value
            return list(ast.literal_eval(value))
    raise AssertionError(f"setup.py has no {name}")


BUSY = constant("BUSY")
INTERPRETED = constant("INTERPRETED")


def compiled() -> list[str]:
    paths = [ROOT / name for name in BUSY]
    files = [file for path in paths for file in (sorted(path.rglob("*.py")) if path.is_dir() else [path])]
    return [name for file in files if (name := file.relative_to(ROOT).as_posix()) not in INTERPRETED]


@pytest.mark.parametrize("name", BUSY + INTERPRETED)
def test_what_setup_names_is_there(name: str) -> None:
    assert (ROOT / name).exists()


def test_what_stays_interpreted_would_be_compiled_otherwise() -> None:
    assert [name for name in INTERPRETED if not name.startswith(tuple(BUSY))] == []


def test_nothing_is_compiled_twice() -> None:
    names = compiled()
    assert len(names) > 50
    assert sorted(set(names)) == sorted(names)


# -- what mypyc is known to get wrong ------------------------------------------------------------------

IMMUTABLE = {"str", "bytes", "int", "float", "tuple", "frozenset"}


def traps(tree: ast.Module) -> Iterator[str]:
    """Line and reason of each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            if bases := IMMUTABLE.intersection(map(ast.unparse, node.bases)):
                yield f"{node.lineno}: {node.name} is a subclass of {bases}, which has no room for attributes"
            if any("runtime_checkable" in ast.unparse(it) for it in node.decorator_list):
                yield f"{node.lineno}: isinstance takes no compiled class for {node.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.ClassDef):
                    yield f"{inner.lineno}: {inner.name} is a class in a function"
            yield from _groups_into_strings(node)
            inner_functions = [
                it for it in ast.walk(node) if isinstance(it, ast.FunctionDef) and it is not node
            ]
            named = {it.name for it in inner_functions}
            for inner in inner_functions:
                own = {it.name for it in ast.walk(inner) if isinstance(it, ast.FunctionDef)} - {inner.name}
                used = {it.id for it in ast.walk(inner) if isinstance(it, ast.Name)}
                if both := used & named - own:
                    yield f"{inner.lineno}: {inner.name} and {both} are a cycle that nobody collects"
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("locals", "sys._getframe"):
            yield f"{node.lineno}: compiled functions have no frames"


def _groups_into_strings(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Groups of a match may be None, which a name that had a string before does not take."""
    before: set[str] = set()
    assigned = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    for node in sorted(assigned, key=lambda each: each.lineno):
        names = {it.id for target in node.targets for it in ast.walk(target) if isinstance(it, ast.Name)}
        if isinstance(node.value, ast.Call) and ast.unparse(node.value.func).endswith(".groups"):
            for name in sorted(names & before):
                yield f"{node.lineno}: {name} has had another value before that of a group"
        before |= names


@pytest.mark.parametrize("name", compiled())
def test_nothing_is_in_it_that_mypyc_gets_wrong(name: str) -> None:
    assert list(traps(ast.parse((ROOT / name).read_text()))) == []


@pytest.mark.parametrize(
    "source",
    [
        "class Text(str): ...",
        "@typing.runtime_checkable\nclass Package(Protocol): ...",
        "def make():\n    class Inner: ...",
        "def show():\n    return locals()",
        "def make():\n    def one(): ...\n    def other():\n        return one",
        "def read():\n    host, port = text.split(':')\n    host, name = match.groups()",
    ],
)
def test_each_of_these_would_be_found(source: str) -> None:
    assert len(list(traps(ast.parse(source)))) == 1
