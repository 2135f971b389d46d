"""PIDF that is written as we would write it, which is what phones mostly send: recognised, not walked.

lxml has read and checked the document; its serialised form is then matched by expressions that hold for
nothing but valid parts in their canonical spelling.  They cost a fifth of a walk in Python.  Whatever
does not match is no fault, it only takes the longer way (`pidf_reader`).  No quantifier here can
backtrack over another one's choice: they are possessive, or end at a `<`.
"""

from __future__ import annotations

import re
from typing import Final

from lxml import etree

from presence.documents.namespaces import CISCO_SOURCE, PREFIXES, VARIANTS
from presence.documents.pidf import PersonFragment, PidfFragments, TupleFragment, fragments
from presence.documents.xsd import epoch

_ID: Final = r'id="(?P<%s>[A-Za-z_][A-Za-z0-9_.\-]*+)"'
_TEXT: Final = r"[^<>]*+"
_LANG: Final = r'(?: xml:lang="[a-zA-Z]{1,8}(?:-[a-zA-Z0-9]{1,8})*+")?+'
# Elements of other namespaces: tags with a prefix, text only between a start tag and an end tag, no ids
# (those of RPID are unique in a document, which needs a look).
_EXTENSIONS: Final = (
    r"(?:\s*+(?:<(?!dm:|[^<>]*?\sid=)[A-Za-z_][A-Za-z0-9_.\-]*+:[^<>]*+(?:(?<=/)>|(?<!/)>(?:[^<>]*+(?=</))?+)"
    r"|</(?!dm:)[A-Za-z_][A-Za-z0-9_.\-]*+:[A-Za-z0-9_.\-]++>))*+\s*+"
)
# The schemas want the timestamp after the notes; PJSIP writes it before them.
_TIMESTAMP: Final = r"(?:<%%(any)stimestamp>(?P<%%(kind)s_%s>[0-9T:Z.+\-]++)</%%(any)stimestamp>\s*+)?+"
_END: Final = (
    _TIMESTAMP % "early"
    + r"(?P<%(kind)s_notes>(?:<%(dm)snote" + _LANG + r"(?:/>|>" + _TEXT + r"</%(dm)snote>)\s*+)*+)"
    + _TIMESTAMP % "late"
    + r"</%(name)s>"
)  # fmt: skip
_PRIORITY: Final = r'(?: priority="(?P<priority>0(?:\.[0-9]{1,3})?+|1(?:\.0{1,3})?+)")?+'
_TUPLE: Final = (
    r"<tuple " + _ID % "tuple"
    + r"(?P<tuple_start>>\s*+<status>\s*+(?:<basic>(?P<basic>open|closed)</basic>)?+" + _EXTENSIONS
    + r"</status>" + _EXTENSIONS
    + r"(?:<contact" + _PRIORITY + r">[^<>%\s]++</contact>\s*+)?+)"
    + _END % {"dm": "", "any": "", "kind": "tuple", "name": "tuple"}
)  # fmt: skip
# Linphone takes the timestamp of PIDF for the one of the data model.
_PERSON: Final = (
    r"<dm:person " + _ID % "person" + r"(?P<person_start>>" + _EXTENSIONS + r")"
    + _END % {"dm": "dm:", "any": "(?:dm:)?+", "kind": "person", "name": "dm:person"}
)  # fmt: skip
_PART: Final = re.compile(
    (
        r"\s*+(?:" + _TUPLE + r"|" + _PERSON
        + r"|(?P<note><note" + _LANG + r">" + _TEXT + r"</note>)|(?P<end></presence>))"
    ).encode()
)  # fmt: skip
_BETWEEN_TAGS: Final = re.compile(rb">\s+<")
_TUPLE_GROUPS: Final = ("tuple", "tuple_start", "tuple_early", "tuple_notes", "tuple_late")
_PERSON_GROUPS: Final = ("person", "person_start", "person_early", "person_notes", "person_late")
_KNOWN: Final = frozenset({*PREFIXES.values(), *VARIANTS, CISCO_SOURCE})


def read_plain(root: etree._Element, data: bytes) -> PidfFragments | None:
    """The fragments of the document `root`, which was read from `data`; None if it has to be walked."""
    foreign = _foreign_namespaces(root, data)
    if foreign is None:
        return None
    xml: bytes = etree.tostring(root, encoding="UTF-8")
    if not foreign:
        # Only elements of the standard namespaces, in none of which blanks between tags mean anything.
        xml = _BETWEEN_TAGS.sub(b"><", xml)
    tuples: list[TupleFragment] = []
    notes: list[bytes] = []
    persons: list[PersonFragment] = []
    ids: set[bytes] = set()
    position = xml.index(b">") + 1
    while True:
        match = _PART.match(xml, position)
        if match is None:
            return None
        position = match.end()
        if match["end"] is not None:
            return fragments(tuples, notes, persons)
        if match["note"] is not None:
            notes.append(_with_declarations(match["note"], foreign))
            continue
        is_tuple = match["tuple"] is not None
        ident, start, early, part_notes, late = match.group(*(_TUPLE_GROUPS if is_tuple else _PERSON_GROUPS))
        time = early or late
        timestamp = None
        if time is not None and (timestamp := epoch(time.decode())) is None:
            return None
        if ident in ids or (early and late):
            return None
        ids.add(ident)
        rest = _with_declarations(start + part_notes, foreign)
        if is_tuple:
            if time:
                rest = b"%b<timestamp>%b</timestamp>" % (rest, time)
            rest += b"</tuple>"
            basic, priority = match.group("basic", "priority")
            tuples.append(
                TupleFragment(
                    ident.decode(),
                    rest,
                    None if basic is None else basic.decode(),
                    0.0 if priority is None else float(priority),
                    timestamp,
                )
            )
        else:
            if time:
                rest = b"%b<dm:timestamp>%b</dm:timestamp>" % (rest, time)
            rest += b"</dm:person>"
            persons.append(PersonFragment(ident.decode(), rest, timestamp, ()))


def _foreign_namespaces(root: etree._Element, data: bytes) -> list[tuple[bytes, bytes]] | None:
    """Prefixes and declarations on the root other than our own; None if namespaces are not declared our way.

    That is: all on the root, the standard ones with our prefixes, none that has to be replaced or looked
    into.
    """
    declared = root.nsmap
    if data.count(b"xmlns") != len(declared) or None not in declared:
        return None
    foreign: list[tuple[bytes, bytes]] = []
    for prefix, uri in declared.items():
        if prefix in PREFIXES:
            if PREFIXES[prefix] != uri:
                return None
        elif uri in _KNOWN or prefix is None or not uri.isascii() or "&" in uri:
            return None
        else:
            foreign.append((f"{prefix}:".encode(), f' xmlns:{prefix}="{uri}"'.encode()))
    return foreign


def _with_declarations(xml: bytes, foreign: list[tuple[bytes, bytes]]) -> bytes:
    """`xml` with the declarations of the prefixes that it mentions, be it in a value (a QName)."""
    if foreign:
        needed = b"".join(declaration for prefix, declaration in foreign if prefix in xml)
        if needed:
            head, bracket, rest = xml.partition(b">")
            return head + needed + bracket + rest
    return xml
