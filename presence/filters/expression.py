"""Expressions that select elements and attributes: RFC 4661 §5, text to a small tree.

What the ABNF and the examples of RFC 4660 and 4661 use is understood: absolute paths of names, `*` and `//`,
an attribute at the end, one condition in brackets at any step (the examples put them in the middle), `and`,
`or`, `=`, `<`, `>`.  All else that XPath has is refused.  No text of a watcher ever reaches an XPath engine.

A name without a prefix means an element of the package's own namespace, or of none: XPath 1.0 means only the
latter, but the examples of RFC 4661 (§3.5.1, §5) mean the former.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, NoReturn

from presence.filters.limits import DEFAULT_FILTER_LIMITS, FilterLimits

Operator = Literal["=", "<", ">"]


class ExpressionError(ValueError):
    """An expression that cannot be understood; its text says why, in one line."""


class Name(NamedTuple):
    """A name; `uri` is None where none was given, and `local` is None for `*`."""

    uri: str | None
    local: str | None


class Comparison(NamedTuple):
    """`path` (from the element that is judged) `op` `value`."""

    path: tuple[Name, ...]
    """Child by child; empty for the element itself."""
    parent: bool
    """The path is `..`."""
    attribute: Name | None
    op: Operator
    value: str
    number: bool
    """The value was written without quotes."""


class Step(NamedTuple):
    """One step down, with what the elements there must fulfil."""

    deep: bool
    """`//`: at any depth."""
    name: Name
    condition: tuple[tuple[Comparison, ...], ...] = ()
    """Any of these groups, in which all must hold; empty: no condition."""


class Path(NamedTuple):
    """What is selected: elements, or attributes of them."""

    steps: tuple[Step, ...]
    attribute: Name | None = None
    deep_attribute: bool = False
    """`//@name`: of the elements selected and all below them."""


class _Token(NamedTuple):
    kind: str
    text: str


_TOKEN: Final = re.compile(
    r"""\s*(?:(?P<slash>//?)|(?P<name>[^\W\d][\w.\-\u00B7]*(?::[^\W\d][\w.\-\u00B7]*)?)
    |(?P<number>-?(?:\d+(?:\.\d*)?|\.\d+))|(?P<string>"[^"]*"|'[^']*')|(?P<dots>\.\.?)
    |(?P<op>[=<>](?!=))|(?P<mark>[\[\]*@])|(?P<end>\Z))""",
    re.VERBOSE,
)
_END: Final = _Token("end", "")
_OPERATORS: Final[dict[str, Operator]] = {"=": "=", "<": "<", ">": ">"}


def parse_selection(
    text: str, bindings: Mapping[str, str], limits: FilterLimits = DEFAULT_FILTER_LIMITS
) -> Path:
    """The tree of `text`, a *selection* of RFC 4661 §5; `bindings` give the namespace of each prefix.

    Raises:
        ExpressionError: not an expression, one with more than the RFC has, an unknown prefix, or too long.
    """
    return _Parser(text, bindings, limits).whole()


def parse_reference(
    text: str, bindings: Mapping[str, str], limits: FilterLimits = DEFAULT_FILTER_LIMITS
) -> Path:
    """The tree of `text`, a *reference* of RFC 4661 §5: a selection without conditions.

    Raises:
        ExpressionError: as `parse_selection`.
    """
    path = _Parser(text, bindings, limits).whole()
    if any(step.condition for step in path.steps):
        raise ExpressionError(f"a trigger takes no condition in brackets: {_short(text)}")
    return path


def size(path: Path) -> int:
    """How often evaluating `path` may go through a document."""
    return len(path.steps) + sum(
        len(comparison.path) + 1 for step in path.steps for group in step.condition for comparison in group
    )


def render(path: Path, prefix_of: Callable[[str], str]) -> str:
    """The text of `path`; `prefix_of` gives the prefix of a namespace."""
    out = []
    for step in path.steps:
        out.append("//" if step.deep else "/")
        out.append(_render_name(step.name, prefix_of))
        if step.condition:
            groups = (
                " and ".join(_render_comparison(c, prefix_of) for c in group) for group in step.condition
            )
            out.append(f"[{' or '.join(groups)}]")
    if path.attribute is not None:
        out.append(("//@" if path.deep_attribute else "/@") + _render_name(path.attribute, prefix_of))
    return "".join(out)


class _Parser:
    __slots__ = ("_at", "_bindings", "_limits", "_text", "_tokens")

    def __init__(self, text: str, bindings: Mapping[str, str], limits: FilterLimits) -> None:
        text = text.strip()
        if len(text) > limits.expression:
            raise ExpressionError(f"an expression of more than {limits.expression} characters")
        self._text = text
        self._bindings = bindings
        self._limits = limits
        self._tokens = self._read()
        self._at = 0

    def _read(self) -> list[_Token]:
        tokens: list[_Token] = []
        at = 0
        while True:
            match = _TOKEN.match(self._text, at)
            if match is None:
                self._fail(f"{self._text[at:].lstrip()[:1]!r} is not supported")
            kind = match.lastgroup or "end"
            tokens.append(_Token(kind, match[kind]))
            if kind == "end":
                return tokens
            at = match.end()

    def whole(self) -> Path:
        steps: list[Step] = []
        if self._peek.kind == "end":
            raise ExpressionError("an empty expression")
        if self._peek.kind != "slash":
            self._fail("it must begin with '/'")
        while self._peek.kind == "slash":
            deep = self._next().text == "//"
            if self._take("mark", "@"):
                attribute = self._name(of_attribute=True)
                self._expect_end()
                return Path(tuple(steps), attribute, deep)
            if len(steps) == self._limits.steps:
                self._fail(f"more than {self._limits.steps} steps")
            steps.append(Step(deep, self._step_name(), self._condition()))
        self._expect_end()
        return Path(tuple(steps))

    def _condition(self) -> tuple[tuple[Comparison, ...], ...]:
        if not self._take("mark", "["):
            return ()
        groups = [[self._comparison()]]
        count = 1
        while not self._take("mark", "]"):
            token = self._next()
            if token == ("name", "and"):
                groups[-1].append(self._comparison())
            elif token == ("name", "or"):
                groups.append([self._comparison()])
            else:
                self._fail("'and', 'or' or ']' expected")
            count += 1
            if count > self._limits.steps:
                self._fail(f"more than {self._limits.steps} comparisons")
        return tuple(tuple(group) for group in groups)

    def _comparison(self) -> Comparison:
        path: list[Name] = []
        parent = False
        attribute: Name | None = None
        if self._peek.kind == "dots":
            parent = self._next().text == ".."
        elif self._take("mark", "@"):
            attribute = self._name(of_attribute=True)
        else:
            path.append(self._step_name())
            while attribute is None and self._take("slash", "/"):
                if self._take("mark", "@"):
                    attribute = self._name(of_attribute=True)
                elif len(path) == self._limits.steps:
                    self._fail(f"more than {self._limits.steps} steps")
                else:
                    path.append(self._step_name())
        op = self._next()
        if op.kind != "op":
            self._fail("a comparison with '=', '<' or '>' expected")
        value = self._next()
        if value.kind not in ("string", "number"):
            self._fail("a value in quotation marks, or a number, expected")
        number = value.kind == "number"
        text = value.text if number else value.text[1:-1]
        return Comparison(tuple(path), parent, attribute, _OPERATORS[op.text], text, number)

    def _step_name(self) -> Name:
        return Name(None, None) if self._take("mark", "*") else self._name()

    def _name(self, *, of_attribute: bool = False) -> Name:
        token = self._next()
        if token.kind != "name":
            self._fail(
                "the name of an attribute expected" if of_attribute else "the name of an element expected"
            )
        prefix, colon, local = token.text.rpartition(":")
        if not colon:
            # The empty prefix may be bound; as in XML it does not apply to attributes.
            return Name(None if of_attribute else self._bindings.get(""), local)
        uri = self._bindings.get(prefix)
        if uri is None:
            self._fail(f"the prefix {prefix!r} is not bound")
        return Name(uri, local)

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._at]

    def _next(self) -> _Token:
        token = self._tokens[self._at]
        if token.kind != "end":
            self._at += 1
        return token

    def _take(self, kind: str, text: str) -> bool:
        if self._tokens[self._at] != (kind, text):
            return False
        self._at += 1
        return True

    def _expect_end(self) -> None:
        if self._peek.kind != "end":
            self._fail(f"{self._peek.text!r} is not supported here")

    def _fail(self, why: str) -> NoReturn:
        raise ExpressionError(f"{why}: {_short(self._text)}")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def _render_name(name: Name, prefix_of: Callable[[str], str]) -> str:
    if name.local is None:
        return "*"
    return name.local if name.uri is None else f"{prefix_of(name.uri)}:{name.local}"


def _render_comparison(comparison: Comparison, prefix_of: Callable[[str], str]) -> str:
    left = "/".join(_render_name(name, prefix_of) for name in comparison.path)
    if comparison.attribute is not None:
        left += ("/@" if left else "@") + _render_name(comparison.attribute, prefix_of)
    left = left or (".." if comparison.parent else ".")
    mark = "" if comparison.number else "'" if '"' in comparison.value else '"'
    return f"{left}{comparison.op}{mark}{comparison.value}{mark}"
