"""Partial presence documents, application/pidf-diff+xml (RFC 5262), made and applied.

For partial notification (RFC 5263) differences are computed between two documents of the server: tuples,
persons and devices are known by their ids, all else by its place.  What has changed is replaced as a whole,
or, where that is shorter, child by child.  The watcher's document is then the same as ours to the last space.

For partial publication (RFC 5264) patches of others are applied; what is wrong with them is a 400.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

from presence.documents.namespaces import PIDF
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits
from presence.documents.xml_nodes import Document, Element, Node, Text, read_document, write_node
from presence.documents.xml_patch import ERROR_TYPE, XML_ID, PatchError, apply_operations, error_document
from sip.errors import BadRequest, EntityTooLarge

CONTENT_TYPE: Final = "application/pidf-diff+xml"
NAMESPACE: Final = "urn:ietf:params:xml:ns:pidf-diff"

_PRESENCE: Final = (PIDF, "presence")
_FULL: Final = (NAMESPACE, "pidf-full")
_DIFF: Final = (NAMESPACE, "pidf-diff")
_IDS: Final = (("", "id"), XML_ID)
_OURS: Final = XmlLimits(size=16 * 1024 * 1024, depth=64)
_MOST_CHILDREN: Final = 200
"""Beyond that a difference is not looked for."""
_LARGEST_ERROR: Final = 800
"""Bytes of an error document that is sent: the answer has to fit into a datagram; the reason says it too."""
_FAST: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf"'
_FAST_END: Final = b"</presence>"


def pidf_full(document: bytes, version: int | None) -> bytes:
    """The PIDF `document` as a whole in this format (RFC 5262 §3); without `version` for publications.

    Raises:
        BadRequest: `document` is no PIDF document.
    """
    number = "" if version is None else f' version="{version}"'
    if document.startswith(_FAST):
        end = document.index(b">", len(_FAST))
        head, tail = document[len(_FAST) : end], document.rstrip()
        if tail.endswith(_FAST_END) and head[-1:] != b"/" and b" xmlns:p=" not in head:
            return (
                b'<?xml version="1.0" encoding="UTF-8"?>\n'
                b'<p:pidf-full xmlns="urn:ietf:params:xml:ns:pidf" xmlns:p="%b"%b%b%b</p:pidf-full>\n'
                % (NAMESPACE.encode(), head, number.encode(), tail[end : -len(_FAST_END)])
            )
    read = _read(document, _OURS)
    root = read.root
    root.uri, root.local = _FULL
    root.prefix = _free_prefix(root)
    root.declared[root.prefix] = NAMESPACE
    if version is not None:
        root.attributes["", "version"] = ("", str(version))
    return read.write()


def make_diff(before: bytes, after: bytes, version: int, entity: str | None) -> bytes | None:
    """What makes `after` of `before`, two PIDF documents; None where `pidf_full` would be no longer.

    `version` is that of `after`: one more than that of `before` (RFC 5263 §4.4).  `entity` is the URI of the
    presentity, which is that of both documents.

    Raises:
        BadRequest: one of them is no PIDF document.
    """
    old, new = _read(before, _OURS).root, _read(after, _OURS).root
    if old.attributes != new.attributes or old.declared != new.declared:
        return None
    prefix = _free_prefix(new)
    operations = _Differ(prefix, new.scope()).compare(old, new, "*", inner=True)
    if operations is None:
        return None
    scope = "".join(
        f" xmlns{':' if name else ''}{name}={quoteattr(uri)}"
        for name, uri in {**new.declared, prefix: NAMESPACE}.items()
    )
    about = "" if entity is None else f" entity={quoteattr(entity)}"
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{prefix}:pidf-diff{scope}{about} version="{version}">'
        f"{''.join(operations)}</{prefix}:pidf-diff>\n"
    ).encode()
    return text if len(text) < len(pidf_full(after, version)) else None


def apply_diff(base: bytes, patch: bytes, limits: XmlLimits = _OURS) -> bytes:
    """The PIDF document that a `pidf-diff` makes of `base`, or that a `pidf-full` is (RFC 5263 §4.5).

    Raises:
        PatchError: 400, `patch` cannot be applied.
        BadRequest, EntityTooLarge: one of them cannot be read.
    """
    diff = _read_patch(patch, limits)
    if (diff.root.uri, diff.root.local) == _FULL:
        return _as_presence(diff).write()
    document = _read(base, limits)
    _patch(document, diff.root)
    return document.write()


def apply_published_patch(base: bytes | None, patch: bytes, limits: XmlLimits = DEFAULT_LIMITS) -> bytes:
    """The PIDF document of a publication after a PUBLISH with `patch` (RFC 5264 §4.3).

    `base` is what the publication had, None for an initial one.

    Raises:
        PatchError: 400, an operation fails; the answer has the document of RFC 5261 §5.1 as its body.
        BadRequest: 400, not this format; a `pidf-diff` in an initial publication, or of another presentity.
        EntityTooLarge: 413, the patch, or what it makes of the document.
    """
    diff = _read_patch(patch, limits)
    if (diff.root.uri, diff.root.local) == _FULL:
        return _as_presence(diff).write()
    if base is None:
        raise BadRequest("Invalid Partial Publication: the first one must be pidf-full")
    document = _read(base, limits)
    theirs = diff.root.attributes.get(("", "entity"))
    ours = document.root.attributes.get(("", "entity"))
    if theirs is not None and ours is not None and theirs[1].strip() != ours[1].strip():
        raise BadRequest("pidf-diff: the entity is not that of the publication")
    try:
        _patch(document, diff.root)
    except PatchError as error:
        told = error_document(error)
        if len(told) <= _LARGEST_ERROR:
            error.headers, error.body = (("Content-Type", ERROR_TYPE),), told
        raise
    result = document.write()
    if len(result) > limits.size:
        raise EntityTooLarge(f"PIDF after the patch: more than {limits.size} bytes")
    return result


def _patch(document: Document, diff: Element) -> None:
    name = (document.root.uri, document.root.local)
    # RFC 5262 §6 calls the root `presence` where the document at hand is a pidf-full.
    apply_operations(document, diff, roots={_FULL: name, _PRESENCE: name}, ids=_IDS)
    if (document.root.uri, document.root.local) != _PRESENCE:
        raise PatchError("invalid-root-element-operation", "the root must stay")


def _read(data: bytes, limits: XmlLimits) -> Document:
    """A PIDF document, or a pidf-full as one."""
    document = read_document(data, "PIDF", limits)
    name = (document.root.uri, document.root.local)
    if name == _FULL:
        return _as_presence(document)
    if name != _PRESENCE:
        raise BadRequest(f"PIDF: the root is {document.root.local}, not presence")
    return document


def _read_patch(data: bytes, limits: XmlLimits) -> Document:
    document = read_document(data, "pidf-diff", limits)
    if (document.root.uri, document.root.local) not in (_FULL, _DIFF):
        raise BadRequest(f"pidf-diff: the root is {document.root.local}, neither pidf-full nor pidf-diff")
    return document


def _as_presence(document: Document) -> Document:
    root = document.root
    if not any(element.uri == NAMESPACE for element in root.walk() if element is not root):
        root.declared.pop(root.prefix, None)
    bound = sorted(prefix for prefix, uri in root.declared.items() if uri == PIDF)
    if bound:
        root.prefix = bound[0]
    else:
        root.prefix = "" if "" not in root.declared else "pidf"
        root.declared = {root.prefix: PIDF, **root.declared}
    root.uri, root.local = _PRESENCE
    root.attributes.pop(("", "version"), None)
    return document


def _free_prefix(root: Element) -> str:
    taken = {prefix for element in root.walk() for prefix in element.declared}
    return next(name for name in ("p", *(f"p{n}" for n in range(len(taken) + 1))) if name not in taken)


class _Child(NamedTuple):
    """A child element, with the white space before it."""

    lead: str
    element: Element
    key: tuple[str, ...]
    text: str
    """As it is written."""


class _Differ:
    """Writes the operations; `scope` is what the root of the difference declares."""

    def __init__(self, prefix: str, scope: dict[str, str]) -> None:
        self._prefix = prefix
        self._prefixes = {uri: name for name, uri in scope.items()}

    def compare(self, old: Element, new: Element, at: str, *, inner: bool) -> list[str] | None:
        """The operations on the children of the element that `at` selects; None where that cannot be said."""
        before, after = _children(old), _children(new)
        if before is None or after is None or before[1] != after[1]:
            return None
        if max(len(before[0]), len(after[0])) > _MOST_CHILDREN:
            return None
        was, now = {child.key: child for child in before[0]}, {child.key: child for child in after[0]}
        stay = _in_order(before[0], after[0])
        out: list[str] = []
        # What the document looks like for the next operation.
        current = list(before[0])
        for child in before[0]:
            if child.key not in stay:
                where = self._selector(at, current, child)
                space = ' ws="before"' if child.lead else ""
                out.append(f"<{self._prefix}:remove sel={quoteattr(where)}{space}/>")
                current.remove(child)
        for index, child in enumerate(after[0]):
            if child.key not in stay:
                out.append(self._add(at, current, index, child))
                current.insert(index, child)
            elif child.text != was[child.key].text:
                out += self._change(at, current, was[child.key], now[child.key], inner=inner)
        return out

    def _add(self, at: str, current: Sequence[_Child], index: int, child: _Child) -> str:
        if index == 0:
            where, position = at, "prepend"
        else:
            where, position = self._selector(at, current, current[index - 1]), "after"
        name = f"{self._prefix}:add"
        lead: list[str] = []
        if child.lead:
            write_node(lead, Text(child.lead))
        return f'<{name} sel={quoteattr(where)} pos="{position}">{"".join(lead)}{child.text}</{name}>'

    def _change(
        self, at: str, current: Sequence[_Child], old: _Child, new: _Child, *, inner: bool
    ) -> list[str]:
        where = self._selector(at, current, old)
        name = f"{self._prefix}:replace"
        whole = [f"<{name} sel={quoteattr(where)}>{new.text}</{name}>"]
        if not inner or old.element.attributes != new.element.attributes:
            return whole
        if old.element.declared != new.element.declared or old.element.prefix != new.element.prefix:
            return whole
        if new.element.declared:
            # What is within may need declarations that an operation does not see.
            return whole
        parts = self.compare(old.element, new.element, where, inner=False)
        if parts is None or sum(map(len, parts)) >= len(whole[0]):
            return whole
        return parts

    def _selector(self, at: str, current: Sequence[_Child], child: _Child) -> str:
        """Selects `child` among `current`: by name if no other has it, by id, or by place."""
        element = child.element
        prefix = self._prefixes.get(element.uri)
        name = None if prefix is None else f"{prefix}:{element.local}" if prefix else element.local
        if name is not None:
            alike = [
                each
                for each in current
                if each.element.local == element.local and each.element.uri == element.uri
            ]
            if len(alike) == 1 and len(child.key) == 3:
                return f"{at}/{name}"
            ident = element.attributes.get(("", "id"), ("", ""))[1]
            ids = [each.element.attributes.get(("", "id"), ("", ""))[1] for each in alike]
            if ident and "'" not in ident and ids.count(ident) == 1 and not _odd(ident):
                return f"{at}/{name}[@id='{ident}']"
        place = next(number for number, each in enumerate(current, 1) if each.key == child.key)
        return f"{at}/*[{place}]"


def _odd(text: str) -> bool:
    return any(char.isspace() for char in text) or len(text) > 128


def _children(element: Element) -> tuple[list[_Child], str] | None:
    """The child elements of `element`, and the white space at its end; None if there is more than that."""
    found: list[_Child] = []
    seen: dict[tuple[str, str, str], int] = {}
    lead = ""
    for node in element.children:
        if isinstance(node, Text) and node.is_space:
            lead = node.text
        elif isinstance(node, Element):
            ident = node.attributes.get(("", "id"), ("", ""))[1]
            key = (node.uri, node.local, ident)
            count = seen[key] = seen.get(key, 0) + 1
            found.append(_Child(lead, node, (*(key if ident else key[:2]), str(count)), _text(node)))
            lead = ""
        else:
            return None
    return found, lead


def _text(node: Node) -> str:
    out: list[str] = []
    write_node(out, node)
    return "".join(out)


def _in_order(before: Sequence[_Child], after: Sequence[_Child]) -> set[tuple[str, ...]]:
    """The keys of most children that are in both, in the same order and after the same white space."""
    places = {child.key: (index, child.lead) for index, child in enumerate(before)}
    common: list[tuple[int, tuple[str, ...]]] = []
    for child in after:
        place = places.get(child.key)
        if place is not None and place[1] == child.lead:
            common.append((place[0], child.key))
    # The longest increasing subsequence, by the least last index for each length.
    tails: list[int] = []
    ends: list[int] = []
    previous: list[int] = []
    for number, (index, _) in enumerate(common):
        length = bisect_left(tails, index)
        tails[length : length + 1] = [index]
        ends[length : length + 1] = [number]
        previous.append(ends[length - 1] if length else -1)
    keys: set[tuple[str, ...]] = set()
    number = ends[-1] if ends else -1
    while number >= 0:
        keys.add(common[number][1])
        number = previous[number]
    return keys
