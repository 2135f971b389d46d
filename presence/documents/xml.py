"""The one way in which bytes from outside become XML: no DTD, no entities, no network, bounded size, depth.

Every document format reads through `read_xml`; nothing else in the product makes a parser.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lxml import etree

from sip.errors import BadRequest, EntityTooLarge


class _Nowhere(etree.Resolver):
    """Whatever a document points to says nothing: no file is opened because a document names it."""

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> object:
        # Not `resolve_empty`: then lxml opens the file all the same.
        return self.resolve_string("<!-- -->", context, base_url=None)


def closed(parser: etree.XMLParser) -> etree.XMLParser:
    """`parser`, which opens nothing that a document names, whatever else it was told.

    Without it `collect_ids=False` makes lxml load external DTDs, although `load_dtd` is off.
    """
    parser.resolvers.add(_Nowhere())
    return parser


# `collect_ids` would have libxml2 refuse what only the schema can judge: ids that are not unique.
_PARSER = etree.XMLParser(
    resolve_entities=False,
    load_dtd=False,
    dtd_validation=False,
    attribute_defaults=False,
    no_network=True,
    huge_tree=False,
    recover=False,
    remove_comments=True,
    remove_pis=True,
    collect_ids=False,
)
closed(_PARSER)

_LONGEST_REASON = 160
_PRINTABLE = dict.fromkeys((*range(0x20), 0x7F, 0x85, 0x2028, 0x2029), " ")


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """How much XML one document may be."""

    size: int = 65536
    """Bytes (413 above)."""
    depth: int = 32
    """Elements within each other, the root included (400 above)."""


DEFAULT_LIMITS = XmlLimits()


def read_xml(data: bytes, what: str = "XML", limits: XmlLimits = DEFAULT_LIMITS) -> etree._Element:
    """The root element of the document `data`; `what` names the format in refusals.

    Comments and processing instructions are left out, entities are not expanded.

    Raises:
        EntityTooLarge: 413, more than `limits.size` bytes.
        BadRequest: 400, empty, not well-formed, with a DTD, or nested deeper than `limits.depth`.
    """
    if len(data) > limits.size:
        raise EntityTooLarge(f"{what}: more than {limits.size} bytes", limit="max_document")
    if b"<!DOCTYPE" in data:
        # The usual case of the check below, without giving libxml2 a chance to read entity declarations.
        raise BadRequest(f"{what}: a DTD is not accepted")
    try:
        # Some clients put the empty line before the body twice; XML allows nothing before its declaration.
        root = etree.fromstring(data if data[:1] == b"<" else data.lstrip(b"\r\n\t "), _PARSER)
    except etree.XMLSyntaxError as error:
        raise BadRequest(f"{what}: {_fault(error)}") from None
    document = root.getroottree().docinfo
    if document.internalDTD is not None:
        raise BadRequest(f"{what}: a DTD is not accepted")
    # Where "</" is two bytes, there are at least as many end tags as elements within each other.  lxml calls
    # UTF-16 without a declaration UTF-8: its zero bytes tell.
    countable = document.encoding in (None, "UTF-8") and b"\0" not in data
    if not (countable and data.count(b"</") < limits.depth) and deeper_than(limits.depth)(root):
        raise BadRequest(f"{what}: nested deeper than {limits.depth} elements", limit="max_document_depth")
    return root


def one_line(text: str) -> str:
    """`text` as it can stand in a reason phrase: one line, not too long."""
    text = " ".join(text.translate(_PRINTABLE).split())
    return text if len(text) <= _LONGEST_REASON else text[: _LONGEST_REASON - 3] + "..."


def _fault(error: etree.XMLSyntaxError) -> str:
    line = error.lineno or 0
    if "Document is empty" in str(error.msg):
        return "the body is empty or not XML"
    message = one_line(error.msg)
    return message if ", line " in message else f"{message}, line {line}"


@lru_cache(maxsize=8)
def deeper_than(depth: int) -> etree.XPath:
    """Whether there is an element with `depth` ancestors."""
    return etree.XPath(f"boolean({'/*' * (depth + 1)})")
