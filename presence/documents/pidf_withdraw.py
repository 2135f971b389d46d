"""A published PIDF document without one of its tuples."""

from __future__ import annotations

from lxml import etree

from presence.documents import layout
from presence.documents.pidf_reader import read_root
from presence.documents.xml import DEFAULT_LIMITS, XmlLimits


def without_tuple(data: bytes, ident: str, limits: XmlLimits = DEFAULT_LIMITS) -> bytes | None:
    """The document `data` without its tuple `ident`, as the client wrote that id; None if it has no other.

    Raises:
        LookupError: there is no such tuple.
        BadRequest, EntityTooLarge: as `parse_pidf`.
    """
    root = read_root(data, limits)
    ident = ident.strip()
    tuples = root.findall(layout.TUPLE)
    going = [it for it in tuples if (it.get("id") or "").strip() == ident]
    if not going:
        raise LookupError(ident)
    if len(going) == len(tuples):
        return None
    for element in going:
        root.remove(element)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)
