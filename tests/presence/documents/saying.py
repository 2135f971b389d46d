"""What a PIDF document says, to compare two of them that were read or written in different ways."""

from __future__ import annotations

from lxml import etree

from presence.documents.pidf import Element, Part, PidfDocument, render_pidf


def body(document: PidfDocument) -> bytes:
    """All of it joined."""
    parts: list[Element | Part] = [*document.tuples, *document.notes, *document.persons, *document.devices]
    return b"\n".join(part.xml for part in (*parts, *document.extensions))


def out(document: PidfDocument) -> etree._Element:
    return etree.fromstring(render_pidf("sip:alice@example.com", [body(document)]))


def said(document: PidfDocument) -> tuple[object, ...]:
    """All that a document says, to compare two of them."""
    elements = (*document.tuples, *document.persons, *document.devices)
    return canonical(document), document.moments, [
        (e.kind, e.id, e.timestamp, e.source, e.basic, e.priority, e.device_id, e.timed,
         [(part.name, part.starts, part.ends) for part in e.parts])
        for e in elements
    ]  # fmt: skip


def canonical(document: PidfDocument) -> bytes:
    root = out(document)
    try:
        return etree.tostring(root, method="c14n", exclusive=True)
    except etree.C14NError:
        # Canonical XML has no word for a namespace that is a relative URI.
        return etree.tostring(root)


def meant(document: PidfDocument) -> object:
    """As `said`, whatever prefixes its elements are written with."""
    return _tree(out(document)), said(document)[1:]


def _tree(element: etree._Element) -> object:
    return element.tag, sorted(element.items()), element.text, element.tail, [_tree(it) for it in element]
